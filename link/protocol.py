"""The vocabulary of the link: what one process says to another, and how it becomes bytes. No I/O, no clock.

A frame is a 4-byte big-endian length and one msgpack value: a tagged array (fields are only ever appended, unknown tags are skipped).
The client speaks first with Hello; the server answers Welcome or Refuse. After that the server publishes (the newest body of each topic
wins for a slow reader; events come in order), and the client sends commands, each answered by the Reply of the same id.
A body is opaque here: what a topic holds is the business of the two ends.
"""

import struct
from typing import Final

import msgspec
from msgspec import Raw, Struct

from link.errors import LinkError

PROTOCOL: Final = 1
MAX_FRAME: Final = 16 << 20  # bytes; a snapshot of 2,000 partitions is 0.2 MiB, one of 10,000 queues 3 MiB
MAX_COMMAND: Final = 12 << 20  # bytes of one command: a message of 8 MiB that is sent to a queue has 11 MiB as base64
BEAT_INTERVAL: Final = 2.0  # seconds between two Beats; a reader that hears nothing for three of them says so


class ProtocolError(LinkError):
    """The other side does not speak this protocol; the message says what was wrong with its bytes."""


class Hello(Struct, frozen=True, array_like=True, tag="hello"):
    protocols: tuple[int, ...]
    program: str  # "console", "monitor", "relay", "command line"
    version: str
    wants: str = "everything"  # or "answers": no publications, only replies to commands


class Welcome(Struct, frozen=True, array_like=True, tag="welcome"):
    protocol: int
    program: str
    version: str
    pid: int
    host: str
    started_at: float  # epoch seconds
    config: str = ""  # path of the configuration file it runs with
    embedded: bool = False  # started by the process in front of it, not by a person or systemd


class Refuse(Struct, frozen=True, array_like=True, tag="refuse"):
    reason: str
    how: str = ""  # the command that would work


class Publish(Struct, frozen=True, array_like=True, tag="publish"):
    topic: str
    body: Raw


class Withdraw(Struct, frozen=True, array_like=True, tag="withdraw"):
    """The topic is no more; a replica forgets it."""

    topic: str


class Event(Struct, frozen=True, array_like=True, tag="event"):
    """Something happened. Numbered without holes per server; a hole means that a slow reader missed some."""

    sequence: int
    at: float  # epoch seconds
    severity: str  # "info", "warning", "critical"
    source: str
    text: str


class Beat(Struct, frozen=True, array_like=True, tag="beat"):
    at: float  # the server's clock, epoch seconds


class Command(Struct, frozen=True, array_like=True, tag="command"):
    """An action. `expect` is what the operator saw; it is refused if that no longer holds."""

    id: int
    target: str  # "monitor", or the name of a source
    verb: str
    arguments: dict[str, str | int | float | bool | None] = {}
    expect: dict[str, str | int | float | bool | None] = {}
    actor: str = ""  # who and from where, for the audit line


class Reply(Struct, frozen=True, array_like=True, tag="reply"):
    id: int
    ok: bool
    text: str  # one line for the operator
    data: Raw = Raw(b"\xc0")  # more, for programs; msgpack nil when there is nothing


Message = Hello | Welcome | Refuse | Publish | Withdraw | Event | Beat | Command | Reply

_TAGS: Final = {name for kind in Message.__args__ if isinstance(name := kind.__struct_config__.tag, str)}
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final[msgspec.msgpack.Decoder[Message]] = msgspec.msgpack.Decoder(Message)
_length: Final = struct.Struct(">I")


def encode(message: Message) -> bytes:
    """One frame. Raises ProtocolError if the message is larger than MAX_FRAME."""
    body = _encoder.encode(message)
    if len(body) > MAX_FRAME:
        raise ProtocolError(f"a message of {len(body)} bytes is larger than the limit of {MAX_FRAME}")
    return _length.pack(len(body)) + body


class Frames:
    """Bytes of any split in, messages out. Raises ProtocolError on bytes that are none; then the connection is of no more use."""

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> list[Message]:
        self._buffer += data
        messages: list[Message] = []
        start = 0
        while len(self._buffer) - start >= _length.size:
            (size,) = _length.unpack_from(self._buffer, start)
            if size > self._limit:
                raise ProtocolError(f"a frame of {size} bytes is announced; the limit is {self._limit}")
            end = start + _length.size + size
            if len(self._buffer) < end:
                break
            message = _decode(bytes(self._buffer[start + _length.size : end]))
            if message is not None:
                messages.append(message)
            start = end
        del self._buffer[:start]
        return messages


def _decode(body: bytes) -> Message | None:
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        if _is_unknown(body):
            return None
        raise ProtocolError(f"not a message of this protocol: {error}") from None


def _is_unknown(body: bytes) -> bool:
    """A well-formed tagged array of a newer version, to be skipped."""
    try:
        value = msgspec.msgpack.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return isinstance(value, list) and bool(value) and isinstance(value[0], str) and value[0] not in _TAGS
