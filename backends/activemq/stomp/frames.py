"""Frames of STOMP 1.2 as ActiveMQ reads and writes them: `encode`, `Cutter`, and what cannot be said with one. Pure.

ActiveMQ (seen on 5.18.6 and 6.3.1) escapes the values of headers but not their names, reads no line beyond 10 KiB, and drops the connection
without a word over a number that is none: such frames are refused here, in a sentence, before anything is sent.
"""

import re
from collections.abc import Mapping
from typing import Final

MAX_FRAME: Final = 128 << 20  # bytes; brokers send up to 100 MB (wireFormat.maxFrameSize), newer ones 10 MB
LONGEST_LINE: Final = 10 << 10  # bytes of a header, name and value (StompWireFormat.MAX_HEADER_LENGTH)
MOST_HEADERS: Final = 1000
TOO_LARGE: Final = re.compile(r"maximum (frame size|data length) was exceeded", re.IGNORECASE)  # StompWireFormat, StompCodec
RESERVED: Final = frozenset({"receipt", "transaction", "content-length"})  # of a SEND: they are ours
NUMBERS: Final = frozenset({"priority", "expires", "timestamp"})
PREFIXES: Final = ("queue://", "topic://", "temp-queue://", "temp-topic://")  # ActiveMQDestination takes them for the kind

_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\r": "\\r", "\n": "\\n", ":": "\\c"})
_COMMAND: Final = re.compile(rb"(CONNECTED|MESSAGE|RECEIPT|ERROR)\r?\n")
_LONGEST_COMMAND: Final = len(b"CONNECTED\r\n")
_HEAD_ENDS: Final = re.compile(rb"\n\r?\n")
_CONTENT_LENGTH: Final = re.compile(rb"^content-length:[ \t]*(\d{1,12})[ \t]*\r?\n", re.MULTILINE)


class NotStomp(Exception):
    """What came is no STOMP, or more than we take; the text is for the end of a sentence."""


def encode(command: str, headers: Mapping[str, str], body: bytes = b"", *, is_bytes: bool = False) -> bytes:
    lines = [command, *(f"{name}:{value.translate(_ESCAPES)}" for name, value in headers.items())]
    if is_bytes:
        lines.append(f"content-length:{len(body)}")
    return b"%b\n\n%b\0" % ("\n".join(lines).encode(), body)


def addressable(queue: str) -> str | None:
    """Why a queue of that name cannot be addressed over STOMP; None: it can."""
    reasons = (
        (not queue, "a queue without a name"),
        ("," in queue, "a comma makes several queues of it"),
        ("?" in queue, "what follows a ? is taken for options"),
        ("*" in queue or ">" in queue, "* and > are wildcards, and would be other queues, too"),
        ("\0" in queue, "a zero byte ends a frame"),
        (queue != _trimmed(queue), "blanks at its ends are cut off"),
        (queue.startswith(PREFIXES), "its beginning is taken for a kind of destination"),
        (not _is_text(queue), "it is no text"),
    )
    why = next((why for is_so, why in reasons if is_so), None) or _long("destination", f"/queue/{queue}")
    return None if why is None else f"queue {queue!r} cannot be addressed over STOMP: {why}"


def unsendable(headers: Mapping[str, str], body: bytes, is_bytes: bool) -> str | None:
    """Why a message cannot be sent over STOMP as it is meant; None: it can."""
    kind, _, name = headers.get("destination", "").removeprefix("/").partition("/")
    if kind not in ("queue", "topic"):
        return f"destination {headers.get('destination')!r} is none of STOMP; write /queue/name or /topic/name"
    if len(headers) > MOST_HEADERS:
        return f"a message over STOMP has at most {MOST_HEADERS:,} headers and properties, this one {len(headers):,}"
    if reserved := RESERVED.intersection(headers):
        return f"property {min(reserved)!r} cannot be sent over STOMP: the name belongs to STOMP itself"
    return addressable(name) or unsayable(headers) or (None if is_bytes else _no_text(body))


def unsayable(headers: Mapping[str, str]) -> str | None:
    """Why one of them cannot be written, or not be read by the broker; None: they can."""
    return next(filter(None, map(_faulty, headers.items())), None)


def _faulty(header: tuple[str, str]) -> str | None:
    name, value = header
    reasons = (
        (not name or bool(re.search(r"[:\0\r\n]", name)), "such a name cannot be written"),
        ("\0" in value, "a zero byte ends a frame"),
        (name in NUMBERS and not re.fullmatch(r"-?[0-9]{1,18}", value), f"a whole number is wanted, not {value[:40]!r}"),
        (not (_is_text(name) and _is_text(value)), "it is no text"),
    )
    why = next((why for is_so, why in reasons if is_so), None) or _long(name, value)
    return None if why is None else f"header or property {name[:80]!r} cannot be sent over STOMP: {why}"


def _no_text(body: bytes) -> str | None:
    if b"\0" in body:
        return "a text with a zero byte cannot be sent as text over STOMP; send it as bytes"
    return None if _is_utf8(body) else "the text is not UTF-8; send it as bytes"


def _long(name: str, value: str) -> str | None:
    size = len(f"{name}:{value.translate(_ESCAPES)}".encode(errors="replace"))
    return f"the broker reads no header beyond {LONGEST_LINE:,} bytes, this one has {size:,}" if size > LONGEST_LINE else None


def _trimmed(text: str) -> str:
    """As Java's trim()."""
    return text.strip("".join(map(chr, range(0x21))))


def _is_text(text: str) -> bool:
    """A lone surrogate is none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


class Cutter:
    """Bytes as they come in, whole frames out, each with the zero byte at its end.

    ActiveMQ writes a text with a zero byte in it as if it ended there: what follows, up to the next frame, is dropped. It also passes on a
    property called content-length, which then lies: where the frame does not end as it says, the first zero byte ends it.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head = 0  # size of the head of the frame that the buffer begins with; 0: not whole yet
        self._looked = 0  # no zero byte before this place
        self._size: int | None = None  # of the whole frame, by its content-length
        self._may_skip = False  # what came last may go on behind its zero byte

    def feed(self, data: bytes) -> list[bytes]:
        """Raises NotStomp; nothing can be cut after that."""
        self._buffer += data
        frames = []
        while (frame := self._next()) is not None:
            if frame:
                frames.append(frame)
        if len(self._buffer) > MAX_FRAME:
            raise NotStomp(f"a frame of more than {MAX_FRAME >> 20} MiB")
        return frames

    def _next(self) -> bytes | None:
        """b"": something was dropped. None: more must come first."""
        if not self._head and not self._begin():
            return None
        if not self._head:
            return self._drop_rest()
        if self._size is not None:
            if len(self._buffer) < self._size:
                return None
            if self._buffer[self._size - 1] == 0:
                self._may_skip = False
                return self._cut(self._size)
        end = self._buffer.find(0, max(self._looked, self._head))
        self._looked = len(self._buffer)
        if end < 0:
            return None
        self._may_skip = self._buffer.startswith(b"MESSAGE")
        is_lie = self._size is not None
        frame = self._cut(end + 1)
        return _CONTENT_LENGTH.sub(b"", frame, count=1) if is_lie else frame

    def _begin(self) -> bool:
        """Whether it is known what the buffer begins with: a head, or something that is none."""
        start = next((place for place, byte in enumerate(self._buffer) if byte not in b"\r\n"), len(self._buffer))
        del self._buffer[:start]
        if not _COMMAND.match(self._buffer):
            is_known = len(self._buffer) >= _LONGEST_COMMAND or 0 in self._buffer or b"\n" in self._buffer
            if is_known and not self._may_skip:
                raise NotStomp(repr(bytes(self._buffer[:40]))[1:])
            return is_known
        ends = _HEAD_ENDS.search(self._buffer, self._looked)
        if ends is None:
            self._looked = max(len(self._buffer) - 2, 0)
            return False
        self._head = self._looked = ends.end()
        told = _CONTENT_LENGTH.search(self._buffer, 0, self._head)
        self._size = None if told is None else self._head + int(told[1]) + 1
        if self._size is not None and self._size > MAX_FRAME:
            raise NotStomp(f"a frame of {self._size:,} bytes")
        return True

    def _drop_rest(self) -> bytes | None:
        end = self._buffer.find(0)
        del self._buffer[: end + 1 if end >= 0 else len(self._buffer)]
        return None if end < 0 else b""

    def _cut(self, size: int) -> bytes:
        frame = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._head, self._looked, self._size = 0, 0, None
        return frame
