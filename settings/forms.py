"""Texts that have a form: addresses, networks, web addresses, names, time zones. Pure: a text in, what is wrong with it out.

A configuration struct declares ``listen: Address``; the reader of the file asks the form, at the very line and column. The value is a str.
"""

import re
from collections.abc import Callable
from typing import Annotated, NamedTuple

from msgspec import Meta

MAX_NAME = 64  # characters: a name is a folder, a column of a table and a part of a topic


class Form(NamedTuple):
    """`fault` gives a sentence about a text that has not this form, or None."""

    fault: Callable[[str], str | None]


class Misfit(ValueError):
    """Raised by the ``__post_init__`` of a struct whose keys are right one by one and wrong together; `keys` lead to the culprit."""

    def __init__(self, text: str, *keys: str | int) -> None:
        super().__init__(text)
        self.keys = keys


def split_address(text: str) -> tuple[str, int]:
    """Host and port of ``127.0.0.1:9400`` or ``[::1]:9400``. Raises ValueError with a sentence for the operator."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: put the IPv6 address in brackets, such as [::1]:9400")
    if not colon or not host or not re.fullmatch(r"[0-9]{1,6}", port):
        raise ValueError(f"{text!r} is no address; write host:port, such as 127.0.0.1:9400")
    if re.search(r"[\s/@]", host):
        raise ValueError(f"{text!r} is no address; a host has no blanks, slashes or @")
    if not 1 <= int(port) <= 65535:
        raise ValueError(f"port {int(port)} is out of range; ports are 1 to 65535")
    return host, int(port)


def join_address(host: str, port: int) -> str:
    """What `split_address` takes apart."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address(text: str) -> str | None:
    try:
        split_address(text)
    except ValueError as error:
        return str(error)
    return None


def _addresses(text: str) -> str | None:
    """``zk1:2181,zk2:2181/chroot``: what librdkafka and ZooKeeper call a connection string."""
    hosts, _, chroot = text.partition("/")
    if not hosts.strip():
        return "a list of addresses is wanted, such as host1:2181,host2:2181"
    if "//" in "/" + chroot:
        return f"{text!r}: the part after the first slash is a path without empty parts"
    return next((fault for part in hosts.split(",") if (fault := _address(part.strip()))), None)


def _network(text: str) -> str | None:
    import ipaddress

    try:
        ipaddress.ip_network(text)
    except ValueError:
        try:
            loose = ipaddress.ip_network(text, strict=False)
        except ValueError:
            return f"{text!r} is no network; write one such as 10.20.0.0/16 or 10.20.1.5"
        return f"{text!r} has bits behind its mask; did you mean {loose}?"
    return None


def _web_address(text: str) -> str | None:
    """Never repeats the text: a password may stand in it."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "no web address; write one such as http://127.0.0.1:8161/api/jolokia/"
    if parts.username is not None or parts.password is not None:
        return "no user or password belongs in an address; use the keys user and password"
    if parts.scheme not in ("http", "https") or not host:
        return "no web address; write one such as http://127.0.0.1:8161/api/jolokia/"
    return "port 0 is out of range; ports are 1 to 65535" if port == 0 else None


def _name(text: str) -> str | None:
    if not re.fullmatch(r"\w[\w.-]*", text):
        return f"{text!r} is no name; use letters, digits, - . _ and begin with a letter or digit"
    return f"a name has at most {MAX_NAME} characters" if len(text) > MAX_NAME else None


def _zone(text: str) -> str | None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if text == "local":
        return None
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"{text!r} is no time zone; write local, UTC or one such as Asia/Seoul"
    return None


Address = Annotated[str, Meta(description="host:port"), Form(_address)]
Addresses = Annotated[str, Meta(description="host:port,host:port, with an optional /path behind the last"), Form(_addresses)]
Network = Annotated[str, Meta(description="a network such as 10.20.0.0/16"), Form(_network)]
WebAddress = Annotated[str, Meta(description="http:// or https://, without user and password"), Form(_web_address)]
Name = Annotated[str, Meta(description="letters, digits, - . _"), Form(_name)]
Zone = Annotated[str, Meta(description="local, UTC or a name such as Asia/Seoul"), Form(_zone)]
