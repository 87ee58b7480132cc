"""Certificates: what cannot be used, when they end, and how new ones come into use. And senders, who check those of others."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from relay import certificate
from relay.config import Backoff, ReceiverTls, Relay, Sender, SenderTls
from relay.tls import DAY, ClientTls, Renewed, ServerTls, TlsFault
from tests.relay.certificates import Authority, TlsPartner, day
from tests.relay.records import request, response
from tests.relay.running import running, until

WHERE = "relay.receivers[0].tls"
END = day(2030, 5, 17)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def server(home: Path, pair: tuple[str, str], client_ca: str | None = None) -> ServerTls:
    return ServerTls(ReceiverTls(*pair, client_ca=client_ca), WHERE, home)


# What cannot be used.


def _encrypted(key: Path) -> None:
    found = serialization.load_pem_private_key(key.read_bytes(), None)
    how = serialization.BestAvailableEncryption(b"secret")
    key.write_bytes(found.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how))


@pytest.mark.parametrize(
    ("spoil", "key", "why"),
    [
        (lambda home: (home / "a.pem").unlink(), "certificate", "No such file or directory"),
        (lambda home: (home / "a.pem").write_text("hello"), "certificate", "holds no certificate in PEM form"),
        (lambda home: (home / "a.key").unlink(), "key", "No such file or directory"),
        (lambda home: (home / "a.key").write_text("hello"), "key", "holds no private key in PEM form"),
        (lambda home: (home / "a.key").write_bytes((home / "b.key").read_bytes()), "key", "does not belong to the certificate in"),
        (lambda home: (home / "a.key").chmod(0o604), "key", "is open to everybody; run: chmod o="),
        (lambda home: _encrypted(home / "a.key"), "key", "has a pass phrase, which nobody is there to type"),
        (lambda home: (home / "ca.pem").write_text("hello"), "client_ca", "holds no certificate in PEM form"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_by_its_key(tmp_path: Path, spoil: Any, key: str, why: str) -> None:
    authority = Authority(tmp_path)
    authority.issue("a")
    authority.issue("b")
    spoil(tmp_path)
    with pytest.raises(TlsFault) as caught:
        server(tmp_path, ("a.pem", "a.key"), "ca.pem")
    assert caught.value.key == f"{WHERE}.{key}"
    assert why in str(caught.value)


def test_paths_begin_at_the_directory_of_the_relay(tmp_path: Path) -> None:
    Authority(tmp_path).issue("a")
    assert server(tmp_path, ("a.pem", "a.key")).context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert server(Path("/nowhere"), (str(tmp_path / "a.pem"), str(tmp_path / "a.key"))).context


# When they end.


def test_the_end_of_a_certificate_is_read_to_the_second(authority: Authority) -> None:
    for ends_at in (END, day(2049, 12, 31), day(2051, 1, 1), day(2000, 7, 1)):  # UTCTime, the last of them, GeneralizedTime, and long ago
        path, _ = authority.issue("dated", ends_at=ends_at)
        assert certificate.ends_at(Path(path).read_text()) == ends_at.timestamp()


def test_of_several_the_first_to_end_counts(authority: Authority) -> None:
    late, early = (Path(authority.issue(stem, ends_at=at)[0]).read_text() for stem, at in (("l", day(2031, 1, 1)), ("e", END)))
    assert certificate.ends_at(late + early) == END.timestamp()


@given(st.binary(max_size=80), st.integers(0, 400))
def test_any_bytes_are_no_certificate_and_no_surprise(noise: bytes, place: int) -> None:
    der = ssl.PEM_cert_to_DER_cert(SAMPLE)
    for data in (noise, der[:place] + noise, der[:place] + noise + der[place:]):
        found = certificate.ends_at(ssl.DER_cert_to_PEM_cert(data))
        assert found is None or found > 0
    assert certificate.ends_at(noise.decode("latin-1")) is None


SAMPLE = Path(__file__).with_name("sample.pem").read_text()


def test_a_certificate_that_ends_soon_is_spoken_of_once_a_day(tmp_path: Path) -> None:
    files = server(tmp_path, Authority(tmp_path).issue("a", ends_at=END)).files
    end = END.timestamp()
    assert files.renew(end - 15 * DAY) == []
    ((severity, text),) = files.renew(end - 13 * DAY)
    assert severity == "warning"
    assert text == f"the certificate in {tmp_path}/a.pem ends at 2030-05-17 00:00 UTC, in 13.0 days; renew it"
    assert files.renew(end - 12.5 * DAY) == []
    assert [severity for severity, _ in files.renew(end - 11 * DAY)] == ["warning"]
    ((severity, text),) = files.renew(end + 1)
    assert severity == "critical"
    assert text == f"the certificate in {tmp_path}/a.pem has ended at 2030-05-17 00:00 UTC; partners refuse it"


async def test_one_that_has_ended_is_told_of_at_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from tests.relay.test_tls import config

    yesterday = datetime.now(UTC) - timedelta(days=1)
    async with running(config(tmp_path / "r", ReceiverTls(*Authority(tmp_path).issue("a", ends_at=yesterday)))):
        await until(lambda: "has ended at" in caplog.text, "it is said")


# How new ones come into use.


def test_files_are_read_again_when_they_changed_and_only_then(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = server(tmp_path, authority.issue("a")).files
    before = files.current
    assert files.renew(0) == []
    assert files.current is before
    authority.issue("a", ends_at=END)
    assert files.renew(0) == [("info", "certificates were read again; new connections use them")]
    assert files.current is not before
    assert [severity for severity, _ in files.renew(END.timestamp() - DAY)] == ["warning"]  # and the new end is known


def test_a_broken_new_file_leaves_the_old_one_in_use_until_it_is_mended(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("a")
    files = server(tmp_path, pair).files
    before = files.current
    Path(pair[1]).write_text("hello")
    ((severity, text),) = files.renew(0)
    assert severity == "critical"
    assert text.startswith(f"{WHERE}.key: {pair[1]}: holds no private key in PEM form; new connections go on with")
    assert files.error is not None
    assert files.current is before
    assert files.renew(0) == []  # said once
    Path(pair[1]).unlink()
    assert [severity for severity, _ in files.renew(0)] == ["critical"]
    authority.issue("a")
    assert [severity for severity, _ in files.renew(0)] == ["info"]
    assert files.error is None


async def test_connections_outlive_the_certificate_that_they_were_made_with(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = ReceiverTls(*authority.issue("a", "127.0.0.1", "old.example"))
    from tests.relay.test_tls import address, config

    async with running(config(tmp_path / "r", tls)) as relay:

        def partner() -> TlsPartner:
            return TlsPartner(address(relay), authority.client()).shake()

        with await asyncio.to_thread(partner) as old:
            authority.issue("a", "127.0.0.1", "new.example")
            await relay._parts.look_at_certificates()
            with await asyncio.to_thread(partner) as new:
                assert "old.example" in str(old.shown)
                assert "new.example" in str(new.shown)
                for number, peer in enumerate((old, new)):
                    peer.send(request(number))
                    assert await asyncio.to_thread(peer.lines, 1) == response(number, 200)


# Senders.


class Answering:
    """A partner behind TLS that takes every record."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.records: list[bytes] = []
        self.shown: list[Any] = []

    async def listen(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.shown.append(writer.get_extra_info("peercert"))
        line = await reader.readline()
        if line:
            self.records.append(line)
            writer.write(response(line.split(b"|")[2].decode(), 200))
        writer.close()


def sending(directory: Path, connect: str, tls: SenderTls) -> Relay:
    outbox = directory / "outbox/s"
    outbox.mkdir(parents=True)
    (outbox / "1.txt").write_bytes(request(1))
    backoff = Backoff(first=0.05, max=0.1)
    sender = Sender(name="s", connect=connect, tls=tls, scan_interval=0.02, settle=0.0, retries=1, timeout=2.0, backoff=backoff)
    return Relay(directory=str(directory), senders=[sender])


async def test_a_sender_checks_its_partner_and_shows_its_own_certificate(tmp_path: Path, authority: Authority) -> None:
    theirs, ours = authority.issue("theirs", "partner.example", "127.0.0.1"), authority.issue("ours", "us.example")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(*theirs)
    for place, name in enumerate((None, "partner.example")):  # the address itself, and a name
        peer = Answering(context)
        port = await peer.listen()
        tls = SenderTls(ca=str(authority.file), name=name, certificate=ours[0], key=ours[1])
        async with running(sending(tmp_path / f"r{place}", f"127.0.0.1:{port}", tls)) as relay:
            await until(lambda: relay.status().senders[0].sent == 1, "it is sent")
        peer.close()
        assert peer.records == [request(1)]
        assert peer.shown[0]["subjectAltName"] == (("DNS", "us.example"),)


@pytest.mark.parametrize(
    ("tls", "why"),
    [
        ({"ca": "{other}"}, "certificate"),
        ({"ca": "{ca}", "name": "somebody.else"}, "somebody.else"),
        ({}, "certificate"),
    ],
    ids=["another authority", "another name", "the system's authorities"],
)
async def test_a_sender_gives_nothing_to_a_stranger(tmp_path: Path, authority: Authority, tls: dict[str, str], why: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue("theirs", "127.0.0.1"))
    other = Authority(tmp_path / "other")
    peer = Answering(context)
    port = await peer.listen()
    wanted = SenderTls(**{key: value.format(ca=authority.file, other=other.file) for key, value in tls.items()})
    async with running(sending(tmp_path / "r", f"127.0.0.1:{port}", wanted)) as relay:
        await until(lambda: relay.status().senders[0].retries >= 1, "it is tried again")
        assert why in (relay.status().senders[0].last_error or "")
        assert relay.status().senders[0].waiting + relay.status().senders[0].in_flight == 1
    peer.close()
    assert peer.records == []


def test_the_context_of_a_sender_is_renewed_too(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    found = ClientTls(SenderTls(ca="ca.pem"), "[::1]:9400", "relay.senders[0].tls", tmp_path)
    before = found.arguments()
    assert before["server_hostname"] == "::1"
    assert before["ssl"].check_hostname
    authority.file.write_bytes(Authority(tmp_path / "other").file.read_bytes())
    assert [severity for severity, _ in found.files.renew(0)] == ["info"]
    assert found.arguments()["ssl"] is not before["ssl"]


def test_a_context_without_files_stays(tmp_path: Path) -> None:
    found: Renewed = ClientTls(SenderTls(), "partner:9400", "relay.senders[0].tls", tmp_path).files
    before = found.current
    assert found.renew(timedelta(days=400).total_seconds()) == []
    assert found.current is before
