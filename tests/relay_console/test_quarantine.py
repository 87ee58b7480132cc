"""The word `quarantine`: what the relay refused, read from its files whether or not it runs."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from relay.storage.quarantine import Quarantine, Refused
from relay_console.cli import cli, run
from relay_console.errors import Trouble

AT = 1_763_800_000.0


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    receivers = "[{name: a, listen: '127.0.0.1:9400'}, {name: quiet, listen: '127.0.0.1:9401'}]"
    file.write_text(f"relay:\n  directory: {tmp_path}/r\n  receivers: {receivers}\n")
    return file


@pytest.fixture
def kept(tmp_path: Path) -> None:
    a = Quarantine(tmp_path / "r/quarantine/a", "refused", 1 << 20)
    a.keep([Refused(AT, "10.0.0.1:5", 401, "1 column instead of 9", b"Cookie: id=s3cret")])
    a.keep([Refused(AT + 2, "10.0.0.1:5", 403, "not UTF-8, or a NUL in it", b"0030|REQ|\xb0\xa1|\x1b[2J")])
    Quarantine(tmp_path / "r/quarantine/gone", "refused", 1 << 20).keep([Refused(AT + 1, "10.0.0.2:6", 413, "too long", b"9" * 300)])
    conflicts = Quarantine(tmp_path / "r/conflicts/a", "conflicts", 1 << 20)
    conflicts.keep([Refused(AT, "10.0.0.1:5", 409, "this process number was stored with other content", b"0062|REQ|1")])


def ask(config: Path, *words: str) -> str:
    done = CliRunner().invoke(cli, ["-c", str(config), "quarantine", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.usefixtures("kept")
def test_all_receivers_are_shown_in_one_table_the_newest_last(config: Path) -> None:
    lines = ask(config).splitlines()
    assert [word for word in lines[0].split() if word] == ["TIME", "RECEIVER", "PEER", "CODE", "REASON", "LINE"]
    assert [line.split()[3] for line in lines[1:]] == ["a", "gone", "a"]
    assert lines[1].endswith("10.0.0.1:5  401   1 column instead of 9      Cookie: [masked]")
    assert lines[2].endswith("9…") and lines[2].count("9" * 199) == 1
    assert lines[3].endswith("0030|REQ|\\xb0\\xa1|␛[2J")


@pytest.mark.usefixtures("kept")
def test_one_receiver_and_how_many(config: Path) -> None:
    assert ask(config, "a", "--limit", "1").splitlines()[1].split()[3:5] == ["10.0.0.1:5", "403"]
    assert "RECEIVER" not in ask(config, "gone")
    assert "stored with other content" in ask(config, "a", "--conflicts")


@pytest.mark.usefixtures("kept")
def test_json_has_what_is_kept_of_the_line(config: Path) -> None:
    found = json.loads(ask(config, "--json"))
    assert found["schema"] == 1
    assert [(each["receiver"], each["at"], len(each["line"])) for each in found["refused"]] == [
        ("a", AT, 16),
        ("gone", AT + 1, 300),
        ("a", AT + 2, 22),
    ]
    assert found["refused"][2]["hex"] == b"0030|REQ|\xb0\xa1|\x1b[2J".hex()


@pytest.mark.usefixtures("kept")
def test_a_name_that_nobody_knows_is_answered_with_those_that_are_known(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-c", str(config), "quarantine", "../a"]) == 1
    assert capsys.readouterr().err == "relay-console: no receiver has the name '../a'; there are: a, gone, quiet\n"


@pytest.mark.usefixtures("kept")
def test_a_receiver_that_refused_nothing_has_nothing_to_show(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-c", str(config), "quarantine", "quiet"]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"nothing is kept in {config.parent}/r/quarantine/quiet\n")


def test_before_the_first_start_there_is_nothing(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-c", str(config), "quarantine"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "" and "nothing is kept in" in captured.err


@pytest.mark.usefixtures("kept")
def test_a_configuration_with_mistakes_hides_nothing_that_is_on_the_disk(config: Path) -> None:
    config.write_text(config.read_text() + "frobnicate: 1\n")
    assert "gone" in ask(config)


@pytest.mark.usefixtures("kept")
def test_files_of_somebody_else_are_named(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Root may read everything, so the system's answer is played here."""

    def denied(path: Path, *_: object) -> object:
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr(Path, "iterdir", denied)
    assert run(["-c", str(config), "quarantine"]) == Trouble.exit_code
    assert capsys.readouterr().err.startswith(f"relay-console: {config.parent}/r/quarantine: Permission denied; ")
