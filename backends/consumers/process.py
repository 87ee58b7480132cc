"""Reads groups in a process of its own, which may die: librdkafka ends whatever process asks for a group's offsets at the wrong moment.

Two faults of it are known: an answer that comes after it was given up (librdkafka#4605, an assertion), and a coordinator that moves while
it is asked (librdkafka#5040, a crash). The second one happens with any rolling restart, and no way of asking avoids it. So the child below
asks; when it dies, another one is started within the same reading, and knows what the first one had learnt.

Both sides write frames: a 4-byte big-endian length and one msgpack value. Settings, and the secrets among them, go through the pipe alone.
"""

import asyncio
import contextlib
import os
import queue
import struct
import sys
import threading
import traceback
from typing import IO, Final

import msgspec
from msgspec import Struct

from backends.consumers.consumption import Observation
from backends.consumers.groups import GroupsReader, Remembered
from backends.kafka.client import KafkaClient, Settings
from backends.kafka.config import matcher, named
from backends.snapshots import State
from backends.source import Unavailable

LENGTH: Final = struct.Struct(">I")
MAX_FRAME: Final = 256 << 20  # bytes; 10,000 groups of 100 partitions are 20 MB
TRIES: Final = 2  # processes that may die in one reading
LAST_S: Final = 0.5  # that a killed child may take to be gone


class Open(Struct, frozen=True, tag="open"):
    settings: Settings
    groups: tuple[str, ...]  # globs
    cluster: str
    remembered: tuple[Remembered, ...] = ()


class Read(Struct, frozen=True, tag="read"):
    pass


class Seen(Struct, frozen=True, tag="seen"):
    observations: list[Observation]
    remembered: tuple[Remembered, ...]


class Trouble(Struct, frozen=True, tag="trouble"):
    """Expected."""

    error: str
    state: State


class Bug(Struct, frozen=True, tag="bug"):
    text: str


Request = Open | Read
Answer = Seen | Trouble | Bug


def frame(message: Request | Answer) -> bytes:
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body


class ChildDied(Exception):
    """With the words for an operator."""


class GroupProcess:
    """`read` is one cycle, by one caller at a time. A cancelled reading ends its child; the next one starts another."""

    def __init__(self, settings: Settings, groups: tuple[str, ...], cluster: str) -> None:
        self._settings, self._groups, self._cluster = settings, groups, cluster
        self._child: asyncio.subprocess.Process | None = None
        self._remembered: tuple[Remembered, ...] = ()
        self.deaths: list[str] = []  # since they were asked for last

    async def read(self) -> list[Observation]:
        """Raises Unavailable, and RuntimeError with the child's traceback for a bug in it."""
        for attempt in range(1, TRIES + 1):
            try:
                return await self._ask()
            except ChildDied as death:
                self.deaths.append(str(death))
                if attempt == TRIES:
                    raise Unavailable(f"{self._settings.title}: {death}; it is started again") from None
        raise AssertionError("unreachable")

    async def use(self, settings: Settings) -> None:
        """The same cluster at other addresses."""
        if settings != self._settings:
            self._settings = settings
            await self.close()

    async def close(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                await child.wait()

    async def _ask(self) -> list[Observation]:
        is_answered = False
        try:
            child = self._child or await self._start()
            assert child.stdin is not None and child.stdout is not None
            child.stdin.write(frame(Read()))
            answer = await _receive(child.stdout)
            is_answered = True
        except (OSError, asyncio.IncompleteReadError):
            raise ChildDied(await self._why()) from None
        finally:
            if not is_answered:  # nobody waits for what it may still say
                await self.close()
        match answer:
            case Seen(observations, remembered):
                self._remembered = remembered
                return observations
            case Trouble(error, state):
                raise Unavailable(error, state)
            case Bug(text):
                raise RuntimeError(text)

    async def _start(self) -> asyncio.subprocess.Process:
        child = self._child = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", __name__,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        assert child.stdin is not None
        child.stdin.write(frame(Open(self._settings, self._groups, self._cluster, self._remembered)))
        return child

    async def _why(self) -> str:
        code: int | None = None
        if self._child is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_S):
                    code = await self._child.wait()
        how = "ended" if code is None else f"died of signal {-code}" if code < 0 else f"ended with code {code}"
        return f"the process that reads groups {how} (librdkafka has such faults when a coordinator moves or hangs)"


async def _receive(stream: asyncio.StreamReader) -> Answer:
    (size,) = LENGTH.unpack(await stream.readexactly(LENGTH.size))
    answer: Answer = msgspec.msgpack.decode(await stream.readexactly(size), type=Answer)
    return answer


# -- the child ------------------------------------------------------------------------------------------------------------------------


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Until whoever started us is gone."""
    waiting: queue.SimpleQueue[Request] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, waiting), daemon=True).start()
    reader: GroupsReader | None = None
    while True:
        match waiting.get():
            case Open(settings, groups, cluster, remembered):
                reader = GroupsReader(KafkaClient(settings), matcher(groups), cluster, named(groups), remembered)
            case Read():
                assert reader is not None  # Open comes first
                answers.write(frame(_read(reader)))
                answers.flush()


def _listen(requests: IO[bytes], waiting: "queue.SimpleQueue[Request]") -> None:
    """On a thread: while a broker keeps the reading waiting, the end of our parent is heard all the same."""
    while len(head := requests.read(LENGTH.size)) == LENGTH.size:
        waiting.put(msgspec.msgpack.decode(requests.read(LENGTH.unpack(head)[0]), type=Request))
    os._exit(0)


def _read(reader: GroupsReader) -> Answer:
    try:
        return Seen(reader.read(), reader.remember())
    except Unavailable as trouble:
        return Trouble(trouble.error, trouble.state)
    except Exception:
        return Bug(traceback.format_exc())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer)
