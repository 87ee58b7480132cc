"""TLS between partners and a receiver, on both event loops."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from relay.config import Receiver, ReceiverTimeouts, ReceiverTls, Relay
from relay.service import Service
from tests.relay.certificates import Authority, TlsPartner
from tests.relay.records import request, response
from tests.relay.running import DEADLINE, partner, published, running, until

Play = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def ours(authority: Authority) -> tuple[str, str]:
    return authority.issue("relay")


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def play(request: pytest.FixtureRequest) -> Iterator[Play]:
    """Runs a story on an event loop of its own."""
    with asyncio.Runner(loop_factory=request.param) as runner:

        async def bounded(story: Coroutine[Any, Any, None]) -> None:
            async with asyncio.timeout(DEADLINE * 4):
                await story

        yield lambda story: runner.run(bounded(story))


def config(directory: Path, tls: ReceiverTls, **receiver: Any) -> Relay:
    return Relay(directory=str(directory), receivers=[Receiver(name="a", listen="127.0.0.1:0", tls=tls, **receiver)])


def address(relay: Service) -> str:
    return relay.status().receivers[0].listen


def refused(relay: Service) -> dict[str, int]:
    return relay.status().receivers[0].refused


def test_a_record_by_tls_is_stored_and_answered_and_the_status_says_so(
    tmp_path: Path, play: Play, authority: Authority, ours: tuple[str, str]
) -> None:
    async def story() -> None:
        async with running(config(tmp_path / "r", ReceiverTls(*ours))) as relay:

            def says() -> str | None:
                with TlsPartner(address(relay), authority.client()).shake() as peer:
                    peer.send(request(1))
                    assert peer.lines(1) == response(1, 200)
                    peer.send(request(2) + request(3))
                    assert peer.lines(2) == response(2, 200) + response(3, 200)
                    (connection,) = relay.status().connections
                    return connection.tls

            assert await asyncio.to_thread(says) == "TLSv1.3"
            await until(lambda: not relay.status().connections, "the connection is forgotten")
        assert published(tmp_path / "r/inbox/a") == request(1) + request(2) + request(3)

    play(story())


def test_a_partner_that_ends_its_side_hears_its_answers_all_the_same(
    tmp_path: Path, play: Play, authority: Authority, ours: tuple[str, str]
) -> None:
    async def story() -> None:
        async with running(config(tmp_path / "r", ReceiverTls(*ours))) as relay:

            def says() -> bytes:
                with TlsPartner(address(relay), authority.client()).shake() as peer:
                    peer.send(request(1))
                    peer.say_last_word()
                    return peer.rest()

            def cut() -> bytes:
                with TlsPartner(address(relay), authority.client()).shake() as peer:
                    peer.send(request(2) + b"half a li")
                    peer.socket.shutdown(socket.SHUT_WR)
                    return peer.rest()

            assert await asyncio.to_thread(says) == response(1, 200)
            assert await asyncio.to_thread(cut) == response(2, 200) + response("", 402)

    play(story())


def test_after_a_line_that_is_too_long_the_answer_arrives_and_the_end(
    tmp_path: Path, play: Play, authority: Authority, ours: tuple[str, str]
) -> None:
    async def story() -> None:
        async with running(config(tmp_path / "r", ReceiverTls(*ours))) as relay:

            def says() -> bytes:
                with TlsPartner(address(relay), authority.client()).shake() as peer:
                    peer.send(b"9999|REQ|7|" + b"x" * 60_000)
                    return peer.rest()

            assert await asyncio.to_thread(says) == response("7", 413)

    play(story())


def test_bytes_one_by_one_and_thousands_of_records_at_once_are_the_same(
    tmp_path: Path, play: Play, authority: Authority, ours: tuple[str, str]
) -> None:
    count = 3000
    lines = b"".join(map(request, range(1, count + 1)))
    answers = b"".join(response(number, 200) for number in range(1, count + 1))

    async def story() -> None:
        async with running(config(tmp_path / "r", ReceiverTls(*ours))) as relay:

            def slow() -> bytes:
                with TlsPartner(address(relay), authority.client(), step=1).shake() as peer:
                    peer.send(request(0))
                    return peer.lines(1)

            def quick() -> bytes:
                with TlsPartner(address(relay), authority.client()).shake() as peer:
                    peer.send(lines)
                    return peer.lines(count)

            assert await asyncio.to_thread(slow) == response(0, 200)
            assert await asyncio.to_thread(quick) == answers
        assert published(tmp_path / "r/inbox/a") == request(0) + lines

    play(story())


def test_a_partner_that_does_not_read_is_cut_by_tls_too(tmp_path: Path, play: Play, authority: Authority, ours: tuple[str, str]) -> None:
    timeouts = ReceiverTimeouts(unread=0.2)

    async def story() -> None:
        async with running(config(tmp_path / "r", ReceiverTls(*ours), timeouts=timeouts)) as relay:

            def says() -> None:
                with TlsPartner(address(relay), authority.client()).shake() as peer, pytest.raises(OSError):
                    while True:
                        peer.send(b"nonsense\n" * 5000)

            await asyncio.to_thread(says)
            await until(lambda: not relay.status().connections, "it is cut")

    play(story())


def test_without_tls_nobody_comes_in_and_it_is_counted(tmp_path: Path, play: Play, authority: Authority, ours: tuple[str, str]) -> None:
    async def story() -> None:
        async with running(config(tmp_path / "r", ReceiverTls(*ours))) as relay:
            reader, writer = await asyncio.open_connection(*address(relay).split(":"))
            writer.write(request(1))
            assert await reader.read() == b""
            writer.close()
            assert refused(relay) == {"not_tls": 1}
            assert "a client without TLS" in (relay.status().receivers[0].last_error or "")

            def untrusting() -> None:
                with TlsPartner(address(relay), ssl.create_default_context()) as peer, pytest.raises(ssl.SSLCertVerificationError):
                    peer.shake()

            await asyncio.to_thread(untrusting)  # leaves without a word
            await until(lambda: not relay.receivers[0].sockets, "it is gone")
            assert refused(relay) == {"not_tls": 1}
        assert published(tmp_path / "r/inbox/a") == b""

    play(story())


async def test_tls_on_a_port_without_it_is_refused_and_the_quarantine_says_what_it_was(tmp_path: Path) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="relay.example")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    plain = Relay(directory=str(tmp_path / "r"), receivers=[Receiver(name="a", listen="127.0.0.1:0")])
    async with running(plain) as relay, partner(relay.status()) as peer:
        await peer.send(outgoing.read() + b"\n")
        incoming.write(await peer.answer())
        with pytest.raises(ssl.SSLError):
            client.do_handshake()
        assert sum(refused(relay).values()) >= 1
    kept = (tmp_path / "r/quarantine/a/refused.jsonl").read_text()
    assert "it looks like TLS, and this port is plain" in kept


def test_only_partners_with_a_certificate_and_a_name_on_the_list_come_in(
    tmp_path: Path, play: Play, authority: Authority, ours: tuple[str, str]
) -> None:
    tls = ReceiverTls(*ours, client_ca=str(authority.file), allow_names=["*.bank.example", "Branch Seven"])
    stranger = Authority(tmp_path / "other").issue("stranger", "a.bank.example")
    named = authority.issue("named", "A.Bank.example")
    common = authority.issue("common", "somewhere.else", common_name="branch seven")
    foreign = authority.issue("foreign", "bank.example.evil")

    async def story() -> None:
        async with running(config(tmp_path / "r", tls)) as relay:
            said: list[tuple[str, str]] = []
            relay.receivers[0]._trouble = lambda severity, source, text: said.append((severity, text))

            def says(shown: tuple[str, str] | None) -> tuple[bytes, str | None]:
                with TlsPartner(address(relay), authority.client(shown)) as peer:
                    try:
                        peer.shake().send(request(1))
                        return peer.lines(1), relay.status().connections[0].tls
                    except (OSError, AssertionError):
                        return b"", None

            assert await asyncio.to_thread(says, named) == (response(1, 200), "TLSv1.3 a.bank.example")
            assert await asyncio.to_thread(says, common) == (response(1, 200), "TLSv1.3 somewhere.else")
            for wrong in (foreign, foreign, foreign, None, stranger):
                assert await asyncio.to_thread(says, wrong) == (b"", None)
            await until(lambda: refused(relay) == {"name_not_allowed": 3, "handshake": 2}, "they are counted")
            assert [severity for severity, _ in said] == ["warning"]  # once a minute, however many there are
            assert "the certificate of bank.example.evil" in said[0][1]
            assert "fits none of allow_names" in said[0][1]

    play(story())


def test_a_handshake_holds_a_place_and_only_for_so_long(tmp_path: Path, play: Play, authority: Authority, ours: tuple[str, str]) -> None:
    async def story() -> None:
        async with running(config(tmp_path / "r", ReceiverTls(*ours, handshake=0.3), max_connections=1)) as relay:
            silent, second = [await asyncio.open_connection(*address(relay).split(":")) for _ in range(2)]
            assert await second[0].read() == b""  # nobody can be told why before the handshake
            assert refused(relay) == {"429": 1}
            assert await silent[0].read() == b""
            await until(lambda: refused(relay) == {"429": 1, "handshake": 1}, "it is counted")
            for _, writer in (silent, second):
                writer.close()

            def says() -> bytes:
                with TlsPartner(address(relay), authority.client()).shake() as peer:
                    peer.send(request(1))
                    return peer.lines(1)

            assert await asyncio.to_thread(says) == response(1, 200)

    play(story())


def test_nobody_off_the_list_of_networks_gets_as_far_as_a_handshake(tmp_path: Path, play: Play, ours: tuple[str, str]) -> None:
    async def story() -> None:
        async with running(config(tmp_path / "r", ReceiverTls(*ours), allow=["10.0.0.0/8"])) as relay:
            reader, writer = await asyncio.open_connection(*address(relay).split(":"))
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
            assert refused(relay) == {"not_allowed": 1}

    play(story())


def test_a_drain_waits_for_whoever_is_in_the_middle_of_a_handshake(
    tmp_path: Path, play: Play, authority: Authority, ours: tuple[str, str]
) -> None:
    async def story() -> None:
        async with running(config(tmp_path / "r", ReceiverTls(*ours))) as relay:
            peer = TlsPartner(address(relay), authority.client())
            await until(lambda: relay.receivers[0].sockets == 1, "it is there")
            relay.stop()
            await until(lambda: relay.receivers[0].status().state == "draining", "the relay drains")
            await asyncio.to_thread(peer.shake)
            assert await asyncio.to_thread(peer.rest) == b""
            peer.close()

    play(story())
