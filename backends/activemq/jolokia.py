"""Jolokia, the JSON bridge to JMX: `requests` and `parse` are pure, bytes in and out; `Client` at the end only carries them.

One parser reads 1.x (text/plain, errors as HTTP 200) and 2.x (application/json, some errors as HTTP 400 text/plain); the pages of Jetty or
of a proxy in front arrive here too. All trouble is one exception, `JolokiaError`, whose `trouble` is a word of the table `Trouble`.
"""

import asyncio
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw, Struct

if TYPE_CHECKING:
    import aiohttp

MAX_REPLY = 64 << 20  # bytes; 5,000 queues with nine attributes are 1.4 MiB
CONNECT_S = 3.0  # a leased line answers a SYN within a second or not at all
MISSED_S, SLOWER = 4.0, 10.0  # that a broker is hung is said within an interval of 5 s and this; it may be ten times as slow as before
CHUNK = 64 << 10
SHOWN = 80  # characters of a foreign reply in an error: enough to recognise a login page

Trouble = Literal[
    "connect",  # nobody listens, no route, unknown host name
    "silent",  # connected, but no whole reply in time
    "cut",  # the connection ended before the reply did
    "tls",
    "login",  # HTTP 401
    "role",  # HTTP 403: the user may not, or this address may not
    "path",  # HTTP 404
    "busy",  # HTTP 429
    "server",  # HTTP 5xx
    "redirect",
    "foreign",  # something that is not Jolokia
    "large",
    "broken",  # begins as JSON and is none, or not what was asked for
    "policy",  # Jolokia's own 403
    "rejected",  # Jolokia did not like the request, or failed over it
    "absent",  # no such MBean
]


# Trouble after which nobody knows whether an operation was done; after any other it was not, or said itself what went wrong.
LOST: frozenset[Trouble] = frozenset({"silent", "cut", "broken", "large", "server", "foreign"})


class JolokiaError(Exception):
    """`detail` quotes the other side: bounded, one line, printable."""

    def __init__(self, trouble: Trouble, detail: str = "") -> None:
        super().__init__(f"{trouble}: {detail}")
        self.trouble: Trouble = trouble
        self.detail = detail


class Read(Struct, frozen=True):
    """Named attributes of one MBean or of all that match a pattern. A pattern leaves out the attributes an older broker has not got;
    reading *all* attributes of a broker names every queue, and of a connection fails on 6.3, so there is no such thing here."""

    mbean: str
    attributes: tuple[str, ...]


class Exec(Struct, frozen=True):
    """One operation of one MBean. `operation` has its signature where it has overloads: `purge()`, `browse(java.lang.String)`."""

    mbean: str
    operation: str
    arguments: tuple[Any, ...] = ()


class Reply(Struct, frozen=True):
    """The answer to one element of an array: its own status, and its value as JSON that is not decoded yet."""

    status: int
    value: Raw = Raw(b"null")
    error: str | None = None


class HttpReply(Struct, frozen=True):
    status: int
    content_type: str
    body: bytes
    location: str = ""


def requests(reads: Iterable[Read], *, and_version: bool = False) -> bytes:
    """One array for all reads. Never an exec among them: 2.x answers a whole array with HTTP 400 though parts of it were done.
    `and_version`: one more answer, what Jolokia says of itself."""
    wanted: list[dict[str, Any]] = [{"type": "read", "mbean": read.mbean, "attribute": read.attributes} for read in reads]
    return msgspec.json.encode([*wanted, {"type": "version"}] if and_version else wanted)


def exec_requests(calls: Iterable[Exec]) -> bytes:
    """Several only of operations that change nothing (getMessage): 2.x answers a whole array with HTTP 400 though parts of it were done."""
    return msgspec.json.encode(
        [{"type": "exec", "mbean": call.mbean, "operation": call.operation, "arguments": call.arguments} for call in calls]
    )


def parse(reply: HttpReply, count: int) -> list[Reply]:
    """The `count` answers to an array of requests; raises JolokiaError and nothing else."""
    _check_http(reply)
    if reply.body[:CHUNK].lstrip()[:1] not in (b"[", b"{"):
        raise JolokiaError("foreign", _described(reply))
    decoded = _decode(reply)
    if isinstance(decoded, Reply):  # one object for the whole array
        raise failure(decoded)
    if len(decoded) != count:
        raise JolokiaError("broken", f"{len(decoded)} answers to {count} requests")
    return decoded


def failure(reply: Reply) -> JolokiaError:
    """What a status other than 200 in the JSON means."""
    trouble: Trouble = {403: "policy", 404: "absent"}.get(reply.status, "rejected")  # type: ignore[assignment]
    return JolokiaError(trouble, shown(f"status {reply.status} {reply.error or ''}"))


def has_no_match(reply: Reply) -> bool:
    """True when a pattern matched nothing. Any other 404 of a pattern is an MBean that vanished while all were read."""
    return reply.status == 404 and "No MBean with pattern" in (reply.error or "")


def object_name(text: str) -> dict[str, str]:
    """The keys of an ActiveMQ ObjectName; 1.x and 2.x order them differently. ActiveMQ replaces commas and quotes in its values."""
    pairs = (part.partition("=") for part in text.partition(":")[2].split(","))
    return {key: value for key, _, value in pairs}


def origin(url: str) -> str:
    """Jolokia's strict checking wants an Origin; our own passes every version. (2.x refuses an https Origin over http.)"""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def shown(text: str) -> str:
    """Foreign text for the end of a sentence: one line, bounded, printable."""
    line = " ".join(text[: SHOWN * 8].split())
    return "".join(sign if sign.isprintable() else "·" for sign in line)[:SHOWN]


_BY_STATUS: Mapping[int, Trouble] = {401: "login", 403: "role", 404: "path", 429: "busy"}


def _check_http(reply: HttpReply) -> None:
    if reply.status == 200:
        return
    if reply.status in _BY_STATUS:
        raise JolokiaError(_BY_STATUS[reply.status], _described(reply))
    if 300 <= reply.status < 400:
        raise JolokiaError("redirect", shown(reply.location))
    if reply.status >= 500:
        raise JolokiaError("server", _described(reply))
    if reply.status == 400 and reply.body.startswith(b"400 (Bad Request)"):  # how Jolokia 2 rejects
        raise JolokiaError("rejected", shown(reply.body.decode(errors="replace")))
    raise JolokiaError("foreign", _described(reply))


def _described(reply: HttpReply) -> str:
    text = re.sub(r"<[^>]*>", " ", reply.body[: SHOWN * 16].decode(errors="replace"))
    return f"HTTP {reply.status}, {shown(reply.content_type) or 'no content type'}: {shown(text)!r}"


# Jolokia 2.6 writes the control characters U+000B, U+000E, U+000F and U+001A to U+001F as '0' plus their last digit: ESC is \u001; and not
# \u001b. One queue with such a name makes the whole reply invalid JSON. An even number of backslashes before it is text, not an escape.
_BAD_ESCAPE = re.compile(rb"(?<!\\)((?:\\\\)*\\u00[01])([:-?])")
_REPLIES: msgspec.json.Decoder[list[Reply] | Reply] = msgspec.json.Decoder(list[Reply] | Reply)


def _decode(reply: HttpReply) -> list[Reply] | Reply:
    try:
        try:
            return _REPLIES.decode(reply.body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            return _REPLIES.decode(mended(reply.body))
    except msgspec.ValidationError:
        raise JolokiaError("foreign", _described(reply)) from None
    except (ValueError, RecursionError) as error:
        raise JolokiaError("broken", f"{len(reply.body):,} bytes: {shown(str(error))}") from None


def mended(body: bytes) -> bytes:
    """The body with those escapes as they should be."""
    return _BAD_ESCAPE.sub(lambda match: match[1] + b"abcdef"[(digit := match[2][0] - ord(":")) : digit + 1], body)


def patience(timeout: float, took: float | None) -> float:
    """Seconds that a reading waits for its reply: one that took so long the last time is missed sooner than the first one, or the one after
    a failure (None), which gets the whole timeout."""
    return timeout if took is None else min(timeout, max(MISSED_S, SLOWER * took))


class Client:
    """One session with one Jolokia. Created without I/O; connects, and imports aiohttp, at the first read."""

    def __init__(self, url: str, authorization: Callable[[], str | None], timeout: float) -> None:
        """`authorization` gives the header's text at each request, so nobody keeps it; `timeout` covers a whole read in seconds."""
        self._url = url
        self._authorization = authorization
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def read(self, body: bytes, timeout: float | None = None) -> HttpReply:
        """Raises JolokiaError. A read changes nothing, so when a kept connection turns out to be closed it is tried once more.

        `timeout` in seconds, where the usual one is not wanted.
        """
        return await self._sent(body, timeout, tries=2)

    async def execute(self, body: bytes, timeout: float | None = None) -> HttpReply:
        """What changes something: sent once, never again. Raises JolokiaError; after a trouble of LOST it may have been done."""
        return await self._sent(body, timeout, tries=1)

    async def _sent(self, body: bytes, timeout: float | None, *, tries: int) -> HttpReply:
        limit = timeout or self._timeout
        try:
            async with asyncio.timeout(limit):
                session = self._session = self._session or self._new_session()
                for _ in range(tries - 1):
                    try:
                        return await self._post(session, body)
                    except JolokiaError as error:
                        if error.trouble != "cut" or session.closed:  # closed by us, from outside
                            raise
                return await self._post(session, body)
        except TimeoutError:
            raise JolokiaError("silent", f"no whole reply in {limit:g} s") from None

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _post(self, session: "aiohttp.ClientSession", body: bytes) -> HttpReply:
        """Once, and without a deadline of its own: what changes something must not be sent twice."""
        import aiohttp

        headers = {"Authorization": login} if (login := self._authorization()) else {}
        try:
            async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                content = await _bounded(answer.content)
                return HttpReply(answer.status, answer.content_type, content, answer.headers.get("Location", ""))
        except aiohttp.ConnectionTimeoutError:
            raise JolokiaError("connect", f"no connection in {CONNECT_S:g} s") from None
        except (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch) as error:
            cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
            raise JolokiaError("tls", shown(str(cause))) from None
        except aiohttp.ClientConnectorError as error:
            raise JolokiaError("connect", _named(error.os_error)) from None
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError) as error:
            raise JolokiaError("cut", shown(str(error) or type(error).__name__)) from None
        except aiohttp.ClientError as error:  # not HTTP at all, or headers without end
            raise JolokiaError("foreign", shown(str(error))) from None

    def _new_session(self) -> "aiohttp.ClientSession":
        import aiohttp

        return aiohttp.ClientSession(
            headers={"Origin": origin(self._url), "Content-Type": "application/json", "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            auto_decompress=False,  # it never compresses, and what does may be a bomb
            cookie_jar=aiohttp.DummyCookieJar(),
        )


def _named(error: OSError) -> str:
    """The system's own words; asyncio puts its own in the place of `strerror`. Name resolution has negative numbers of its own."""
    return os.strerror(error.errno) if error.errno is not None and error.errno > 0 else shown(error.strerror or str(error))


async def _bounded(stream: "aiohttp.StreamReader") -> bytes:
    parts, size = [], 0
    async for part in stream.iter_chunked(CHUNK):
        size += len(part)
        if size > MAX_REPLY:
            raise JolokiaError("large", f"more than {MAX_REPLY >> 20} MiB")
        parts.append(part)
    return b"".join(parts)
