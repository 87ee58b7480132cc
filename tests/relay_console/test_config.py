"""config.yaml: every mistake at once at its line and column, nothing invented, no secret repeated; the shipped one is right."""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay_console import paths, quick
from relay_console.config import load, read
from relay_console.errors import BadConfiguration
from relay_console.sections import sections

PLACE = Path("/srv/config.yaml")
KNOWN = sections()

MARK = "»"
CORPUS = Path(__file__).with_name("broken.txt")


class Broken(NamedTuple):
    """One file of the corpus: what stands in it, where its mistake is, and how the message begins."""

    text: str
    place: str
    said: str


def corpus() -> dict[str, Broken]:
    found: dict[str, Broken] = {}
    for part in CORPUS.read_text().split("## ")[1:]:
        name, rest = part.split("\n", 1)
        text, said = rest.split("=== ")
        before = text[: text.index(MARK)]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        found[name] = Broken(text.replace(MARK, "").rstrip("\n") + "\n", f"{line}:{column}", said.strip())
    return found


def mistakes(text: str) -> list[str]:
    """Without the file's name."""
    try:
        read(text.encode(), PLACE, KNOWN)
    except BadConfiguration as error:
        assert error.exit_code == 78
        assert all(line.startswith(f"{PLACE}:") for line in error.lines)
        return [line.removeprefix(f"{PLACE}:") for line in error.lines]
    return []


@pytest.mark.parametrize("broken", [pytest.param(broken, id=name) for name, broken in corpus().items()])
def test_a_broken_file_is_named_at_its_line_and_column(broken: Broken) -> None:
    (found,) = _mistakes_below_srv(broken.text)
    assert found.startswith(f"{broken.place}: {broken.said}")


def test_there_are_as_many_broken_files_as_were_promised() -> None:
    assert len(corpus()) >= 40


def _mistakes_below_srv(text: str) -> list[str]:
    try:
        read(text.encode(), PLACE, KNOWN)
    except BadConfiguration as error:
        home = str(paths.relay_directory("~/.local/state/relay-console/relay", PLACE))
        return [line.removeprefix(f"{PLACE}:").replace(home, "/srv/data") for line in error.lines]
    return []


def test_ten_mistakes_are_ten_lines_in_the_order_of_the_file() -> None:
    found = mistakes("""
relay:
  directry: x
  receivers:
    - {name: a b, listen: 1.2.3.4:0, allow: [x]}
    - {name: c, listen: "1.2.3.4:1", timeouts: {idle: 5}}
kafka:
  - {name: k, bootstrap: "localhost:9092", interval: 0:30, limits: [{topic: "*", warn: 5}]}
console: {theme: 5, mouse: on}
histry: {}
""")
    assert [line.split(": ")[0] for line in found] == ["3:3", "5:14", "5:27", "5:46", "6:55", "8:54", "8:88", "9:18", "9:28", "10:1"]


def test_no_secret_of_a_broken_file_is_repeated() -> None:
    text = "activemq: [{name: b, jolokia: 'http://u:hunter2@h/', password: hunter2}]\nx: {password: [hunter2]}\n"
    text += "kafka: [{name: k, options: {sasl.password: hunter2, ssl.key.pem: hunter2}}]\n"
    assert "hunter2" not in "\n".join(mistakes(text))
    assert len(mistakes(text)) >= 4


def test_wrong_options_are_told_beside_every_other_mistake_of_their_cluster() -> None:
    found = mistakes("""
kafka:
  - name: k
    bootstrap: "localhost:9092"
    interval: 5
    options:
      sasl.mechansm: PLAIN
      security.protocol: SASL_SSL
      sasl.password: hunter2
      sasl.username: kim
      fetch.min.bytes: 5s
""")
    assert [line.split(": ")[0] for line in found] == ["5:15", "7:7", "8:26", "9:22", "11:24"]
    assert "sasl.mechanism is missing" in found[2] and "hunter2" not in str(found)


def test_who_does_not_use_the_options_does_not_ask_for_them(tmp_path: Path) -> None:
    """The relay is not kept from its records by a pane's certificate, and never has librdkafka for it."""
    file = tmp_path / "config.yaml"
    file.write_text("kafka: [{name: k, bootstrap: 'h:1', options: {ssl.ca.location: /nowhere/ca.pem}}]\n")
    script = (
        "import sys; from pathlib import Path; from relay_console.config import load\n"
        "load(Path(sys.argv[1]), asks_librdkafka=False); print('confluent_kafka' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"
    with pytest.raises(BadConfiguration, match=r"ca\.pem: No such file"):
        load(file)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "relay:\nkafka:\nchecks:\naccess:\n", "{}\n"])
def test_an_empty_file_is_all_defaults(text: str) -> None:
    assert mistakes(text) == []
    found = read(text.encode(), PLACE, KNOWN)
    assert found.relay.receivers == []
    assert found.console.theme == "ansi-dark"


def test_the_shipped_file_is_right_and_listens_on_loopback_alone() -> None:
    found = load(paths.shipped_configuration())
    assert [receiver.listen for receiver in found.relay.receivers] == ["127.0.0.1:9400"]
    assert [sender.connect for sender in found.relay.senders] == ["127.0.0.1:9401"]
    assert found.directory.is_absolute()
    assert found.not_used_yet == []


def test_what_the_shipped_file_shows_in_comments_is_right_too() -> None:
    lines = paths.shipped_configuration().read_text().splitlines()
    whole = "\n".join(_uncommented(line) for line in lines)
    found = read(whole.encode(), PLACE, KNOWN)
    assert len(found.given) == len(KNOWN)
    assert found.sections["kafka"][0].limits[0].crit == 900.0
    assert found.relay.senders[0].order == "oldest" and found.sections["activemq"][0].stomp == "127.0.0.1:61613"
    assert found.not_used_yet == ["checks", "history", "alerts", "metrics", "access"]


def _uncommented(line: str) -> str:
    """A comment that is configuration: ``# - name: main`` and ``# key: value``, not a sentence."""
    found = re.match(r"( *)# ( *(?:- )?(?:\{|[a-z_.]+:(?: |$)).*)$", line)
    return found[1] + found[2] if found else line


def test_names_stay_as_they_are_and_nothing_is_expanded_inside_a_text() -> None:
    found = read(b"heap: [{name: agent, path: '${HOME}/gc.log'}]\n", PLACE, KNOWN)
    assert "${HOME}" in str(found.sections["heap"])


def test_relative_directories_begin_at_the_file_and_home_is_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/kim")
    assert read(b"relay: {directory: data}\n", PLACE, KNOWN).directory == Path("/srv/data")
    assert read(b"relay: {directory: ~/d}\n", PLACE, KNOWN).directory == Path("/home/kim/d")


def test_where_the_sockets_are_is_known_without_looking_at_the_other_sections(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("relay: {directory: r}\nkafka: 5\nnonsense: {}\n")
    assert quick.directory(file) == tmp_path / "r"


@pytest.mark.parametrize("content", [None, "directory"])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "config.yaml"
    if content:
        file.mkdir()
    with pytest.raises(BadConfiguration) as caught:
        load(file)
    assert len(caught.value.lines) == 1
    assert str(file) in caught.value.lines[0]


words = st.sampled_from(
    [
        "relay:",
        "kafka:",
        "  - name: a",
        "  receivers:",
        "    - ",
        "listen: 127.0.0.1:9400",
        "{",
        "}",
        "[",
        "]",
        "on",
        "5s",
        "\n",
        "\n  ",
        ": ",
        "&a",
        "*a",
        "<<",
    ]
)


@settings(max_examples=60)
@given(st.lists(words, max_size=30).map("".join) | st.text(max_size=60))
def test_any_text_is_a_configuration_or_mistakes(text: str) -> None:
    try:
        read(text.encode("utf-8", "surrogatepass"), PLACE, KNOWN)
    except BadConfiguration as error:
        assert error.lines
