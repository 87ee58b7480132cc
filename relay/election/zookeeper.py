"""The session with ZooKeeper that all senders of a process share; candidate.py is one sender's part in it.

kazoo has threads of its own; what happens there is handed to the event loop, which waits for no server. A ZooKeeper that is not there is
tried again for ever.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

from relay.config import Election as ElectionConfig
from relay.election.candidacy import Connected, Expired, Suspended

CONFIRMATIONS: Final = 3  # a session time-out; one may be lost without a pause in the sending
PATIENCE_S: Final = 5.0  # before a ZooKeeper that is not there at the start is spoken of
END_S: Final = 2.0  # for saying goodbye to ZooKeeper, which hands the lead over at once
RENEW_S: Final = 1.0  # after kazoo's own thread has ended
_HEARD: Final[dict[str, type[Connected | Suspended | Expired]]] = {"CONNECTED": Connected, "SUSPENDED": Suspended, "LOST": Expired}
_OVER: Final = ("CLOSED", "AUTH_FAILED")  # states that kazoo does not leave by itself


class NoAnswer(Exception):
    """ZooKeeper did not do what it was asked, for reasons that may pass."""


class Candidate(Protocol):
    def feed(self, event: Connected | Suspended | Expired) -> None: ...


class Election:
    """One session. `trouble(severity, source, text)` reaches the operator; it is called in the event loop."""

    def __init__(self, config: ElectionConfig, trouble: Callable[[str, str, str], None]) -> None:
        self.config = config
        self.breaks = 0  # how often the connection was not there; counted in kazoo's thread, where it is seen first
        self.timeout = config.session_timeout  # seconds; less when the server grants less
        self._trouble = trouble
        self._loop = asyncio.get_running_loop()
        self._candidates: list[Candidate] = []
        self._kazoo: Any = None
        self.is_connected = False

    def enter(self, candidate: Candidate) -> None:
        """The first one opens the session. It hears what becomes of the session from now on."""
        self._candidates.append(candidate)
        if self._kazoo is None:
            self._open()
            self._loop.call_later(PATIENCE_S, self._complain)
        elif self.is_connected:
            candidate.feed(Connected())

    async def leave(self, candidate: Candidate) -> None:
        """The last one ends the session."""
        with contextlib.suppress(ValueError):
            self._candidates.remove(candidate)
        if self._candidates or self._kazoo is None:
            return
        ended = asyncio.Event()
        self._close(ended.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await ended.wait()

    async def ask(self, request: Callable[[Any], Any]) -> Any:
        """What kazoo's asynchronous `request` answers. Raises NoAnswer, or kazoo's NoNodeError."""
        from kazoo.exceptions import NoNodeError

        if self._kazoo is None:
            raise NoAnswer("the session with ZooKeeper is being ended")
        done = asyncio.Event()
        answer = request(self._kazoo)
        answer.rawlink(lambda _: self.in_loop(done.set))
        try:
            async with asyncio.timeout(self.timeout):
                await done.wait()
        except TimeoutError:
            raise NoAnswer(f"ZooKeeper at {self.config.zookeeper} did not answer within {self.timeout:g} s") from None
        error = answer.exception
        if isinstance(error, NoNodeError):
            raise error
        if error is not None:
            raise NoAnswer(f"ZooKeeper at {self.config.zookeeper}: {type(error).__name__} {error}".rstrip())
        return answer.value

    @property
    def is_shared(self) -> bool:
        return len(self._candidates) > 1

    def is_ours(self, owner: int) -> bool:
        """Whether an ephemeral node of that owner lives and dies with the session that we have now."""
        known = None if self._kazoo is None else self._kazoo.client_id
        return known is not None and known[0] == owner

    def in_loop(self, call: Callable[..., object], *arguments: Any) -> None:
        """From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(call, *arguments)

    # kazoo.

    def _open(self) -> None:
        self._kazoo = _client(self.config, self._granted)
        self._kazoo.add_listener(self._changed)
        self._kazoo.start_async()

    def _close(self, ended: Callable[[], None]) -> None:
        """On a thread of its own: kazoo waits for its threads, and a dead server makes that long."""
        kazoo, self._kazoo = self._kazoo, None
        self.breaks += 1
        self.is_connected = False
        kazoo.remove_listener(self._changed)

        def end() -> None:
            with contextlib.suppress(Exception):  # whatever it says now, nobody needs the session any more
                kazoo.stop()
                kazoo.close()
            self.in_loop(ended)

        threading.Thread(target=end, name="zookeeper-close", daemon=True).start()

    def _granted(self, seconds: float) -> None:
        """In kazoo's thread, when a session begins."""
        self.timeout = min(self.config.session_timeout, seconds)

    def _changed(self, state: str) -> None:
        """In kazoo's thread. A break counts at once; the rest is for the loop."""
        kazoo = self._kazoo
        if state != "CONNECTED":
            self.breaks += 1
        self.in_loop(self._heard, state)
        if kazoo is not None and kazoo.client_state in _OVER:
            self.in_loop(lambda: self._loop.call_later(RENEW_S, self._renew, kazoo))

    def _heard(self, state: str) -> None:
        event = _HEARD[state]()
        self.is_connected = isinstance(event, Connected)
        for candidate in self._candidates:
            candidate.feed(event)

    def _renew(self, kazoo: Any) -> None:
        """Something that kazoo has no rule for ended its thread."""
        if self._kazoo is kazoo:
            self._close(lambda: None)
            self._open()

    def _complain(self) -> None:
        if not self.is_connected and self._candidates:
            text = f"no ZooKeeper answers at {self.config.zookeeper}: nothing is sent until one does (relay.election)"
            self._trouble("warning", "election", text)


def _client(config: ElectionConfig, granted: Callable[[float], None]) -> Any:
    from kazoo.client import KazooClient

    quiet = logging.getLogger("kazoo")
    if not quiet.handlers:  # it reports each try to connect
        quiet.addHandler(logging.NullHandler())
        quiet.setLevel(logging.CRITICAL)
    longest = min(2.0, config.session_timeout / CONFIRMATIONS)  # kazoo's own longest pause is a minute
    retry = {"max_tries": -1, "delay": 0.1, "backoff": 2, "max_delay": longest}
    kazoo = KazooClient(hosts=config.zookeeper, timeout=config.session_timeout, connection_retry=retry, logger=quiet)
    connect = kazoo._connection._connect

    def measured(*arguments: Any) -> Any:
        """kazoo tells nobody what the server granted; its read time-out is two thirds of it."""
        read_ms, connect_ms = connect(*arguments)
        granted(read_ms / 1000 * 1.5)
        return read_ms, connect_ms

    kazoo._connection._connect = measured
    return kazoo
