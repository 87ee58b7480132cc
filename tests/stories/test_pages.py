"""Looking into things: from a topic to one record, copied and written, and back; from a topic to its consumers and back."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.conftest import demo_environment
from tests.stories.console import Console
from tests.stories.home import PROGRAM

SIZES = [(80, 24), (120, 40)]


@pytest.fixture(params=SIZES, ids=str)
def console(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Console]:
    environment = {name: value for name, value in demo_environment(tmp_path).items() if name != "TMUX"}
    with Console([*PROGRAM, "--demo"], environment, request.param, cwd=tmp_path) as console:
        console.sees("0 Overview", "orders.created")
        yield console
        console.press("q")
        assert console.ends() == 0
        assert console.left_on() == []


def copied(console: Console) -> list[str]:
    """What the terminal was asked to put on its clipboard, oldest first."""
    found = re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", bytes(console.output))
    return [base64.b64decode(text).decode() for text in found]


def test_a_record_is_found_copied_written_and_left(console: Console, tmp_path: Path) -> None:
    console.press("2", "/", "payments.settled", "enter", "enter")
    console.sees(r"› payments\.settled", "── Partitions 12 ", "^›  all ")
    console.press("j", "j", "enter")
    console.sees("partition 1", r"Newest 50 of [\d,]+ records of payments\.settled, ", r"^› *[\d,]+ .*KR-20261122")
    console.press("y")
    console.sees("copied a row of payments.settled › partition 1, ")
    console.press("j", "enter")
    console.sees("offset [0-9,]+ ", "trace-id: [0-9a-f]{16}", '^   "order": "KR-20261122-')
    console.press("y")
    console.until(lambda: len(copied(console)) == 2, "a second copy")
    console.press("t", "t")
    console.sees(r"^ 00000000  7b 22 6f 72 64 65 72 22  ")
    console.press("w")
    console.sees(r"^ ?:write payments\.settled-partition_1-offset_")
    console.press("enter")
    console.sees(r"wrote payments\.settled › partition 1 › offset [\d,]+ to payments")
    written = [json.loads(line) for path in tmp_path.glob("payments*.jsonl") for line in path.read_text().splitlines()]
    assert [record["partition"] for record in written] == [1]
    assert json.loads(copied(console)[1]) == json.loads(written[0]["value"]), "what was copied is what was written"
    assert json.loads(copied(console)[0])["order"] != "", "of a row of records its value is copied"
    console.press("esc", "q", "backspace")
    console.sees(r"^── Topics 1 of \d+ ", r"^› .*payments\.settled")
    console.press("esc")


def test_a_topic_and_its_consumers_are_one_key_apart(console: Console) -> None:
    console.press("2", "/", "search", "enter", "enter")
    console.sees(r"› search\.queries ", "── Partitions 4 ")
    console.press("ㅊ")  # the key of c
    console.sees("› Offsets ", r"^── Offsets 1 of \d+  of topic search\.queries", "^› .*search-index")
    console.press("enter", "enter")
    console.sees("› partition 0 ", "History: ", "^ Lag   min ", "┤.*[▁▂▃▄▅▆▇█]")
    console.press("q", "q", "q")
    console.sees("› Topics › search.queries ", "── Partitions 4 ")
    console.press("esc", "esc", "3")
    console.sees(r"^── Offsets \d+ ─")
    console.press("G", "c")
    console.sees("a total has no topic of its own")
    console.press("0")


def test_a_table_is_written_and_never_over_a_file(console: Console, tmp_path: Path) -> None:
    console.press("2", ":write t.csv\r")
    console.sees(r"wrote \d+ rows of Topics to t\.csv")
    before = (tmp_path / "t.csv").read_bytes()
    assert "주문.확정" in before.decode()
    console.press("/", "orders", "enter", ":write t.csv\r")
    console.sees("t.csv exists already and is left as it is")
    assert (tmp_path / "t.csv").read_bytes() == before
    console.press("esc")
