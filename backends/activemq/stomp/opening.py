"""How a STOMP connection is made, and why it was not, in a sentence."""

import asyncio
import errno
import os
import socket
import ssl
from typing import TYPE_CHECKING

from backends.activemq.config import StompTls
from backends.activemq.stomp.vocabulary import StompTrouble
from settings.forms import split_address
from settings.secret import SecretUnavailable

if TYPE_CHECKING:
    from backends.activemq.stomp.connection import Connection


def made(address: str, timeout: float) -> "Connection":
    """Not opened yet. Imports stomp.py."""
    os.environ.setdefault("STOMP_SKIP_HOSTNAME_SCAN", "1")  # or its import asks DNS for our own name, and waits for an answer
    from backends.activemq.stomp.connection import Connection

    return Connection(address, split_address(address), timeout)


def context(tls: StompTls) -> ssl.SSLContext:
    """The broker's certificate must be trusted, and asyncio checks that it is for the host. Raises OSError, of a file with its name."""
    try:
        made = ssl.create_default_context(cafile=tls.ca)
    except OSError as error:  # SSLError is one: it names no file
        raise _unreadable(error, "stomp_tls.ca", tls.ca) from None
    if tls.certificate is not None:
        try:
            made.load_cert_chain(tls.certificate, tls.key, password=lambda: "")  # an encrypted key fails; a prompt would hang
        except OSError as error:
            raise _unreadable(error, "stomp_tls.certificate and key", tls.certificate) from None
    return made


def told(error: BaseException, address: str, tls: StompTls | None, timeout: float, is_reached: bool) -> StompTrouble | None:
    """Why there is no connection; None for what is no failure of the broker, the network or the configuration."""
    match error:
        case StompTrouble():
            text = str(error)
        case asyncio.CancelledError():  # only `close` does that
            text = "the connection was closed"
        case SecretUnavailable():
            text = f"no connection to {address}: {error}"
        case TimeoutError():
            text = _silent(address, tls, timeout, is_reached)
        case ssl.SSLCertVerificationError():
            text = f"TLS with {address} failed: {error.verify_message.rstrip('.')}; see stomp_tls.ca, and the host in stomp"
        case ssl.SSLError():
            text = f"TLS with {address} failed: {error.reason or error}; does this port speak TLS?"
        case OSError():
            text = _not_reached(error, address, tls)
        case _:
            return None
    return StompTrouble(text)


def _unreadable(error: OSError, key: str, path: str | None) -> OSError:
    return OSError(errno.EINVAL, f"{key}: {path}: {'no PEM file that fits' if isinstance(error, ssl.SSLError) else error.strerror}")


def _silent(address: str, tls: StompTls | None, timeout: float, is_reached: bool) -> str:
    if not is_reached:
        return f"no connection{' with TLS' if tls else ''} to {address} within {timeout:g} s"
    other = "speak another protocol" if tls else "speak another protocol, or want stomp_tls"
    return f"{address} takes connections but did not answer CONNECT within {timeout:g} s; is the broker hung, or does this port {other}?"


def _not_reached(error: OSError, address: str, tls: StompTls | None) -> str:
    if isinstance(error, socket.gaierror):
        return f"no connection to {address}: its host is not known ({error.strerror})"
    if isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error):  # asyncio joins those of several
        return f"nobody listens at {address}; start the broker's STOMP connector, or correct stomp"
    if isinstance(error, ConnectionError) and tls:
        return f"TLS with {address} failed: it ended the connection; does this port speak TLS?"
    return f"no connection to {address}: {error.strerror or error}"
