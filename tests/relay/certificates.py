"""A certificate authority for tests, and a partner that speaks TLS by hand: it can end its side and listen on, or send byte by byte."""

import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

import trustme

from tests.relay.running import DEADLINE


class Authority:
    """Writes PEM files into `home`. The certificates that it makes are for 127.0.0.1 unless told otherwise."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._ca = trustme.CA()
        self.file = home / "ca.pem"
        home.mkdir(parents=True, exist_ok=True)
        self.file.write_bytes(self._ca.cert_pem.bytes())

    def issue(self, stem: str, *names: str, common_name: str | None = None, ends_at: datetime | None = None) -> tuple[str, str]:
        """Paths of a certificate and its key."""
        made = self._ca.issue_cert(*(names or ("127.0.0.1",)), common_name=common_name, not_after=ends_at)
        certificate, key = self.home / f"{stem}.pem", self.home / f"{stem}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        key.write_bytes(made.private_key_pem.bytes())
        key.chmod(0o600)
        return str(certificate), str(key)

    def client(self, shown: tuple[str, str] | None = None) -> ssl.SSLContext:
        """What a partner uses that trusts us."""
        context = ssl.create_default_context(cafile=str(self.file))
        if shown is not None:
            context.load_cert_chain(*shown)
        return context


def day(year: int, month: int, date: int) -> datetime:
    return datetime(year, month, date, tzinfo=UTC)


class TlsPartner:
    """Blocks; for a thread."""

    def __init__(self, address: str, context: ssl.SSLContext, name: str = "127.0.0.1", step: int = 65536) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout=DEADLINE)
        self._step = step
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)

    def shake(self) -> "TlsPartner":
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._hear()
            else:
                self._flush()
                return self

    def send(self, data: bytes) -> None:
        self._tls.write(data)
        self._flush()

    def say_last_word(self) -> None:
        """close_notify, and the socket stays open."""
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            self._flush()

    def read(self) -> bytes:
        """What came; b"" at the end."""
        while True:
            try:
                return self._tls.read(65536)
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLWantReadError:
                if not self._hear():
                    return b""

    def lines(self, count: int) -> bytes:
        found = b""
        while found.count(b"\n") < count:
            part = self.read()
            assert part, f"it ended after {found!r}"
            found += part
        return found

    def rest(self) -> bytes:
        found = b""
        while part := self.read():
            found += part
        return found

    @property
    def shown(self) -> object:
        """The certificate that the relay showed."""
        return self._tls.getpeercert() or {}

    def close(self) -> None:
        self.socket.close()

    def _flush(self) -> None:
        data = self._outgoing.read()
        for start in range(0, len(data), self._step):
            self.socket.sendall(data[start : start + self._step])

    def _hear(self) -> bool:
        data = self.socket.recv(65536)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return bool(data)

    def __enter__(self) -> "TlsPartner":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
