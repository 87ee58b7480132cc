"""The relay's side of its link: what those who watch it are told, and the commands that they give."""

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable
from typing import Final

import msgspec

from link.errors import LinkError
from link.protocol import PROTOCOL, Command, ProtocolError, Reply, Welcome
from link.server import Peer, Server
from relay.assembly import UNAVAILABLE, CannotStart
from relay.operations import Operations
from relay.options import Options
from relay.status import STATUS_TOPIC, RelayStatus

log = logging.getLogger("relay")

STATUS_INTERVAL: Final = 1.0
LEVELS: Final = {"critical": logging.ERROR, "warning": logging.WARNING}


class Publisher:
    """`status` makes what is published; it is called only while somebody reads."""

    def __init__(self, options: Options, started_at: float, status: Callable[[], RelayStatus], operations: Operations) -> None:
        self._options = options
        self._started_at = started_at
        self._status = status
        self._operations = operations
        self._loop = asyncio.get_running_loop()
        self._link: Server | None = None
        self._published = b""
        self._published_at = 0.0

    async def open(self, stack: contextlib.AsyncExitStack) -> None:
        """Raises CannotStart."""
        options = self._options
        welcome = Welcome(
            PROTOCOL,
            "relay",
            options.version,
            os.getpid(),
            socket.gethostname(),
            self._started_at,
            config=options.config,
            embedded=options.embedded,
        )
        link = Server(options.socket, welcome, self._command)
        try:
            await link.start()
        except LinkError as error:
            raise CannotStart(UNAVAILABLE, str(error)) from None
        self._link = link
        stack.push_async_callback(link.close)
        self.publish()

    def publish(self) -> None:
        """When something changed, and else every other time, so that a reader knows that we live. Not even made while nobody reads."""
        if self._link is not None and not self._link.has_readers:
            self._link.offer(STATUS_TOPIC, lambda: msgspec.msgpack.encode(self._status()))
            self._published = b""
            return
        body, now = msgspec.msgpack.encode(self._status()), self._loop.time()
        if self._link is None or (body == self._published and now - self._published_at <= STATUS_INTERVAL * 1.5):
            return
        try:
            self._link.publish(STATUS_TOPIC, body)
        except ProtocolError as error:
            log.error("the status is not published: %s", error)
        self._published, self._published_at = body, now

    def trouble(self, severity: str, source: str, text: str) -> None:
        log.log(LEVELS.get(severity, logging.INFO), "%s: %s", source, text)
        if self._link is not None:
            self._link.emit(time.time(), severity, source, text)

    def trouble_from_thread(self, severity: str, source: str, text: str) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.trouble, severity, source, text)

    async def _command(self, command: Command, peer: Peer) -> Reply:
        is_done, text = await self._operations.obey(command.verb, command.arguments, command.expect)
        self.publish()
        told = {name: value for name, value in command.arguments.items() if name != "line"}  # a record is not for the log
        log.info("%s %s by %s (%s): %s", command.verb, told, command.actor or peer.program, peer.pid, text)
        return Reply(command.id, is_done, text)
