"""The relay as a process: how it starts, why it does not, how it is watched and told what to do, how it ends."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from link.ask import ask, ask_command
from link.protocol import PROTOCOL, Command, Hello
from relay.assembly import misfits
from relay.config import KafkaSink, Receiver, ReceiverTls, Records, Relay, RequestLayout, Sender, Sink
from relay.status import RelayStatus
from relay.storage.commit import Disk
from relay.storage.reserve import Reserve
from tests.relay.process import ROOT, Process
from tests.relay.records import request, response
from tests.relay.running import DEADLINE, options, partner, published, running

HELLO = Hello((PROTOCOL,), "test", "0")


def config(directory: Path, **receiver: object) -> Relay:
    usual: dict[str, object] = {"name": "a", "listen": "127.0.0.1:0"}
    return Relay(directory=str(directory), receivers=[Receiver(**{**usual, **receiver})])  # type: ignore[arg-type]


def exchange(address: tuple[str, int], data: bytes) -> bytes:
    with socket.create_connection(address, timeout=DEADLINE) as peer:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        found = b""
        while part := peer.recv(65536):
            found += part
        return found


def status(directory: Path) -> RelayStatus:
    known = ask(options(directory).socket, HELLO)
    assert known.welcome.program == "relay"
    return msgspec.msgpack.decode(known.topics["status"], type=RelayStatus)


def command(directory: Path, verb: str, **arguments: str | int) -> tuple[bool, str]:
    reply = ask_command(options(directory).socket, HELLO, Command(1, "relay", verb, dict(arguments)))
    return reply.ok, reply.text


def refused(directory: Path, found: Process) -> tuple[int, str]:
    """Exit code and the one line on stderr."""
    code = found.child.wait(DEADLINE)
    lines = [line for line in found.log.read_text().splitlines() if line.startswith("relay-console: ")]
    assert "Traceback" not in found.log.read_text()
    return code, "\n".join(lines)


def test_it_starts_serves_and_ends_with_0(tmp_path: Path) -> None:
    with Process(config(tmp_path / "r")) as relay:
        assert exchange(relay.address(), request(1)) == response(1, 200)
        assert relay.stop() == 0
    assert published(tmp_path / "r/inbox/a") == request(1)


def test_what_partners_sent_is_not_for_everybody_to_read(tmp_path: Path) -> None:
    with Process(config(tmp_path / "r")) as relay:
        exchange(relay.address(), request(1) + b"nonsense\n")
        assert relay.stop() == 0
    paths = list((tmp_path / "r").rglob("*"))
    assert {path.name for path in paths} >= {"refused.jsonl", "quarantine", "inbox"}
    assert [path for path in paths if path.stat().st_mode & 0o007] == []


def test_it_says_over_its_socket_what_it_does(tmp_path: Path) -> None:
    directory = tmp_path / "r"
    with Process(config(directory)) as relay:
        exchange(relay.address(), request(1))
        ends_at = time.monotonic() + DEADLINE
        while (found := status(directory)).receivers[0].stored != 1:
            assert time.monotonic() < ends_at
        assert found.pid == relay.child.pid
        assert found.directory == str(directory)
        assert found.receivers[0].listen == relay.addresses["a"]
        assert found.state == "running"


def test_commands_are_obeyed_and_answered(tmp_path: Path) -> None:
    directory = tmp_path / "r"
    with Process(config(directory)) as relay:
        assert command(directory, "pause", name="a") == (True, "paused: receiver a")
        assert exchange(relay.address(), b"") == b"0014|RES||429\n"
        assert command(directory, "resume", name="a") == (True, "resumed: receiver a")
        assert exchange(relay.address(), request(1)) == response(1, 200)
        assert command(directory, "pause", name="b") == (False, "no receiver or sender has the name 'b'; there is receiver a")
        assert command(directory, "disconnect", id=77) == (False, "no connection 77")
        assert command(directory, "resend", sender="x") == (False, "no sender has the name 'x'; there are none")
        assert command(directory, "frobnicate")[0] is False
        assert command(directory, "refresh")[0] is True
        assert command(directory, "drain") == (True, "draining")
        assert relay.child.wait(DEADLINE) == 0


def test_a_second_relay_on_the_same_directory_is_one_line_and_69(tmp_path: Path) -> None:
    with Process(config(tmp_path / "r")) as first, Process(config(tmp_path / "r")) as second:
        code, line = refused(tmp_path / "r", second)
        assert code == 69
        assert f"already running: pid {first.child.pid} " in line
        assert line.count("\n") == 0
        assert exchange(first.address(), request(1)) == response(1, 200)


def test_two_relays_never_share_an_inbox(tmp_path: Path) -> None:
    shared = str(tmp_path / "inbox")
    with Process(config(tmp_path / "one", inbox=shared)), Process(config(tmp_path / "two", inbox=shared)) as second:
        code, line = refused(tmp_path / "two", second)
        assert code == 69
        assert line.startswith(f"relay-console: the inbox {shared}: ")


def test_a_taken_port_is_one_line_and_69(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with Process(config(tmp_path / "r", listen=f"127.0.0.1:{port}")) as relay:
            code, line = refused(tmp_path / "r", relay)
    assert code == 69
    assert line == f"relay-console: receiver a cannot take 127.0.0.1:{port}: Address already in use"


def test_a_directory_that_cannot_be_made_is_one_line_and_69(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with Process(config(tmp_path / "file" / "r"), place=tmp_path / "c") as relay:
        code, line = refused(tmp_path, relay)
    assert code == 69
    assert line == f"relay-console: the directory {tmp_path}/file/r: Not a directory"


KAFKA = KafkaSink("localhost:9092", "in")


@pytest.mark.parametrize(
    ("faulty", "key"),
    [
        (Receiver(name="a", listen="127.0.0.1:0", sink=Sink(kafka=KAFKA), inbox="in"), "relay.receivers[0].inbox"),
        (Receiver(name="a", listen="127.0.0.1:0", tls=ReceiverTls("c", "k")), "relay.receivers[0].tls.certificate"),
        (Receiver(name="a", listen="127.0.0.1:0", record="other"), "relay.receivers[0].record"),
    ],
)
def test_what_is_not_built_yet_is_a_fault_with_its_key_and_never_ignored(tmp_path: Path, faulty: Receiver, key: str) -> None:
    with Process(Relay(directory=str(tmp_path / "r"), receivers=[faulty])) as relay:
        code, line = refused(tmp_path / "r", relay)
    assert code == 78
    assert line.startswith(f"relay-console: {key}: ")


def test_all_of_them_are_named_at_once() -> None:
    receiver = Receiver(name="a", listen="127.0.0.1:0", sink=Sink(kafka=KAFKA), inbox="in")
    faults = misfits(Relay(receivers=[receiver], senders=[Sender(name="s", connect="h:1", record="x")]))
    assert [fault.partition(":")[0] for fault in faults] == ["relay.receivers[0].inbox", "relay.senders[0].record"]


def test_a_layout_that_cannot_work_is_78(tmp_path: Path) -> None:
    records = Records(request=RequestLayout(key="number"))
    with Process(msgspec.structs.replace(config(tmp_path / "r"), records=records)) as relay:
        code, line = refused(tmp_path / "r", relay)
    assert code == 78
    assert line.startswith("relay-console: relay.records.request.columns: ")


def test_a_disk_that_is_full_at_the_start_is_one_line_and_69(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(msgspec.json.encode(config(tmp_path / "r")))
    command = [sys.executable, "-m", "tests.relay.process", str(file), "256", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=DEADLINE, text=True, check=False)
    assert done.returncode == 69, done.stderr
    assert done.stderr.splitlines()[-1].startswith("relay-console: ")
    assert done.stderr.splitlines()[-1].endswith(": File too large")
    assert "Traceback" not in done.stderr


def test_a_disk_that_takes_no_more_is_503_and_the_next_minute_is_served(tmp_path: Path) -> None:
    """The system itself refuses here, in the middle of a write: a file may have 1,000 bytes, and a record has 62."""
    memory = tmp_path / "r/seen/a"
    memory.mkdir(parents=True)
    assert Reserve(memory / "reserve", Disk()).hold()  # larger than that: left by a run before the disk was full
    file = tmp_path / "config.json"
    file.write_bytes(msgspec.json.encode(config(tmp_path / "r")))
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.relay.process", str(file), "256", "1000"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    errors = child.stderr
    assert errors is not None
    try:
        port = next(int(found[1]) for line in errors if (found := re.search(r"listening on 127.0.0.1:(\d+)", line)))
        assert "ready" in errors.readline()
        answers = [exchange(("127.0.0.1", port), request(number)) for number in range(40)]
        assert answers[0] == response(0, 200)
        assert response(39, 503) == answers[39]
        child.terminate()
        errors.read()
        assert child.wait(DEADLINE) == 0
    finally:
        child.kill()
        child.wait(DEADLINE)
        errors.close()
    acked = [request(number) for number, answer in enumerate(answers) if answer == response(number, 200)]
    assert {*answers} == {response(number, 200 if request(number) in acked else 503) for number in range(40)}
    assert published(tmp_path / "r/inbox/a") == b"".join(acked)


def test_sighup_does_not_end_it(tmp_path: Path) -> None:
    with Process(config(tmp_path / "r")) as relay:
        relay.child.send_signal(signal.SIGHUP)
        assert exchange(relay.address(), request(1)) == response(1, 200)
        assert relay.stop() == 0
        assert "SIGHUP" in relay.log.read_text()


def test_a_second_sigterm_ends_it_at_once(tmp_path: Path) -> None:
    with Process(config(tmp_path / "r")) as relay, socket.create_connection(relay.address(), timeout=DEADLINE) as peer:
        peer.sendall(request(1))
        assert peer.recv(100) == response(1, 200)
        began = time.monotonic()
        relay.child.send_signal(signal.SIGTERM)
        assert peer.recv(100) == b""  # it drains; we do not close
        relay.child.send_signal(signal.SIGTERM)
        assert relay.child.wait(DEADLINE) == 143
        assert time.monotonic() - began < 3
    assert published(tmp_path / "r/inbox/a") == request(1)


def test_out_of_file_descriptors_it_goes_on_serving_when_there_are_some_again(tmp_path: Path) -> None:
    with Process(config(tmp_path / "r", max_connections_per_address=1000), "64") as relay:
        peers = []
        for _ in range(100):
            peer = socket.socket()
            peer.setblocking(False)
            peer.connect_ex(relay.address())
            peers.append(peer)
        time.sleep(0.3)  # let it run out; there is nothing to wait for
        for peer in peers:
            peer.close()
        ends_at = time.monotonic() + DEADLINE
        while True:
            try:
                if exchange(relay.address(), request(1)) == response(1, 200):
                    break
            except OSError:
                pass
            assert time.monotonic() < ends_at, relay.log.read_text()
        assert relay.stop() == 0


async def test_it_runs_in_the_loop_of_another_program_too(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as relay, partner(relay.status()) as peer:
        await peer.send(request(1))
        assert await peer.answer() == response(1, 200)
        known = await asyncio.to_thread(ask, options(tmp_path).socket, HELLO)
        found = msgspec.msgpack.decode(known.topics["status"], type=RelayStatus)
        assert [receiver.name for receiver in found.receivers] == ["a"]
    assert threading.active_count() < 20
