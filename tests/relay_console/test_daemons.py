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


def test_every_action_on_the_relay_by_the_command_line_with_its_audit_line(place: Place) -> None:
    """One daemon, told one thing after the other; its sender has nobody to send to."""
    with place.daemon(), socket.create_connection(("127.0.0.1", place.port), 5) as partner:
        partner.settimeout(5)
        partner.sendall(b"Authorization: Basic aHVudGVyMg==\n" + record(1))
        assert partner.recv(14) == b"0014|RES||401\n"
        _until_stored(place)
        shown = place.run("quarantine", "a")
        assert shown.returncode == 0 and "1 column instead of 9  Authorization: [masked]" in shown.stdout
        (source,) = json.loads(place.run("relays", "--json").stdout)["sources"]
        (connection,) = source["data"]["connections"]
        whole = place.run("relays", "a").stdout.splitlines()
        assert [whole.count(title) for title in ("Receiver a", "Relay", f"Connection {connection['id']}")] == [1, 1, 0]
        assert place.run("status", "nobody").stderr == "no name fits the filter\n"
        other = place.run("disconnect", str(connection["id"]), "--peer", "10.0.0.9:1")
        assert (other.returncode, "nothing was done" in other.stderr) == (1, True)
        assert place.run("disconnect", str(connection["id"]), "--peer", connection["peer"]).returncode == 0
        assert partner.recv(100) == b"0023|RES|000000001|200\n" and partner.recv(100) == b""
        partner.close()
        drained = place.run("drain", "a").stdout
        assert drained.startswith("drained and paused: receiver a") and drained.endswith("; what it stored is published\n")
        assert [path.read_bytes() for path in (place.directory / "inbox" / "a").glob("*.txt")] == [record(1)]
        assert place.run("pause", "b", "--only", "sender").stdout == "paused: sender b\n"
        good, bad = place.folder / "good.req", place.folder / "bad.req"
        good.write_bytes(record(2))
        bad.write_bytes(b"0001|REQ|\n")
        both = place.run("send", "b", str(bad), str(good))
        assert both.returncode == 1
        assert both.stdout == "good.req is in the outbox of b\n"
        assert both.stderr == "relay-console: bad.req: does not fit the layout (401): 3 columns instead of 9\n"
        assert place.run("send", "b", str(good), str(place.folder / "none")).stderr.endswith(
            "No such file or directory; nothing was sent\n"
        )
        assert place.run("retry", "b", "x.req").stderr == "relay-console: no file 'x.req' in failed/b\n"
        assert place.run("resend", "b").stdout == "0 files are sent again\n"
        nobody = place.run("drain", "nobody")
        assert nobody.stderr == "relay-console: no receiver or sender has the name 'nobody'; there are receiver a and sender b\n"
    audit = [json.loads(line) for line in (place.directory / "audit.log").read_text().splitlines()]
    done = [(line["verb"], line["ok"]) for line in audit if line["phase"] == "after"]
    assert done[:5] == [("disconnect", False), ("disconnect", True), ("drain", True), ("pause", True), ("send", False)]
    assert "payload" not in (place.directory / "audit.log").read_text()
    assert "payload" not in (place.directory / "run" / "relay.log").read_text()


def test_a_relay_takes_records_whatever_a_pane_wants_of_librdkafka_and_never_loads_it(tmp_path: Path) -> None:
    place = Place(tmp_path, "kafka: [{name: k, bootstrap: 'h:1', options: {ssl.ca.location: /nowhere/ca.pem, client.id: x}}]\n")
    assert "ca.pem: No such file" in place.run("config", "check").stderr
    relay = subprocess.Popen(place.argv("relay"), stderr=subprocess.PIPE, text=True)
    try:
        ends_at = time.monotonic() + 20
        while not (place.directory / "run" / "relay.sock").exists() and time.monotonic() < ends_at and relay.poll() is None:
            time.sleep(0.05)
        with socket.create_connection(("127.0.0.1", place.port), 5) as partner:
            partner.settimeout(5)
            partner.sendall(record(1))
            assert partner.recv(100) == b"0023|RES|000000001|200\n"
        assert "librdkafka" not in Path(f"/proc/{relay.pid}/maps").read_text()
    finally:
        relay.terminate()
        relay.communicate(timeout=20)
