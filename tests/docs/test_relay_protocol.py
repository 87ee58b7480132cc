"""docs/relay-protocol.md: what a partner reads there is what a receiver does. A block of exchanges is one connection to a fresh relay."""

import re
from pathlib import Path

import pytest

from relay.config import Codes, ReceiverTimeouts, Relay
from relay.config import Receiver as ReceiverConfig
from tests.relay.running import partner, running

PAGE = (Path(__file__).parents[2] / "docs" / "relay-protocol.md").read_text()
BLOCKS = re.findall(r"^```exchange\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def raw(text: str) -> bytes:
    """As written on the page: `\\n`, `\\r` and `\\xff` are escapes, everything else stands for itself in UTF-8."""
    names = {b"\\n": b"\n", b"\\r": b"\r"}
    return re.sub(rb"\\n|\\r|\\x[0-9a-f]{2}", lambda found: names.get(found[0]) or bytes.fromhex(found[0][2:].decode()), text.encode())


def exchanges(block: str) -> list[tuple[bytes, bytes]]:
    lines = [line for line in block.splitlines() if line[:2] in ("> ", "< ")]
    assert [line[0] for line in lines] == [">", "<"] * (len(lines) // 2)
    return [(raw(sent[2:]), raw(heard[2:])) for sent, heard in zip(lines[::2], lines[1::2], strict=True)]


@pytest.mark.parametrize("block", BLOCKS)
async def test_the_exchanges_on_the_page_are_the_ones_that_happen(tmp_path: Path, block: str) -> None:
    config = Relay(directory=str(tmp_path / "r"), receivers=[ReceiverConfig(name="a", listen="127.0.0.1:0")])
    async with running(config) as relay, partner(relay.status()) as found:
        for sent, heard in exchanges(block):
            await found.send(sent)
            assert b"".join([await found.answer() for _ in range(heard.count(b"\n"))]) == heard, sent


def test_the_page_has_exchanges() -> None:
    assert sum(len(exchanges(block)) for block in BLOCKS) >= 14


def test_every_code_stands_on_the_page_with_its_number() -> None:
    codes = Codes()
    assert all(f"| {getattr(codes, name)} |" in PAGE for name in codes.__struct_fields__)


def test_the_deadlines_on_the_page_are_the_defaults() -> None:
    limits = ReceiverTimeouts()
    rows = re.findall(r"^\| (?:from the connection|from a record|between two|to read your)[^|]*\| (\d+) s \|", PAGE, re.MULTILINE)
    assert [float(row) for row in rows] == [limits.first_byte, limits.record, limits.idle, limits.unread]
