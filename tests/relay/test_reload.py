"""The configuration read again by a relay that runs: all of it is applied or nothing, and what did not change notices nothing."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from relay.config import Backoff, Receiver, ReceiverTimeouts, ReceiverTls, Relay, Sender, SenderTls
from relay.options import CannotReread
from relay.service import Service
from tests.relay.certificates import Authority, TlsPartner
from tests.relay.records import request, response
from tests.relay.running import partner, published, running, until

ANY = "127.0.0.1:0"


def receiver(name: str, **more: object) -> Receiver:
    return Receiver(name=name, listen=ANY, **more)  # type: ignore[arg-type]


class Reloading:
    """A relay and the configuration that it will find when it looks."""

    def __init__(self, first: Relay) -> None:
        self.next: Relay | CannotReread | Exception = first
        self.relay: Service
        self.said: list[tuple[str, str, str]] = []

    def reread(self) -> Relay:
        if isinstance(self.next, Exception):
            raise self.next
        return self.next

    async def to(self, found: Relay | Exception) -> tuple[str, str]:
        """Severity and text of what the operator hears about it."""
        self.next = found
        self.said.clear()
        await self.relay.reload()
        severity, source, text = self.said[-1]
        assert source == "relay"
        return severity, text

    def names(self) -> list[str]:
        found = self.relay.status()
        return [each.name for each in found.receivers] + [each.name for each in found.senders]


@contextlib.asynccontextmanager
async def reloading(first: Relay) -> AsyncIterator[Reloading]:
    found = Reloading(first)
    async with running(first, found.reread) as relay:
        found.relay = relay
        trouble = relay._publisher.trouble

        def hear(severity: str, source: str, text: str) -> None:
            found.said.append((severity, source, text))
            trouble(severity, source, text)

        relay._publisher.trouble = hear  # type: ignore[method-assign]
        yield found


def config(directory: Path, *receivers: Receiver, senders: tuple[Sender, ...] = ()) -> Relay:
    return Relay(directory=str(directory / "r"), receivers=list(receivers), senders=list(senders))


async def test_limits_and_lists_are_for_whoever_comes_from_now_on_and_connections_stay(tmp_path: Path) -> None:
    async with reloading(config(tmp_path, receiver("a"))) as found, partner(found.relay.status()) as old:
        await old.send(request(1))
        assert await old.answer() == response(1, 200)
        narrow = receiver("a", max_connections=1, timeouts=ReceiverTimeouts(idle=7.0))
        assert await found.to(config(tmp_path, narrow)) == ("info", "the configuration was read again: changed: a")
        async with partner(found.relay.status()) as second:
            assert await second.rest() == response("", 429)
        assert await found.to(config(tmp_path, receiver("a", allow=["10.0.0.0/8"]))) == (
            "info",
            "the configuration was read again: changed: a",
        )
        async with partner(found.relay.status()) as third:
            assert await third.rest() == b""
        await old.send(request(2))
        assert await old.answer() == response(2, 200)
    assert published(tmp_path / "r/inbox/a") == request(1) + request(2)


async def test_receivers_come_and_go_and_the_others_notice_nothing(tmp_path: Path) -> None:
    async with reloading(config(tmp_path, receiver("a"), receiver("b"))) as found:
        status = found.relay.status()
        async with partner(status, 0) as stays, partner(status, 1) as goes:
            for peer in (stays, goes):
                await peer.send(request(1))
                assert await peer.answer() == response(1, 200)
            severity, text = await found.to(config(tmp_path, receiver("a"), receiver("c")))
            assert (severity, text) == ("info", "the configuration was read again: new: c; gone: b")
            assert await goes.rest() == b""  # it was drained: what it had sent is published
            assert published(tmp_path / "r/inbox/b") == request(1)
            assert found.names() == ["a", "c"]
            await stays.send(request(2))
            assert await stays.answer() == response(2, 200)
        async with partner(found.relay.status(), 1) as new:
            await new.send(request(3))
            assert await new.answer() == response(3, 200)
        assert (await found.to(config(tmp_path, receiver("a"), receiver("b"))))[0] == "info"  # and back: its inbox is free again
        async with partner(found.relay.status(), 1) as again:
            await again.send(request(1))
            assert await again.answer() == response(1, 200)
    assert published(tmp_path / "r/inbox/b") == request(1)  # a number that it remembers
    assert published(tmp_path / "r/inbox/c") == request(3)


async def test_a_file_with_mistakes_leaves_everything_as_it_was(tmp_path: Path) -> None:
    async with reloading(config(tmp_path, receiver("a"))) as found:
        severity, text = await found.to(CannotReread(["config.yaml:3:1: relay.reciever: unknown key"]))
        assert severity == "critical"
        assert text == "the new configuration is not used, the old one stays: config.yaml:3:1: relay.reciever: unknown key"
        severity, text = await found.to(RuntimeError("a bug"))
        assert (severity, text) == ("critical", "reading the configuration again failed: RuntimeError: a bug")
        assert found.names() == ["a"]


@pytest.mark.parametrize("fault", ["a taken port", "a certificate that is not there", "an inbox of another", "a key that needs a restart"])
async def test_one_fault_and_nothing_of_it_is_applied(tmp_path: Path, fault: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        wrong = {
            "a taken port": Receiver(name="z", listen=f"127.0.0.1:{port}"),
            "a certificate that is not there": receiver("z", tls=ReceiverTls("none.pem", "none.key")),
            "an inbox of another": receiver("z", inbox="inbox/a"),
            "a key that needs a restart": receiver("b", inbox="elsewhere"),
        }[fault]
        others = [] if wrong.name == "b" else [receiver("b")]
        async with reloading(config(tmp_path, receiver("a"), receiver("b"))) as found:
            new = config(tmp_path, receiver("a", allow=[]), *others, receiver("y"), wrong)
            severity, text = await found.to(new)
            assert severity == "critical"
            assert text.startswith("the new configuration is not used, the old one stays: ")
            assert found.names() == ["a", "b"]
            async with partner(found.relay.status()) as peer:  # of a network that would be gone
                await peer.send(request(1))
                assert await peer.answer() == response(1, 200)
            assert (await found.to(config(tmp_path, receiver("a"), receiver("b"), receiver("y"))))[0] == "info"  # y is free


class Taking:
    """A partner that takes every record, and with `is_slow` none."""

    def __init__(self, *, is_slow: bool = False) -> None:
        self.records: list[bytes] = []
        self._is_slow = is_slow

    async def listen(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            if not self._is_slow:
                self.records.append(line)
                writer.write(response(line.split(b"|")[2].decode(), 200))
        writer.close()


async def test_a_sender_goes_to_its_new_address_with_what_waits(tmp_path: Path) -> None:
    deaf, hearing = Taking(is_slow=True), Taking()
    old, new = await deaf.listen(), await hearing.listen()
    outbox = tmp_path / "r/outbox/s"
    outbox.mkdir(parents=True)
    for number in range(3):
        (outbox / f"{number}.txt").write_bytes(request(number))
    backoff = Backoff(first=0.05, max=0.1)
    sender = Sender(name="s", connect=old, scan_interval=0.02, settle=0.0, timeout=0.2, backoff=backoff)
    async with reloading(config(tmp_path, receiver("a"), senders=(sender,))) as found:
        await until(lambda: found.relay.status().senders[0].retries > 0, "the old one does not answer")
        changed = msgspec.structs.replace(sender, connect=new)
        assert (await found.to(config(tmp_path, receiver("a"), senders=(changed,)))) == (
            "info",
            "the configuration was read again: new: s; gone: s",
        )
        await until(lambda: len(hearing.records) == 3, "the new one has all")
        assert found.relay.status().senders[0].connect == new
        assert (await found.to(config(tmp_path, receiver("a"))))[0] == "info"
        assert found.names() == ["a"]
        bad = msgspec.structs.replace(changed, tls=SenderTls(ca="none.pem"))
        assert (await found.to(config(tmp_path, receiver("a"), senders=(bad,))))[0] == "critical"
        assert found.names() == ["a"]
    assert sorted(hearing.records) == [request(number) for number in range(3)]
    deaf.close()
    hearing.close()


async def test_another_certificate_and_other_names_are_used_for_the_next_handshake(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    first, second = (authority.issue(stem, "127.0.0.1", f"{stem}.example") for stem in ("first", "second"))
    async with reloading(config(tmp_path, receiver("a", tls=ReceiverTls(*first)))) as found:

        def shake() -> TlsPartner:
            return TlsPartner(found.relay.status().receivers[0].listen, authority.client()).shake()

        with await asyncio.to_thread(shake) as old:
            assert (await found.to(config(tmp_path, receiver("a", tls=ReceiverTls(*second)))))[0] == "info"
            with await asyncio.to_thread(shake) as new:
                assert ("first.example" in str(old.shown), "second.example" in str(new.shown)) == (True, True)
                old.send(request(1))
                assert await asyncio.to_thread(old.lines, 1) == response(1, 200)
        authority.issue("second", "127.0.0.1", "third.example")  # and it is these files that are watched now
        await found.relay._parts.look_at_certificates()
        with await asyncio.to_thread(shake) as newest:
            assert "third.example" in str(newest.shown)
        Path(second[1]).unlink()
        await found.relay._parts.look_at_certificates()
        assert "tls.key: " in (found.relay.status().receivers[0].last_error or "")
