"""Our own relay, watched like any other outside system: over its socket, by the newest status it published."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from backends.snapshots import Kind, Relay
from backends.source import ACT_DEADLINE_S, Answer, Context, Source, Tell, Unasked, Unavailable
from link.client import Client, ClientState
from link.protocol import PROTOCOL, Beat, Event, Hello, Publish, Withdraw
from relay.config import Relay as Section
from relay.status import STATUS_TOPIC

__all__ = ["SECTION", "Section", "sources"]

SECTION: Final = "relay"
NAME: Final = "relay"
VERBS: Final = ("pause", "resume", "drain", "disconnect", "resend", "send", "refresh")
FIRST_WORD: Final = 3.0  # seconds that `observe` waits for a relay that was just connected; it speaks within a second
ANOTHER_TRY: Final = 0.25  # seconds; a relay that runs answers in milliseconds, one that does not is no longer waited for
ACT_DEADLINE: Final = 30.0  # seconds; a drain finishes what partners have begun


def sources(section: Section, context: Context) -> Sequence[Source]:
    """Always exactly one: a relay with no receivers is a relay all the same."""
    return [RelaySource(Path(context.relay_socket), context.version, context.tell)]


class RelaySource(Unasked):
    """Keeps one connection for as long as it lives; `observe` only takes what has come over it, and `tell` gets the relay's own events."""

    name = NAME
    kind: Kind = "relay"
    interval = 1.0
    deadline = FIRST_WORD + 2.0
    act_deadline = ACT_DEADLINE_S

    def __init__(self, socket: Path, version: str, tell: Tell) -> None:
        hello = Hello((PROTOCOL,), "monitor", version)
        self._client = Client(socket, hello, self._heard, self._changed)
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._status: bytes | None = None
        self._tell = tell
        self._relay: tuple[int, float] | None = None  # pid and start of the one whose events we have
        self._sequence = 0  # of its newest event

    async def observe(self, now: float) -> Relay:
        if self._task is None:
            self._task = asyncio.create_task(self._client.run(), name="relay link")
        elif self._task.done():
            self._task.result()  # a bug: the engine restarts us
        if self._status is None or not self._client.state.connected:
            await self._first_word()
        return _decode(self._status)

    async def _first_word(self) -> None:
        """Until a status is there over a live connection. Raises Unavailable. One that was away is tried at once, not at its next turn."""
        was_away = self._client.state.trouble is not None
        self._client.retry_now()
        with suppress(TimeoutError):
            async with asyncio.timeout(ANOTHER_TRY if was_away else FIRST_WORD):
                while self._status is None or not self._client.state.connected:
                    self._news.clear()
                    if self._client.state.trouble is not None and not was_away:
                        break
                    await self._news.wait()
        state = self._client.state
        if state.trouble is not None:
            raise Unavailable(state.error or "not connected", "denied" if state.trouble == "denied" else "down")
        if self._status is None:
            raise Unavailable(f"connected, but it said nothing about itself within {FIRST_WORD:g} s")

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        if verb not in VERBS:
            return Answer(False, f"the relay knows no {verb!r}; it knows {', '.join(VERBS)}")
        reply = await self._client.command("relay", verb, arguments, expect, deadline=ACT_DEADLINE)
        return Answer(reply.ok, reply.text)

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _heard(self, message: Publish | Withdraw | Event | Beat) -> None:
        if isinstance(message, Publish) and message.topic == STATUS_TOPIC:
            self._status = bytes(message.body)
            self._news.set()
        elif isinstance(message, Event) and message.sequence > self._sequence:  # a relay that we find again tells its last ones again
            self._sequence = message.sequence
            self._tell(message.at, message.severity, message.source, message.text)

    def _changed(self, state: ClientState) -> None:
        if state.connected and state.welcome is not None and self._relay != (found := (state.welcome.pid, state.welcome.started_at)):
            self._relay, self._sequence = found, 0
        if not state.connected:
            self._status = None  # what it said before its death is the engine's to keep, with its age
        self._news.set()


def _decode(status: bytes | None) -> Relay:
    try:
        return msgspec.msgpack.decode(status or b"", type=Relay)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Unavailable(f"its status is not understood ({error}); relay and monitor are of different versions, restart both") from None
