"""The sender against a scripted partner on a real socket: what it says decides what becomes of the file."""

import asyncio
import contextlib
import errno
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from relay.config import Backoff, Codes, Records, Relay
from relay.config import Sender as SenderConfig
from relay.election.leadership import Leadership
from relay.record import Layout
from relay.sending.channel import Channel
from relay.sending.channels import Channels
from relay.sending.outbox import Outbox
from relay.sending.sender import Sender
from relay.service import Service
from relay.status import RelayStatus
from tests.relay.records import request, response
from tests.relay.running import running, until

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]

LAYOUT = Layout(Records(), Codes())


class Scripted:
    """A partner that listens. `say` gives the answer to a line: bytes, or None for silence; or `does` has its way with the connection."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.connections = 0
        self.most_at_once = 0
        self.open = 0
        self.say: Callable[[bytes], bytes | None] = lambda line: answer(line, 200)
        self.does: Answer | None = None
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.connections += 1
        self.open += 1
        self.most_at_once = max(self.most_at_once, self.open)
        try:
            while line := await reader.readline():
                self.lines.append(line)
                if self.does is not None:
                    await self.does(line, writer)
                elif (said := self.say(line)) is not None:
                    writer.write(said)
        except ConnectionError:
            pass
        finally:
            self.open -= 1
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def answer(line: bytes, code: int) -> bytes:
    return response(line.split(b"|")[2].decode(), code)


@pytest.fixture
async def peer() -> AsyncIterator[Scripted]:
    found = Scripted()
    await found.listen()
    yield found
    await found.close()


def config(directory: Path, peer: Scripted, **sender: object) -> Relay:
    usual: dict[str, object] = {
        "scan_interval": 0.02,
        "settle": 0.0,
        "timeout": 2.0,
        "retries": 2,
        "backoff": Backoff(first=0.02, max=0.05),
    }
    senders = [SenderConfig(name="a", connect=f"127.0.0.1:{peer.port}", **{**usual, **sender})]  # type: ignore[arg-type]
    return Relay(directory=str(directory), senders=senders)


def put(directory: Path, name: str, data: bytes, age: float = 0.0) -> None:
    outbox = directory / "outbox/a"
    outbox.mkdir(parents=True, exist_ok=True)
    fresh = outbox / f".{name}.new"
    fresh.write_bytes(data)
    at = time.time() - age
    os.utime(fresh, (at, at))
    fresh.rename(outbox / name)


def archived(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((directory / "archive").glob("a/*/*"))}


def failed(directory: Path) -> dict[str, dict[str, object]]:
    return {path.name.removesuffix(".reason.json"): json.loads(path.read_text()) for path in (directory / "failed").glob("a/*.reason.json")}


def waiting(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "outbox/a").iterdir())


def said(relay: Service) -> str:
    return relay.status().senders[0].last_error or ""


async def test_200_with_the_same_number_archives_the_file_by_day(tmp_path: Path, peer: Scripted) -> None:
    put(tmp_path, "f", request(1))
    async with running(config(tmp_path, peer)) as relay:
        await until(lambda: archived(tmp_path) == {"f": request(1)}, "the file is archived")
        await until(lambda: relay.status().senders[0].state == "idle", "nothing more to do")
        assert relay.status().senders[0].sent == 1
    assert peer.lines == [request(1)]
    assert (tmp_path / "archive/a" / time.strftime("%Y%m%d") / "f").exists()
    assert waiting(tmp_path) == []


async def test_or_deletes_it(tmp_path: Path, peer: Scripted) -> None:
    put(tmp_path, "f", request(1))
    async with running(config(tmp_path, peer, after_sent="delete")):
        await until(lambda: bool(peer.lines) and waiting(tmp_path) == [], "the file is gone")
    assert not (tmp_path / "archive/a").exists()
    assert [path for path in (tmp_path / "outbox").rglob("*") if path.is_file() and path.suffix != ".lock"] == []


async def test_the_oldest_goes_first(tmp_path: Path, peer: Scripted) -> None:
    for number in range(5):
        put(tmp_path, f"f{number}", request(number), age=10 + number)
    async with running(config(tmp_path, peer, parallel=1)):
        await until(lambda: len(archived(tmp_path)) == 5, "all are archived")
    assert peer.lines == [request(number) for number in reversed(range(5))]


async def test_a_permanent_refusal_fails_the_file_at_once_with_its_reason(tmp_path: Path, peer: Scripted) -> None:
    peer.say = lambda line: answer(line, 400)
    put(tmp_path, "f", request(1))
    async with running(config(tmp_path, peer)) as relay:
        await until(lambda: "f" in failed(tmp_path), "the file failed")
        await until(lambda: relay.status().senders[0].failed == 1, "the status says so")
        assert relay.status().failed_files[0].last_code == 400
    reason = failed(tmp_path)["f"]
    assert (reason["tries"], reason["last_code"], reason["destination"]) == (1, 400, f"127.0.0.1:{peer.port}")
    assert isinstance(reason["first_try_at"], float) and abs(reason["first_try_at"] - time.time()) < 60
    assert (tmp_path / "failed/a/f").read_bytes() == request(1)
    assert len(peer.lines) == 1


@pytest.mark.parametrize("code", [429, 503])
async def test_a_busy_partner_gets_the_same_line_again_later(tmp_path: Path, peer: Scripted, code: int) -> None:
    peer.say = lambda line: answer(line, 200 if len(peer.lines) > 5 else code)
    put(tmp_path, "f", request(1))
    async with running(config(tmp_path, peer)):
        await until(lambda: "f" in archived(tmp_path), "the file is archived")
    assert peer.lines == [request(1)] * 6
    assert failed(tmp_path) == {}


def _cut(line: bytes) -> bytes:
    return answer(line, 200)[:-6]


async def _reset(line: bytes, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _close(line: bytes, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _cut_answer(line: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(_cut(line))
    writer.close()


@pytest.mark.parametrize(
    ("say", "does", "error"),
    [
        (lambda line: None, None, "no answer within 0.2 s"),
        (lambda line: response(999, 200), None, "another process number"),
        (lambda line: b"200 OK\n", None, "garbled"),
        (lambda line: b"x" * 20_000, None, "has no end"),
        (None, _reset, "connection"),
        (None, _close, "without an answer"),
        (None, _cut_answer, "in the middle of an answer"),
    ],
)
async def test_no_believable_answer_is_a_failed_try_and_the_file_waits(
    tmp_path: Path, peer: Scripted, say: Callable[[bytes], bytes | None] | None, does: Answer | None, error: str
) -> None:
    peer.say, peer.does = say or peer.say, does
    put(tmp_path, "f", request(1))
    async with running(config(tmp_path, peer, timeout=0.2)) as relay:
        await until(lambda: error in said(relay) and len(peer.lines) >= 2, f"it says {error}, not {said(relay)}")
        assert failed(tmp_path) == {} and archived(tmp_path) == {}
        assert relay.status().senders[0].retries >= 1
        peer.say, peer.does = lambda line: answer(line, 200), None
        await until(lambda: "f" in archived(tmp_path), "the file is archived when the partner is well again")
    assert set(peer.lines) == {request(1)}
    assert peer.connections >= 3


async def test_a_partner_that_is_not_there_is_probed_and_served_when_it_comes(tmp_path: Path, peer: Scripted) -> None:
    await peer.close()
    for number in range(3):
        put(tmp_path, f"f{number}", request(number), age=10 - number)
    async with running(config(tmp_path, peer)) as relay:
        await until(lambda: "refused" in said(relay), "it says why")
        await until(lambda: relay.status().senders[0].retries > 5, "it goes on trying")
        assert relay.status().senders[0].state in ("backing_off", "probing")
        await until(lambda: len(waiting(tmp_path)) == 3, "between two probes all of them wait in the outbox")
        assert failed(tmp_path) == {}
        await peer.listen()
        await until(lambda: len(archived(tmp_path)) == 3, "all are sent")
    assert peer.lines[0] == request(0)


async def test_when_unanswered_fail_gives_up_after_its_retries(tmp_path: Path, peer: Scripted) -> None:
    peer.say = lambda line: None
    put(tmp_path, "f", request(1))
    async with running(config(tmp_path, peer, timeout=0.05, when_unanswered="fail")):
        await until(lambda: "f" in failed(tmp_path), "the file failed")
    assert failed(tmp_path)["f"]["tries"] == 3
    assert failed(tmp_path)["f"]["last_code"] is None
    assert peer.lines == [request(1)] * 3


async def test_one_file_alone_without_an_answer_fails_and_the_others_go(tmp_path: Path, peer: Scripted) -> None:
    peer.say = lambda line: None if b"|poison\n" in line else answer(line, 200)
    put(tmp_path, "poison", request(1, "poison"), age=100)
    async with running(config(tmp_path, peer, timeout=0.1)):
        number = 2
        while "poison" not in failed(tmp_path) and number < 1000:
            put(tmp_path, f"f{number}", request(number))
            number += 1
            await asyncio.sleep(0.02)
        await until(lambda: len(archived(tmp_path)) == number - 2, "the others are archived")
    assert failed(tmp_path)["poison"]["tries"] == 3


async def test_what_does_not_fit_the_layout_is_never_sent(tmp_path: Path, peer: Scripted) -> None:
    put(tmp_path, "bad", b"not a record\n")
    put(tmp_path, "empty", b"")
    put(tmp_path, "good", request(1)[:-1])
    async with running(config(tmp_path, peer)):
        await until(lambda: len(failed(tmp_path)) == 2 and len(archived(tmp_path)) == 1, "each is where it belongs")
    assert peer.lines == [request(1)]
    assert failed(tmp_path)["bad"]["tries"] == 0
    assert "401" in str(failed(tmp_path)["bad"]["last_error"])


async def test_odd_files_are_left_and_reported(tmp_path: Path, peer: Scripted) -> None:
    put(tmp_path, "good", request(1))
    (tmp_path / "outbox/a/link").symlink_to("good")
    async with running(config(tmp_path, peer)) as relay:
        await until(lambda: "good" in archived(tmp_path) and "link: a symlink" in said(relay), "the link is reported")
    assert waiting(tmp_path) == ["link"]


@pytest.mark.parametrize(("connection", "connections"), [("per_file", 20), ("persistent", 3), ("pipelined", 1)])
async def test_connections_are_used_as_configured_and_never_more_than_parallel(
    tmp_path: Path, peer: Scripted, connection: str, connections: int
) -> None:
    for number in range(20):
        put(tmp_path, f"f{number:02}", request(number))
    async with running(config(tmp_path, peer, connection=connection, parallel=3)):
        await until(lambda: len(archived(tmp_path)) == 20, "all are archived")
    assert peer.connections <= connections
    assert peer.most_at_once <= 3 + (connection == "per_file")  # one may still be closing while the next is open
    assert sorted(peer.lines) == sorted(request(number) for number in range(20))


async def test_a_wrong_answer_in_a_pipeline_is_credited_to_nobody(tmp_path: Path, peer: Scripted) -> None:
    """An answer that comes late, or for another record, must not archive the file behind it."""
    peer.say = lambda line: answer(line, 200) if len(peer.lines) > 6 else response(4242, 200)
    for number in range(5):
        put(tmp_path, f"f{number}", request(number), age=10 - number)
    async with running(config(tmp_path, peer, connection="pipelined", parallel=5)):
        await until(lambda: len(archived(tmp_path)) == 5, "all are archived in the end")
    for number in range(5):
        assert peer.lines[6:].count(request(number)) >= 1
    assert failed(tmp_path) == {}


async def test_a_dead_relays_claims_are_sent_after_its_start(tmp_path: Path, peer: Scripted) -> None:
    async with running(config(tmp_path, peer)):
        claims = next(path for path in (tmp_path / "outbox").glob(".a.claimed.*") if path.is_dir())
    put(tmp_path, "f", request(1))
    (tmp_path / "outbox/a/f").rename(claims / "f")  # what a kill leaves behind
    async with running(config(tmp_path, peer)):
        await until(lambda: "f" in archived(tmp_path), "it is sent again")


async def test_a_drain_waits_for_the_answer_that_is_on_its_way(tmp_path: Path, peer: Scripted) -> None:
    go = asyncio.Event()

    async def later(line: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.wait_for(go.wait(), 5)
        writer.write(answer(line, 200))

    peer.does = later
    put(tmp_path, "f", request(1))
    put(tmp_path, "g", request(2))
    async with running(config(tmp_path, peer, parallel=1)) as relay:
        await until(lambda: bool(peer.lines), "it is on its way")
        relay.stop()
        await until(lambda: relay.status().senders[0].state == "draining", "it drains")
        go.set()
    assert len(archived(tmp_path)) == 1
    assert len(waiting(tmp_path)) == 1


async def test_paused_it_sends_nothing_and_failed_files_are_sent_again_on_request(tmp_path: Path, peer: Scripted) -> None:
    peer.say = lambda line: answer(line, 409)
    put(tmp_path, "f", request(1))
    async with running(config(tmp_path, peer)) as relay:
        sender = relay.senders[0]
        await until(lambda: "f" in failed(tmp_path), "it failed")
        sender.pause()
        assert await sender.resend(None) == ["f"]
        await until(lambda: relay.status().senders[0].waiting == 1, "it waits")
        assert relay.status().senders[0].state == "paused"
        assert len(peer.lines) == 1
        peer.say = lambda line: answer(line, 200)
        sender.resume()
        await until(lambda: "f" in archived(tmp_path), "it is sent")
    assert failed(tmp_path) == {}


async def test_a_disk_that_refuses_the_archive_sends_nothing_twice(tmp_path: Path, peer: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "f", request(1))
    async with running(config(tmp_path, peer)) as relay:
        with monkeypatch.context() as patch:

            def full(endings: object, name: str, now: float) -> None:
                raise OSError(28, "No space left on device")

            patch.setattr("relay.sending.endings.Endings.archive", full)
            await until(lambda: bool(peer.lines) and "No space left" in said(relay), "the archive failed")
        await until(lambda: "f" in archived(tmp_path), "the archive is made up for")
    assert peer.lines == [request(1)]


async def test_what_the_disk_refuses_to_claim_waits_and_is_said(tmp_path: Path, peer: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "f", request(1))

    def full(claims: object, name: str) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr("relay.sending.claims.Claims.take", full)
        async with running(config(tmp_path, peer)) as relay:
            await until(lambda: "Read-only file system" in said(relay), "it says why")
            assert peer.lines == []
            patch.undo()
            await until(lambda: "f" in archived(tmp_path), "it is sent when the disk is well again")
            await until(lambda: not said(relay), "and all is well")


async def test_a_new_file_is_sent_at_once_however_rare_scans_are(tmp_path: Path, peer: Scripted) -> None:
    async with running(config(tmp_path, peer, scan_interval=3600.0, settle=0.05)) as relay:
        await until(lambda: relay.status().senders[0].state == "idle", "the first scan is over")
        put(tmp_path, "moved", request(1))
        await until(lambda: "moved" in archived(tmp_path), "what was moved in is sent")
        (tmp_path / "outbox/a/written").write_bytes(request(2))
        await until(lambda: "written" in archived(tmp_path), "what was written there is sent")
        assert await relay.senders[0].put("put", request(3)) == "put"
        await until(lambda: "put" in archived(tmp_path), "what we put there is sent")


async def test_without_inotify_scans_find_every_file(tmp_path: Path, peer: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(wakeup: object, place: object, heard: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("relay.sending.wakeup.Wakeup.__init__", none)
    async with running(config(tmp_path, peer)):
        put(tmp_path, "f", request(1))
        await until(lambda: "f" in archived(tmp_path), "it is found")


async def test_an_outbox_that_was_replaced_is_watched_and_scanned_again(tmp_path: Path, peer: Scripted) -> None:
    async with running(config(tmp_path, peer)) as relay:
        await until(lambda: relay.status().senders[0].state == "idle", "the first scan is over")
        (tmp_path / "outbox/a").rename(tmp_path / "outbox/away")
        await until(lambda: "No such file" in said(relay), "it says that the outbox is gone")
        put(tmp_path, "f", request(1))
        await until(lambda: "f" in archived(tmp_path), "it is sent from the new one")


async def test_a_file_that_others_took_away_is_not_counted_any_more(tmp_path: Path, peer: Scripted) -> None:
    async with running(config(tmp_path, peer)) as relay:
        relay.senders[0].pause()
        for number in range(3):
            put(tmp_path, f"f{number}", request(number))
        await until(lambda: relay.status().senders[0].waiting == 3, "three wait")
        (tmp_path / "outbox/a/f1").unlink()
        await until(lambda: relay.status().senders[0].waiting == 2, "two wait")
        relay.senders[0].resume()
        await until(lambda: len(archived(tmp_path)) == 2, "they are sent")


async def test_more_files_than_are_remembered_are_sent_in_order(tmp_path: Path, peer: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.sending.search.MOST", 20)
    monkeypatch.setattr("relay.sending.outbox.PIECE", 7)
    for number in range(100):
        put(tmp_path, f"f{number * 37 % 100:02}", request(number * 37 % 100), age=1000 - number * 37 % 100)
    async with running(config(tmp_path, peer, connection="persistent", parallel=1)) as relay:
        await until(lambda: bool(peer.lines), "it sends")
        assert len(relay.senders[0]._delivery.queue.known) <= 27
        await until(lambda: len(archived(tmp_path)) == 100, "all are sent")
    assert peer.lines == [request(number) for number in range(100)]


async def test_a_slow_partner_that_answers_one_after_the_other_is_alive(tmp_path: Path, peer: Scripted) -> None:
    async def slow(line: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.write(answer(line, 200))

    peer.does = slow
    for number in range(6):
        put(tmp_path, f"f{number}", request(number))
    async with running(config(tmp_path, peer, connection="pipelined", parallel=6, timeout=0.3)) as relay:
        await until(lambda: len(archived(tmp_path)) == 6, "all are archived")
        assert relay.status().senders[0].retries == 0
    assert len(peer.lines) == 6


async def test_a_disconnected_partner_is_no_failure_either(tmp_path: Path, peer: Scripted) -> None:
    peer.say = lambda line: None
    put(tmp_path, "f", request(1))
    async with running(config(tmp_path, peer, connection="persistent")) as relay:
        await until(lambda: bool(peer.lines), "it is on its way")
        (connection,) = relay.status().connections
        assert connection.state == "waiting for an answer"
        peer.say = lambda line: answer(line, 200)
        assert relay.senders[0].disconnect(connection.id)
        await until(lambda: "f" in archived(tmp_path), "it is sent again at once")
        assert relay.status().senders[0].retries == 0


async def test_names_that_are_no_text_do_not_disturb_the_status(tmp_path: Path, peer: Scripted) -> None:
    peer.say = lambda line: answer(line, 409)
    name = os.fsdecode(b"bad\xff\n\x1b[31m")
    put(tmp_path, name, request(1))
    async with running(config(tmp_path, peer)) as relay:
        await until(lambda: relay.status().senders[0].failed == 1, "it failed")
        status = relay.status()
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(status), type=RelayStatus) == status
        assert status.failed_files[0].file == "bad\\udcff\\n\\x1b[31m"
        peer.say = lambda line: answer(line, 200)
        assert await relay.senders[0].resend([status.failed_files[0].file]) == [status.failed_files[0].file]
        await until(lambda: name in archived(tmp_path), "it is sent by the name that was shown")


class Scripture(Leadership):
    """A leadership that says what a test wants."""

    def __init__(self, *, leads: bool) -> None:
        self.leads = leads
        self.has_changed = False
        self.asked = 0
        self.error: OSError | None = None

    @property
    def state(self) -> str:
        return "leader" if self.leads else "standby"

    @property
    def why(self) -> str | None:
        return None if self.leads else "another relay sends"

    @property
    def fence(self) -> int:
        return 1

    def may_send(self) -> bool:
        self.asked += 1
        if self.error:
            raise self.error
        return self.leads

    def changed(self) -> bool:
        has_changed, self.has_changed = self.has_changed, False
        return has_changed

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass


@contextlib.asynccontextmanager
async def elected(root: Path, home: str, peer: Scripted, leadership: Scripture, **sender: object) -> AsyncIterator[Sender]:
    """One of several relays that share an outbox."""
    (root / home).mkdir(exist_ok=True)
    settings = config(root, peer, **sender).senders[0]
    box = Outbox("a", root / "outbox/a", root / home, LAYOUT, settle=0.0)
    found = Sender(settings, LAYOUT, box, lambda severity, source, text: None, leadership=leadership)
    await found.open()
    task = asyncio.create_task(found.run())
    try:
        yield found
    finally:
        found.drain()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await found.cut()
        await found.close()


async def test_who_does_not_lead_sends_nothing_and_says_so(tmp_path: Path, peer: Scripted) -> None:
    put(tmp_path, "f", request(1))
    leadership = Scripture(leads=False)
    async with elected(tmp_path, "one", peer, leadership) as sender:
        await until(lambda: leadership.asked > 2 and sender.status().waiting == 1, "it asks again and again")
        assert (sender.status().state, peer.lines) == ("standby", [])
        assert sender.status().last_error == "another relay sends"
        leadership.leads = leadership.has_changed = True
        await until(lambda: bool(peer.lines), "as the leader it sends")
        await until(lambda: sender.status().state == "idle", "and is done")
    assert waiting(tmp_path) == []


async def test_who_stops_to_lead_while_it_connects_gives_its_files_back(tmp_path: Path, peer: Scripted) -> None:
    leadership = Scripture(leads=True)
    claimed = asyncio.Event()
    connect = Channels._connect

    async def slow(channels: Channels) -> Channel | str:
        claimed.set()
        await until(lambda: not leadership.leads, "it leads no more")
        return await connect(channels)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Channels, "_connect", slow)
        async with elected(tmp_path, "one", peer, leadership) as sender:
            put(tmp_path, "f", request(1))
            await asyncio.wait_for(claimed.wait(), 5)
            leadership.leads = False
            await until(lambda: waiting(tmp_path) == ["f"] and sender.status().in_flight == 0, "the file waits for another")
            assert peer.lines == []


async def test_who_cannot_read_who_leads_sends_nothing(tmp_path: Path, peer: Scripted) -> None:
    leadership = Scripture(leads=True)
    leadership.error = OSError(errno.EIO, os.strerror(errno.EIO))
    put(tmp_path, "f", request(1))
    async with elected(tmp_path, "one", peer, leadership) as sender:
        await until(lambda: "Input/output error" in str(sender.status().last_error), "it says why")
        assert peer.lines == []


async def test_a_new_leader_takes_the_files_of_one_that_hangs_and_that_one_finds_them_gone(tmp_path: Path, peer: Scripted) -> None:
    old, new = Scripture(leads=True), Scripture(leads=False)
    peer.say = lambda line: None
    async with elected(tmp_path, "one", peer, old, timeout=0.5) as first, elected(tmp_path, "two", peer, new) as second:
        put(tmp_path, "f", request(1))
        await until(lambda: len(peer.lines) == 1, "the first leader sends it")
        old.leads, new.leads, new.has_changed = False, True, True
        peer.say = lambda line: answer(line, 200)
        await until(lambda: second.status().sent == 1, "the new leader sends it again, with the same number")
        await until(lambda: first.status().in_flight == 0, "the first one has no answer, and nothing to give back")
    assert peer.lines == [request(1)] * 2
    assert waiting(tmp_path) == []
    assert len(list((tmp_path / "two/archive/a").glob("*/f"))) == 1
