"""What an operator tells the relay, over its socket as the monitor does: what happens, what is said, what is refused and then not done."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

from link.ask import ask_command
from link.protocol import PROTOCOL, Command, Hello
from relay.config import Receiver, Relay, Sender
from relay.service import Service
from tests.relay.records import request, response
from tests.relay.running import options, partner, published, running, until

HELLO = Hello((PROTOCOL,), "test", "0")


def config(directory: Path) -> Relay:
    """Nobody listens where the sender `b` sends to; receiver and sender `a` share their name."""
    senders = [Sender(name=name, connect="127.0.0.1:9", settle=0.0, scan_interval=0.05) for name in ("a", "b")]
    return Relay(directory=str(directory), receivers=[Receiver(name="a", listen="127.0.0.1:0")], senders=senders)


class Operator:
    def __init__(self, directory: Path) -> None:
        self._socket = options(directory).socket

    async def says(self, verb: str, expect: Mapping[str, str | int] | None = None, **arguments: str | int) -> tuple[bool, str]:
        command = Command(1, "relay", verb, dict(arguments), dict(expect or {}))
        reply = await asyncio.to_thread(ask_command, self._socket, HELLO, command)
        return reply.ok, reply.text


def states(relay: Service) -> list[str]:
    status = relay.status()
    return [status.receivers[0].state, *(sender.state for sender in status.senders)]


def failed(directory: Path, name: str, tries: int = 1) -> None:
    place = directory / "failed/b"
    place.mkdir(parents=True, exist_ok=True)
    times = {"first_try_at": 1.0, "last_try_at": 2.0, "last_code": 401, "last_error": "401"}
    (place / f"{name}.reason.json").write_text(json.dumps({"file": name, "destination": "d", "tries": tries, **times}))
    (place / name).write_bytes(request(1))


async def test_a_drained_receiver_answers_publishes_at_once_and_stays_paused(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as relay, partner(relay.status()) as peer:
        operator = Operator(tmp_path)
        await peer.send(request(1))
        assert await peer.answer() == response(1, 200)
        assert published(tmp_path / "inbox/a") == b""
        assert await operator.says("drain", name="a", only="receiver") == (
            True,
            "drained and paused: receiver a (1 connection was answered and ended); what it stored is published",
        )
        assert await peer.rest() == b""
        assert published(tmp_path / "inbox/a") == request(1)
        assert states(relay)[0] == "paused"
        async with partner(relay.status()) as late:
            assert await late.rest() == b"0014|RES||429\n"
        await operator.says("resume", name="a")
        async with partner(relay.status()) as late:
            await late.send(request(2))
            assert await late.answer() == response(2, 200)
    files = list((tmp_path / "inbox/a").glob("*.txt"))  # a second one of the same minute, or the first of the next
    assert sorted(path.read_bytes() for path in files) == [request(1), request(2)]


async def test_a_drained_sender_is_paused_and_its_files_wait(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as relay:
        operator = Operator(tmp_path)
        assert await operator.says("drain", name="b") == (True, "drained and paused: sender b")
        assert (await operator.says("send", sender="b", file="x.req", line=request(7).decode()))[0]
        await until(lambda: relay.status().senders[1].waiting == 1, "the file is seen")
        assert states(relay)[1:] == ["idle", "paused"]
    assert (tmp_path / "outbox/b/x.req").read_bytes() == request(7)


async def test_a_name_that_two_share_means_both_unless_it_is_said_which(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as relay:
        operator = Operator(tmp_path)
        assert await operator.says("pause", name="a") == (True, "paused: receiver a and sender a")
        assert await operator.says("resume", name="a", only="sender") == (True, "resumed: sender a")
        assert states(relay) == ["paused", "idle", "idle"]
        assert await operator.says("pause", name="b", only="receiver") == (
            False,
            "no receiver has the name 'b'; there are receiver a, sender a and sender b",
        )
        assert await operator.says("pause", name="b", only="x") == (False, "only 'x': it is 'receiver' or 'sender'")
        assert states(relay) == ["paused", "idle", "idle"]


async def test_a_number_that_has_become_another_peers_is_not_disconnected(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as relay, partner(relay.status()) as peer:
        operator = Operator(tmp_path)
        await until(lambda: relay.status().connections_total == 1, "it is there")
        (seen,) = relay.status().connections
        done, text = await operator.says("disconnect", {"peer": "10.0.0.9:1"}, id=seen.id)
        assert (done, text) == (False, f"connection {seen.id} is that of {seen.peer}, not of 10.0.0.9:1; nothing was done")
        await peer.send(request(1))
        assert await peer.answer() == response(1, 200)
        assert (await operator.says("disconnect", {"peer": seen.peer}, id=seen.id))[0]
        assert await peer.rest() == b""
        await until(lambda: relay.status().connections_total == 0, "it is gone")
        assert await operator.says("disconnect", id=seen.id) == (False, f"no connection {seen.id}")
        assert (await operator.says("disconnect", id="x"))[0] is False


async def test_failed_files_are_resent_one_or_all_if_they_are_those_that_were_seen(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        failed(tmp_path, name, tries=2)
    async with running(config(tmp_path)) as relay:
        operator = Operator(tmp_path)
        await operator.says("pause", name="b")
        await until(lambda: relay.status().senders[1].failed == 3, "they are counted")
        again = await operator.says("resend", {"tries": 1}, sender="b", file="one")
        assert again == (False, "one was tried again meanwhile (2 tries, not 1); nothing was done, look again")
        assert await operator.says("resend", {"tries": 2}, sender="b", file="one") == (True, "1 file is sent again")
        assert await operator.says("resend", sender="b", file="one") == (False, "no file 'one' in failed/b")
        await until(lambda: relay.status().senders[1].failed == 2, "they are counted again")
        all_of_them = await operator.says("resend", {"failed": 3}, sender="b")
        assert all_of_them == (False, "failed/b has 2 files now, not 3; nothing was done, look again")
        assert await operator.says("resend", {"failed": 2}, sender="b") == (True, "2 files are sent again")
        assert await operator.says("resend", sender="c") == (False, "no sender has the name 'c'; there are a and b")
    assert sorted(path.name for path in (tmp_path / "outbox/b").iterdir() if not path.name.startswith(".")) == ["one", "three", "two"]


async def test_a_line_that_its_partner_would_refuse_is_not_sent(tmp_path: Path) -> None:
    async with running(config(tmp_path)):
        operator = Operator(tmp_path)
        await operator.says("pause", name="b")
        wrong = await operator.says("send", sender="b", file="x", line="0001|REQ|")
        assert wrong == (False, "x: does not fit the layout (401): 3 columns instead of 9")
        assert (await operator.says("send", sender="b", file="x", line=f"{request(1).decode()}{request(2).decode()}")) == (
            False,
            "x: one line is wanted",
        )
        assert (await operator.says("send", sender="b", file="../x", line=request(1).decode()))[0] is False
        hidden = await operator.says("send", sender="b", file="x.tmp", line=request(1).decode())
        assert hidden == (False, "x.tmp: no sender takes a name that begins with . or ends in .tmp, .part, ~; rename it")
        assert (await operator.says("send", sender="b"))[0] is False
        assert await operator.says("send", sender="b", file="x", line=request(1).decode()) == (True, "x is in the outbox of b")
        done, text = await operator.says("send", sender="b", file="x", line=request(2).decode())
        assert done and text != "x is in the outbox of b"
    sent = [path.read_bytes() for path in (tmp_path / "outbox/b").iterdir() if not path.name.startswith(".")]
    assert sorted(sent) == [request(1), request(2)]


async def test_what_is_no_command_is_answered_with_those_that_are(tmp_path: Path) -> None:
    async with running(config(tmp_path)):
        done, text = await Operator(tmp_path).says("frobnicate")
        assert (done, text) == (
            False,
            "no such command: 'frobnicate'; there are pause, resume, drain, disconnect, resend, send and refresh",
        )
