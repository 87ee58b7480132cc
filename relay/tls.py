"""TLS: contexts made of PEM files, and made again when the files change. No sockets.

A new context serves new handshakes; connections that stand keep theirs. Files that cannot be used at the start are a fault of the
configuration; later they leave the context that there is in use, and the operator hears of it.
"""

import os
import ssl
import stat
import time
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from relay import certificate
from relay.config import ReceiverTls, SenderTls
from settings.forms import split_address

DAY: Final = 86400.0
SOON: Final = 14 * DAY  # before its end a certificate is spoken of
SAID_AGAIN: Final = DAY

Stamp = tuple[int, int, int] | None
Heard = tuple[str, str]  # severity and text, for the operator


class TlsFault(Exception):
    """`key`: what of the configuration leads to it, such as relay.receivers[0].tls.key."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(f"{key}: {text}")
        self.key = key
        self.text = text


class Renewed:
    """A context and the files that it is made of. `files` by the key that names them, below `where`; reads them, so it blocks."""

    def __init__(self, where: str, files: dict[str, Path], make: Callable[[], ssl.SSLContext]) -> None:
        """Raises TlsFault."""
        self._where = where
        self._files = files
        self._make = make
        self._stamps = self._look()
        self.current = self._build()
        self.error: str | None = None
        self._ends_at = self._end()
        self._said_at = 0.0

    def renew(self, now: float) -> list[Heard]:
        """Looks at the files; blocks. What is to be said of them."""
        heard: list[Heard] = []
        stamps = self._look()
        if stamps != self._stamps:
            self._stamps = stamps
            heard.append(self._again())
        return heard + self._age(now)

    def _again(self) -> Heard:
        try:
            self.current = self._build()
        except TlsFault as fault:
            self.error = str(fault)
            return "critical", f"{fault}; new connections go on with the certificates read before"
        self.error = None
        self._ends_at = self._end()
        self._said_at = 0.0
        return "info", "certificates were read again; new connections use them"

    def _age(self, now: float) -> list[Heard]:
        left = None if self._ends_at is None else self._ends_at - now
        if left is None or left > SOON or now - self._said_at < SAID_AGAIN:
            return []
        self._said_at = now
        path = self._files["certificate"]
        day = time.strftime("%Y-%m-%d %H:%M", time.gmtime(self._ends_at))
        if left <= 0:
            return [("critical", f"the certificate in {path} has ended at {day} UTC; partners refuse it")]
        return [("warning", f"the certificate in {path} ends at {day} UTC, in {left / DAY:.1f} days; renew it")]

    def _look(self) -> dict[str, Stamp]:
        return {key: _stamp(path) for key, path in self._files.items()}

    def _end(self) -> float | None:
        path = self._files.get("certificate")
        try:
            return None if path is None else certificate.ends_at(path.read_text(errors="replace"))
        except OSError:
            return None

    def _build(self) -> ssl.SSLContext:
        for key, path in self._files.items():
            try:
                with path.open("rb") as file:
                    mode = os.fstat(file.fileno()).st_mode
            except OSError as error:
                raise TlsFault(f"{self._where}.{key}", f"{path}: {error.strerror or error}") from None
            if key == "key" and stat.S_IMODE(mode) & stat.S_IRWXO:
                raise TlsFault(f"{self._where}.key", f"{path} is open to everybody; run: chmod o= {path}")
        try:
            return self._make()
        except _IsEncrypted:
            text = "has a pass phrase, which nobody is there to type; remove it: openssl pkey -in OLD -out NEW"
            raise TlsFault(f"{self._where}.key", f"{self._files['key']} {text}") from None
        except _Unusable as error:
            raise TlsFault(f"{self._where}.{error.key}", f"{self._files[error.key]}: {error}") from None


class ServerTls:
    """The listening side of one receiver."""

    def __init__(self, config: ReceiverTls, where: str, home: Path) -> None:
        """Raises TlsFault; reads files."""
        self.config = config
        files = {"certificate": _path(home, config.certificate), "key": _path(home, config.key)}
        if config.client_ca is not None:
            files["client_ca"] = _path(home, config.client_ca)

        def make() -> ssl.SSLContext:
            context = _context(ssl.PROTOCOL_TLS_SERVER)
            _show(context, files["certificate"], files["key"])
            if "client_ca" in files:
                context.verify_mode = ssl.CERT_REQUIRED
                _trust(context, files["client_ca"], "client_ca")
            return context

        self.files = Renewed(where, files, make)

    @property
    def context(self) -> ssl.SSLContext:
        """For the next handshake."""
        return self.files.current

    def is_allowed(self, names: Iterable[str]) -> bool:
        """Whether one of a partner's names fits one of the globs."""
        globs = [glob.lower() for glob in self.config.allow_names]
        return not globs or any(fnmatchcase(name.lower(), glob) for name in names for glob in globs)


class ClientTls:
    """The connecting side of one sender."""

    def __init__(self, config: SenderTls, connect: str, where: str, home: Path) -> None:
        """Raises TlsFault; reads files."""
        self.name = config.name or split_address(connect)[0]
        named = {"ca": config.ca, "certificate": config.certificate, "key": config.key}
        files = {key: _path(home, path) for key, path in named.items() if path is not None}

        def make() -> ssl.SSLContext:
            context = _context(ssl.PROTOCOL_TLS_CLIENT)  # checks the certificate and its name
            if "ca" in files:
                _trust(context, files["ca"], "ca")
            else:
                context.load_default_certs(ssl.Purpose.SERVER_AUTH)
            if "certificate" in files:
                _show(context, files["certificate"], files["key"])
            return context

        self.files = Renewed(where, files, make)

    def arguments(self) -> dict[str, Any]:
        """For `loop.create_connection`; anew for each connection."""
        return {"ssl": self.files.current, "server_hostname": self.name}


def names_of(shown: dict[str, Any]) -> list[str]:
    """DNS, e-mail and URI names of a certificate as `getpeercert` tells it, then its common name."""
    names = [value for kind, value in shown.get("subjectAltName", ()) if kind in ("DNS", "email", "URI")]
    common = [value for parts in shown.get("subject", ()) for kind, value in parts if kind == "commonName"]
    return list(dict.fromkeys(names + common))


def in_words(error: Exception) -> str:
    """Why a handshake failed, without OpenSSL's file names and line numbers."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return "TLS: " + (error.reason or str(error)).replace("_", " ").lower()
    return str(error) or type(error).__name__


class _IsEncrypted(Exception):
    pass


class _Unusable(Exception):
    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # of TLS 1.2: nobody needs it, and it is work on demand
    return context


def _show(context: ssl.SSLContext, certificates: Path, key: Path) -> None:
    def ask() -> str:
        raise _IsEncrypted  # else OpenSSL asks on the terminal

    try:
        context.load_cert_chain(certificates, key, ask)
    except ssl.SSLError as error:
        raise _blamed(error, certificates, key) from None


def _blamed(error: ssl.SSLError, certificates: Path, key: Path) -> _Unusable:
    """OpenSSL does not say which of the two files it means."""
    if error.reason == "KEY_VALUES_MISMATCH":
        return _Unusable("key", f"does not belong to the certificate in {certificates}")
    try:
        ssl.create_default_context(cadata=certificates.read_text())
    except (ssl.SSLError, OSError, ValueError):
        return _Unusable("certificate", "holds no certificate in PEM form")
    return _Unusable("key", "holds no private key in PEM form" if error.reason is None else f"cannot be used: {in_words(error)}")


def _trust(context: ssl.SSLContext, path: Path, key: str) -> None:
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise _Unusable(key, "holds no certificate in PEM form") from None


def _path(home: Path, text: str) -> Path:
    return home / Path(text).expanduser()


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
