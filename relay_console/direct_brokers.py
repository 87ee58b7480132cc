"""Brokers without a daemon: asked and acted upon from here, by the rules of the monitor and into the same audit log.

The sources live in a loop of their own, in a thread, so that one may be asked how far it is, or told to stop, while it does something.
"""

import asyncio
import concurrent.futures
import os
import threading
import time
from collections.abc import Sequence
from typing import Final

from backends.questions import VERBS, leaves_a_mark
from backends.snapshots import Snapshot
from backends.source import Source
from link.errors import LinkError
from link.place import private_directory
from link.protocol import Command, Reply
from link.server import Peer
from monitor.audit import Audit
from monitor.commands import Commands
from monitor.engine import Engine
from relay_console import VERSION, paths
from relay_console.brokers import require
from relay_console.config import Configuration
from relay_console.direct import close_all, observe_one, sources_of
from relay_console.errors import ActionFailed, ServiceUnavailable

END_DEADLINE: Final = 5.0  # seconds that the thread may take to end; then it is left behind
LATER: Final = "unknown: no answer within {:g} s; whether it happened is not known, look with relay-console queues"


class Direct:
    """A context. `snapshots` are there once it is entered; `broker`: this one alone is asked. Raises Trouble."""

    def __init__(self, configuration: Configuration, broker: str | None, may_write: bool) -> None:
        found = sources_of(configuration, "queues")[0]
        require([source.name for source in found], broker)
        self.snapshots: Sequence[Snapshot] = ()
        self._sources: list[Source] = [source for source in found if broker in (None, source.name)]
        self._run_directory = paths.monitor_socket(configuration.directory).parent
        self._audit = configuration.directory / "audit.log"
        self._may_write = may_write
        self._peer = Peer(os.getpid(), os.getuid(), "command line", VERSION, time.time())
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="brokers", daemon=True)

    def __enter__(self) -> "Direct":
        self._thread.start()
        self._is_ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(END_DEADLINE)

    async def _live(self) -> None:
        """What still runs at the end is cancelled, which the audit log is told."""
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        engine = Engine(self._sources, lambda snapshot: None)
        self._commands = Commands(
            engine, Audit(self._audit), write=self._may_write, stop=lambda: None, acted=lambda source, verb, text: None
        )
        try:
            # A source knows its queues from a reading; nothing can be asked of it, or done to it, before.
            self.snapshots = await asyncio.gather(*(observe_one(source) for source in self._sources))
            self._is_ready.set()
            await self._over.wait()
        finally:
            self._is_ready.set()
            running = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await close_all(self._sources)

    def carry(self, command: Command, deadline: float) -> Reply:
        """As the daemon would. Raises Trouble."""
        if command.verb not in VERBS or leaves_a_mark(command.verb, command.arguments):
            self._make_room_for_audit()
        answer = asyncio.run_coroutine_threadsafe(self._commands(command, self._peer), self._loop)
        try:
            return answer.result(deadline)
        except concurrent.futures.TimeoutError:
            answer.cancel()
            raise ActionFailed(LATER.format(deadline)) from None
        except concurrent.futures.CancelledError:
            raise ActionFailed("unknown: it was ended meanwhile; what was done of it is not known") from None

    def _make_room_for_audit(self) -> None:
        """The directory that a daemon would have made. Raises ServiceUnavailable."""
        try:
            private_directory(self._run_directory)
        except LinkError as error:
            raise ServiceUnavailable(str(error)) from None
