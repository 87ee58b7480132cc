"""Publishes topics and events to whoever attaches, and takes their commands. A slow or stalled reader costs one frame and no waiting.

For each reader one set of turns is kept, never a queue of bodies: while its socket takes nothing, only the names of what it still has
to hear are remembered, and when it wakes it gets the newest body of each. A turn keeps its place when its topic is published again, so
that nothing, the beat included, is pushed back for ever.
"""

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias, cast

import msgspec
from msgspec import Raw, Struct

from link import place
from link.errors import user_name
from link.place import Credentials
from link.protocol import (
    BEAT_INTERVAL,
    MAX_COMMAND,
    PROTOCOL,
    Beat,
    Command,
    Event,
    Frames,
    Hello,
    Message,
    ProtocolError,
    Publish,
    Refuse,
    Reply,
    Welcome,
    Withdraw,
    encode,
)

log = logging.getLogger(__name__)

MAX_CLIENTS: Final = 64  # a team with several terminals each; a script in a loop is told so
MAX_EVENTS: Final = 500  # what a console that attaches gets to see; 50 KiB
MAX_EVENT_TEXT: Final = 1000  # characters; 500 of them stay under a MiB
MAX_UNANSWERED: Final = 16  # commands of one client; above it its bytes stay in the kernel
MAX_HELD: Final = 1 << 20  # bytes in its unanswered commands, likewise: actions are small, and of large ones each client has one at a time
HELLO_DEADLINE: Final = 5.0  # seconds; a connection that says nothing holds one of the 64 places
FLUSH_DEADLINE: Final = 1.0  # seconds that closing waits for readers that still take bytes
CHUNK: Final = 64 << 10  # bytes handed to the transport at once: all that a stalled reader holds besides a reference to its frame

EVENTS: Final = "\0events"  # turns that are no topics: everything in the ring that this reader has not heard
BEAT: Final = "\0beat"


Handler: TypeAlias = "Callable[[Command, Peer], Awaitable[Reply]]"


class Peer(Struct, frozen=True):
    """Who is attached: what the kernel says (pid, uid) and what it says of itself."""

    pid: int
    uid: int
    program: str
    version: str
    since: float  # epoch seconds


class Server:
    """`on_command` runs concurrently, also for one peer; what it raises becomes a Reply with ok=False and a traceback in the log."""

    def __init__(
        self,
        path: Path,
        welcome: Welcome,
        on_command: Handler,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self.welcome = welcome
        self.clock = clock
        self._on_command = on_command
        self._topics: dict[str, bytes | Callable[[], bytes]] = {}  # the Publish frame of each, made once for all readers; or what makes it
        self._ring: deque[tuple[int, bytes]] = deque(maxlen=MAX_EVENTS)
        self._sequence = 0
        self._clients: set[_Client] = set()
        self._commands: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self._beats: asyncio.Task[None] | None = None
        self._inode: tuple[int, int] | None = None

    async def start(self) -> None:
        """Listens. Raises AlreadyRunning or SocketUnusable."""
        listener = place.listen(self.path)
        self._inode = _inode(self.path)
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_unix_server(lambda: _Client(self), sock=listener)
        self._beats = loop.create_task(self._beat())

    @property
    def peers(self) -> tuple[Peer, ...]:
        """Everybody who was welcomed, one-shot clients included; in no order."""
        return tuple(client.peer for client in self._clients if client.peer is not None)

    def publish(self, topic: str, body: bytes) -> None:
        """`body` is msgpack. Raises ProtocolError when it is larger than a frame may be."""
        self._topics[topic] = encode(Publish(topic, Raw(body)))
        self._tell(topic)

    def offer(self, topic: str, make: Callable[[], bytes]) -> None:
        """As `publish`, for a time in which nobody reads: the body is made when the next reader comes, and not before."""
        self._topics[topic] = lambda: encode(Publish(topic, Raw(make())))

    @property
    def has_readers(self) -> bool:
        """Whether somebody waits for what is published; who only sends a command does not."""
        return any(client.wants_turns for client in self._clients)

    def withdraw(self, topic: str) -> None:
        if self._topics.pop(topic, None) is not None:
            self._tell(topic)

    def emit(self, at: float, severity: str, source: str, text: str) -> Event:
        self._sequence += 1
        event = Event(self._sequence, at, severity, source, text[:MAX_EVENT_TEXT])
        self._ring.append((event.sequence, encode(event)))
        self._tell(EVENTS)
        return event

    async def close(self) -> None:
        """Stops listening, hands out what readers take within FLUSH_DEADLINE, and removes the socket. Commands that run are cancelled."""
        if self._listener is not None:
            self._listener.close()
        tasks = [*self._commands, *([self._beats] if self._beats else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in list(self._clients):
            client.finish()
        await self._all_gone(FLUSH_DEADLINE)
        for client in list(self._clients):
            client.abort()
        await self._all_gone(FLUSH_DEADLINE)
        if self._inode is not None and _inode(self.path) == self._inode:
            self.path.unlink(missing_ok=True)

    async def _all_gone(self, seconds: float) -> None:
        if self._clients:
            await asyncio.wait([client.gone for client in self._clients], timeout=seconds)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_INTERVAL)
            self._tell(BEAT)

    def _tell(self, turn: str) -> None:
        for client in list(self._clients):
            client.owe(turn)

    # What follows is for the clients of this server.

    def arrived(self, client: "_Client") -> None:
        self._clients.add(client)

    def left(self, client: "_Client") -> None:
        self._clients.discard(client)

    def is_full(self) -> bool:
        return len(self.peers) >= MAX_CLIENTS

    def everything(self) -> Iterator[str]:
        yield EVENTS
        yield from self._topics
        yield BEAT

    def frame(self, turn: str, heard: int) -> tuple[bytes, int]:
        """The bytes of a turn as they are now, for a reader that heard the events up to `heard`; and up to where it will have."""
        if turn == BEAT:
            return encode(Beat(self.clock())), heard
        if turn == EVENTS:
            news = [frame for sequence, frame in self._ring if sequence > heard]
            return b"".join(news), self._sequence
        found = self._topics.get(turn)
        if callable(found):
            found = self._topics[turn] = found()
        return found or encode(Withdraw(turn)), heard

    def run(self, command: Command, client: "_Client", peer: Peer) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(command, client, peer))
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)

    async def _answer(self, command: Command, client: "_Client", peer: Peer) -> None:
        reply = Reply(command.id, False, f"{self.welcome.program} is stopping; whether '{command.verb}' happened is not known")
        try:
            reply = await self._on_command(command, peer)
            frame = encode(msgspec.structs.replace(reply, id=command.id))
        except ProtocolError as error:
            frame = encode(Reply(command.id, reply.ok, f"the answer cannot be shown: {error}"))
        except asyncio.CancelledError:
            client.answer(encode(reply), command)
            raise
        except Exception as error:
            log.exception("command %r to %r of pid %d", command.verb, command.target, peer.pid)
            frame = encode(Reply(command.id, False, f"internal error in '{command.verb}' ({type(error).__name__}); see the log"))
        client.answer(frame, command)


class _Client(asyncio.Protocol):
    """One connection: first its Hello, then its turns out and its commands in."""

    def __init__(self, server: Server) -> None:
        self.peer: Peer | None = None
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._server = server
        self._frames = Frames(MAX_COMMAND)
        self._answers: deque[bytes] = deque()  # welcome and replies: never dropped, bounded by MAX_UNANSWERED
        self._running = 0  # commands without an answer
        self._held = 0  # bytes in them
        self._is_deaf = False  # too many of both: its bytes stay in the kernel
        self._turns: dict[str, None] = {}  # ordered; what this reader still has to hear
        self.wants_turns = False
        self._heard = 0  # the newest event it was given
        self._rest = memoryview(b"")  # of the frame that is being sent
        self._is_paused = False  # there are bytes that the reader has not taken
        self._is_ending = False  # what is owed is handed over, nothing more is taken or owed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)
        self._who: Credentials = place.credentials(self._transport.get_extra_info("socket"))
        self._clock = asyncio.get_running_loop().call_later(HELLO_DEADLINE, self.abort)
        self._server.arrived(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._clock.cancel()
        self._is_ending = True
        self._rest = memoryview(b"")
        self._answers.clear()
        self._turns.clear()
        self._server.left(self)
        if not self.gone.done():
            self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._frames.feed(data):
                if not self._is_ending:
                    self._take(message)
        except ProtocolError as error:
            log.info("pid %d: %s", self._who.pid, error)
            self._refuse(Refuse(str(error), "use relay-console itself, or speak as docs/link-protocol.md says"))

    def _take(self, message: Message) -> None:
        if self.peer is None:
            self._greet(message)
        elif isinstance(message, Command):
            self._running += 1
            self._held += _weight(message)
            self._listen()
            self._server.run(message, self, self.peer)
        else:
            raise ProtocolError(f"a client sends commands, not {type(message).__name__}")

    def _greet(self, message: Message) -> None:
        self._clock.cancel()
        welcome = self._server.welcome
        if not isinstance(message, Hello):
            raise ProtocolError(f"the first message is Hello, not {type(message).__name__}")
        if self._who.uid not in (0, os.geteuid()):
            ours, theirs = user_name(os.geteuid()), user_name(self._who.uid)
            return self._refuse(Refuse(f"this {welcome.program} belongs to {ours}; you are {theirs}", f"sudo -u {ours} relay-console"))
        if PROTOCOL not in message.protocols:
            return self._refuse(_other_protocol(welcome, message))
        if self._server.is_full():
            return self._refuse(Refuse(f"{MAX_CLIENTS} programs are attached to this {welcome.program} already", "close one of them"))
        self.peer = Peer(self._who.pid, self._who.uid, message.program, message.version, self._server.clock())
        self._answers.append(encode(welcome))
        self.wants_turns = message.wants != "answers"
        self._turns = dict.fromkeys(self._server.everything()) if self.wants_turns else {BEAT: None}
        self._pump()

    def _refuse(self, refuse: Refuse) -> None:
        self._answers.append(encode(refuse))
        self.finish()

    def owe(self, turn: str) -> None:
        if self.peer is not None and not self._is_ending and (self.wants_turns or turn == BEAT):
            self._turns.setdefault(turn)
            self._pump()

    def answer(self, frame: bytes, command: Command) -> None:
        self._running -= 1
        self._held -= _weight(command)
        if not self.gone.done():
            self._answers.append(frame)
            self._pump()

    def _listen(self) -> None:
        is_deaf = self._running + len(self._answers) >= MAX_UNANSWERED or self._held > MAX_HELD
        if is_deaf != self._is_deaf and not self._is_ending:
            self._is_deaf = is_deaf
            (self._transport.pause_reading if is_deaf else self._transport.resume_reading)()

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._pump()

    def _pump(self) -> None:
        """Hands over chunks for as long as the kernel takes them at once."""
        while not self._is_paused and (self._rest or self._next()):
            chunk, self._rest = self._rest[:CHUNK], self._rest[CHUNK:]
            self._transport.write(chunk)
        self._listen()
        if self._is_ending and not (self._rest or self._answers or self._turns):
            self._transport.close()

    def _next(self) -> bool:
        while not self._rest and (self._answers or self._turns):
            if self._answers:
                self._rest = memoryview(self._answers.popleft())
                continue
            turn = next(iter(self._turns))
            del self._turns[turn]
            frame, self._heard = self._server.frame(turn, self._heard)
            self._rest = memoryview(frame)
        return bool(self._rest)

    def finish(self) -> None:
        """Hands over what is owed, then ends; a reader that takes nothing has FLUSH_DEADLINE."""
        if not self._is_ending:
            self._is_ending = True
            self._clock.cancel()
            self._clock = asyncio.get_running_loop().call_later(FLUSH_DEADLINE, self.abort)
            self._pump()

    def abort(self) -> None:
        self._transport.abort()


def _weight(command: Command) -> int:
    """Characters of its texts: what else stands in a command is small."""
    return sum(len(value) for value in command.arguments.values() if isinstance(value, str))


def _other_protocol(welcome: Welcome, hello: Hello) -> Refuse:
    theirs = ", ".join(map(str, hello.protocols)) or "none"
    return Refuse(
        f"this {welcome.program} (version {welcome.version}) speaks protocol {PROTOCOL}; {hello.program} {hello.version} speaks {theirs}",
        f"use relay-console {welcome.version}, or stop pid {welcome.pid} (kill -TERM {welcome.pid}) and start it again with your version",
    )


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
