"""The connections of one sender, and which record goes over which: per_file opens one for each file, persistent keeps idle ones,
pipelined shares one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Protocol

from relay.config import Sender as SenderConfig
from relay.record import Layout
from relay.sending.channel import Channel, in_words
from relay.sending.outbox import Claimed
from relay.sending.words import Broken, Event, Fault, Held
from relay.status import ConnectionStatus
from settings.forms import split_address

log = logging.getLogger(__name__)


class Tls(Protocol):
    def arguments(self) -> dict[str, Any]:
        """`ssl` and `server_hostname` for loop.create_connection, as they are now."""


class Channels:
    """`may_send` is asked once more when a connection stands, because to open it took its time."""

    def __init__(
        self,
        config: SenderConfig,
        layout: Layout,
        tls: Tls | None,
        *,
        happened: Callable[[Event], None],
        may_send: Callable[[], Awaitable[bool]] | None,
    ) -> None:
        self._config = config
        self._layout = layout
        self._tls = tls
        self._happened = happened
        self._may_send = may_send
        self._address = split_address(config.connect)
        self._channels: dict[int, Channel] = {}
        self._idle: list[Channel] = []
        self._shared: Channel | None = None
        self._waiting: list[Claimed] = []  # for the shared one, which is being opened
        self._opening: set[asyncio.Task[None]] = set()

    def send(self, files: Sequence[Claimed]) -> None:
        """Each is heard of: as held, or as sent and then as answered or broken."""
        if self._config.connection == "pipelined":
            self._send_pipelined(files)
            return
        for file in files:
            if (channel := self._unused()) is not None:
                channel.send([file])
            else:
                self._start([file])

    def _send_pipelined(self, files: Sequence[Claimed]) -> None:
        if self._shared is not None and self._shared.is_open:
            self._shared.send(files)
            return
        self._waiting += files
        if all(task.done() for task in self._opening):
            self._start(self._waiting)

    def _unused(self) -> Channel | None:
        while self._idle:
            channel = self._idle.pop()
            if channel.is_open:
                return channel
        return None

    def _start(self, files: list[Claimed]) -> None:
        task = asyncio.get_running_loop().create_task(self._open(files))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, files: list[Claimed]) -> None:
        """`files` may grow while it is being opened."""
        error: str | None = None
        try:
            channel = await self._connect()
            if isinstance(channel, str):
                error = channel
            elif self._may_send is None or await self._may_send():
                self._shared = channel
                channel.send(_emptied(files))
            else:
                channel.close()
        except Exception as bug:
            log.exception("%s: a bug in opening a connection", self._config.name)
            error = f"{type(bug).__name__}: {bug}"
        finally:
            for file in _emptied(files):
                self._happened(Held(file.name) if error is None else Broken(file.name, error, Fault.PARTNER))

    async def _connect(self) -> Channel | str:
        """Or why there is none."""
        loop = asyncio.get_running_loop()
        seconds = self._config.timeout
        more = self._tls.arguments() if self._tls else {}
        try:
            async with asyncio.timeout(seconds):
                _, channel = await loop.create_connection(self._new, *self._address, **more)
        except TimeoutError:
            return f"no connection within {seconds:g} s"
        except OSError as error:
            return in_words(error)
        if not channel.is_open:
            return channel.last_error or "the connection was closed"
        for number in [number for number, each in self._channels.items() if not each.is_open]:
            del self._channels[number]
        self._channels[channel.id] = channel
        return channel

    def _new(self) -> Channel:
        return Channel(self._layout, self._config.timeout, self._happened, self._freed)

    def _freed(self, channel: Channel) -> None:
        if self._config.connection == "per_file":
            channel.close()
        elif self._config.connection == "persistent":
            self._idle.append(channel)

    async def cut(self) -> None:
        """Ends what is in flight; nobody is at fault."""
        opening = list(self._opening)
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        for channel in list(self._channels.values()):
            channel.cut("the relay is being stopped")

    def close(self) -> None:
        for channel in self._channels.values():
            channel.close()

    def disconnect(self, number: int) -> bool:
        channel = self._channels.get(number)
        if channel is None or not channel.is_open:
            return False
        channel.cut("disconnected by an operator")
        return True

    def statuses(self) -> Iterator[ConnectionStatus]:
        for channel in self._channels.values():
            if not channel.is_open:
                continue
            counters = channel.counters
            yield ConnectionStatus(
                id=channel.id,
                name=self._config.name,
                direction="out",
                peer=self._config.connect,
                since=channel.since,
                state="waiting for an answer" if channel.waiting else "idle",
                records=counters.records,
                bytes=counters.bytes,
                acks=counters.acks,
                naks={str(code): count for code, count in sorted(counters.naks.items())},
                last_record_at=counters.last_record_at,
                last_error=channel.last_error,
                tls=channel.tls,
            )


def _emptied(files: list[Claimed]) -> list[Claimed]:
    """What was in it."""
    taken, files[:] = files[:], []
    return taken
