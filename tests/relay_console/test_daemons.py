"""The daemons as programs: they come up, answer, act, refuse a second of their kind, and end when told."""

import json
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.relay_console.program import Place, run
from tests.relay_console.test_cli import loaded_by


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, "console: {write: true}\n")


def record(number: int) -> bytes:
    body = f"|REQ|{number:09}|20260101120000|A|B|K|1|payload\n"
    return f"{len(body) + 4:04}{body}".encode()


def test_a_daemon_answers_acts_and_stops_with_its_relay(place: Place) -> None:
    with place.daemon() as daemon:
        with socket.create_connection(("127.0.0.1", place.port), 5) as partner:
            partner.settimeout(5)
            partner.sendall(record(1))
            assert partner.recv(100) == b"0023|RES|000000001|200\n"
        relays = _until_stored(place)
        assert relays["receivers"][0]["stored"] == 1
        assert "a" in place.run("relays", "^a$").stdout
        paused = place.run("pause", "a")
        assert (paused.returncode, paused.stderr) == (0, "") and paused.stdout
        assert place.run("resume", "a").returncode == 0
        refused = place.run("pause", "nobody")
        assert refused.returncode == 1 and refused.stderr.startswith("relay-console: ")
        assert loaded_by("status", "-c", str(place.config)) == set()
        assert place.run("stop").returncode == 0
        assert daemon.wait(20) == 0
    assert not (place.directory / "run" / "monitor.sock").exists()
    assert not (place.directory / "run" / "relay.sock").exists()
    assert list((place.directory / "inbox" / "a").glob("*_request.txt"))


def _until_stored(place: Place) -> dict[str, list[dict[str, int]]]:
    ends_at = time.monotonic() + 10
    while True:
        (source,) = json.loads(place.run("relays", "--json").stdout)["sources"]
        if source["data"]["receivers"][0]["stored"] or time.monotonic() > ends_at:
            found: dict[str, list[dict[str, int]]] = source["data"]
            return found
        time.sleep(0.2)


def test_a_daemon_that_is_told_to_end_drains_its_relay(place: Place) -> None:
    with place.daemon() as daemon:
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(20) == 0
    assert not (place.directory / "run" / "relay.sock").exists()


def test_a_second_daemon_on_the_same_directory_says_who_runs(place: Place) -> None:
    with place.daemon() as daemon:
        for words in (["--headless"], ["monitor"]):
            done = place.run(*words)
            assert done.returncode == 69
            assert f"already running: pid {daemon.pid}" in done.stderr
        done = place.run("relay")
        assert done.returncode == 69 and done.stderr.count("\n") == 1


def test_a_relay_alone_is_watched_by_a_monitor_that_does_not_own_it(place: Place) -> None:
    relay = subprocess.Popen(place.argv("relay"), stderr=subprocess.PIPE, text=True)
    try:
        with place.daemon("monitor"):
            assert place.run("stop").returncode == 0
        assert relay.poll() is None
        (source,) = json.loads(place.run("relays", "--json").stdout)["sources"]
        assert source["state"] == "ok" and source["data"]["receivers"][0]["state"] == "listening"
        assert place.run("stop").returncode == 0
        assert relay.poll() is None  # nobody of ours started it
        assert place.run("drain").returncode == 69  # nobody is there to allow it and to write the audit line
        assert relay.poll() is None
        relay.terminate()
        assert relay.wait(20) == 0
    finally:
        if relay.poll() is None:
            relay.kill()
        relay.communicate()


def test_a_relay_whose_monitor_was_killed_is_stopped_by_stop(place: Place) -> None:
    with place.daemon() as daemon:
        daemon.kill()
        daemon.wait(10)
        assert (place.directory / "run" / "relay.sock").exists()
        assert place.run("stop").returncode == 0
    assert not (place.directory / "run" / "relay.sock").exists()


def test_a_socket_left_over_from_a_dead_daemon_is_replaced(place: Place) -> None:
    with place.daemon() as daemon:
        daemon.kill()
        daemon.wait(10)
    assert (place.directory / "run" / "monitor.sock").exists()
    with place.daemon():
        assert place.status()["monitor"]["attached"] is True


def test_a_monitor_that_may_not_write_refuses_actions_in_words(place: Place) -> None:
    with place.daemon("--headless", "--read-only"):
        done = place.run("pause", "a")
        assert done.returncode == 1
        assert "read-only" in done.stderr


def test_a_taken_port_is_one_line_and_69(place: Place) -> None:
    with socket.create_server(("127.0.0.1", place.port)):
        done = place.run("relay")
    assert done.returncode == 69
    said = [line for line in done.stderr.splitlines() if str(place.port) in line]
    assert len(said) == 1 and "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["--headless"], ["relay"], ["monitor"], []])
def test_a_directory_that_cannot_be_made_is_one_line_and_69(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "file").touch()
    config = tmp_path / "config.yaml"
    config.write_text(f"relay: {{directory: {tmp_path}/file/r}}\n")
    done = run(*words, "-c", str(config))
    assert done.returncode == 69
    assert len([line for line in done.stderr.splitlines() if f"{tmp_path}/file" in line]) == 1
    assert "Traceback" not in done.stderr
