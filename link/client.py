"""Stays connected to one server, for as long as it runs: reconnects by itself, says in plain words why it is not, sends commands.

asyncio is imported where it is used: the command line reads `ask` from here and has no time for it.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

from link.ask import Known, actor, ask, ask_command, greet, refusal
from link.errors import Trouble, Unreachable, unreachable
from link.protocol import (
    BEAT_INTERVAL,
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

if TYPE_CHECKING:
    import asyncio

__all__ = ["Client", "ClientState", "Known", "actor", "ask", "ask_command", "greet"]

FIRST_RETRY: Final = 0.2  # seconds; a daemon that restarts is back on the screen before anybody looks
MAX_RETRY: Final = 2.0
SILENCE: Final = 3 * BEAT_INTERVAL
READ_SIZE: Final = 256 << 10

Value: TypeAlias = str | int | float | bool | None


class ClientState(Struct, frozen=True):
    """`error` is for an operator: what, why, what next; `trouble` is the same for programs. Both are None when connected."""

    connected: bool
    error: str | None = None
    trouble: Trouble | None = None
    welcome: Welcome | None = None  # of the last connection, kept when it is lost


class Client:
    """`on_message` gets every Publish, Withdraw, Event and Beat in order; `on_state` every change, Welcome before what follows it.

    Both are called in the loop of `run` and must not block.
    """

    def __init__(
        self,
        path: Path,
        hello: Hello,
        on_message: Callable[[Publish | Withdraw | Event | Beat], None],
        on_state: Callable[[ClientState], None],
    ) -> None:
        self.state = ClientState(connected=False, error="not connected yet")
        self._path = path
        self._hello = hello
        self._on_message = on_message
        self._on_state = on_state
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._next_id = 1
        self._hurry: asyncio.Event | None = None

    async def run(self) -> None:
        """Until it is cancelled."""
        import asyncio

        self._hurry = asyncio.Event()
        delay = FIRST_RETRY / 2
        while True:
            try:
                await self._converse()
            except Unreachable as error:
                delay = FIRST_RETRY if self.state.connected else min(2 * delay, MAX_RETRY)
                self._become(ClientState(False, str(error), error.trouble, self.state.welcome))
            try:
                async with asyncio.timeout(delay):
                    await self._hurry.wait()
            except TimeoutError:
                continue
            self._hurry.clear()
            delay = FIRST_RETRY / 2

    def retry_now(self) -> None:
        """Somebody knows that the server is back."""
        if self._hurry is not None:
            self._hurry.set()

    async def command(
        self,
        target: str,
        verb: str,
        arguments: Mapping[str, Value] | None = None,
        expect: Mapping[str, Value] | None = None,
        *,
        actor: str = "",
        deadline: float = 30.0,
    ) -> Reply:
        """Sent at most once. Raises nothing: no connection, no answer within `deadline` seconds are a Reply with ok=False."""
        import asyncio

        number = self._next_id
        self._next_id += 1
        if self._writer is None or not self.state.connected:
            return Reply(number, False, f"not sent: {self.state.error}")
        command = Command(number, target, verb, dict(arguments or {}), dict(expect or {}), actor)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self._writer.write(encode(command))
            async with asyncio.timeout(deadline):
                return await future
        except ProtocolError as error:
            return Reply(number, False, f"not sent: {error}")
        except TimeoutError:
            return Reply(number, False, f"no answer within {deadline:g} s; whether '{verb}' happened is not known")
        finally:
            del self._waiting[number]

    async def _converse(self) -> None:
        """One connection, until it ends. Always raises."""
        import asyncio

        try:
            reader, self._writer = await asyncio.open_unix_connection(self._path)
        except OSError as error:
            raise unreachable(self._path, error) from None
        try:
            self._writer.write(encode(self._hello))
            await self._listen(reader)
        except OSError as error:
            raise Unreachable(f"the connection was lost: {error.strerror or error}", "closed") from None
        except ProtocolError as error:
            raise Unreachable(f"what listens on {self._path} is none of ours: {error}", "garbled") from None
        finally:
            self._writer.transport.abort()  # nothing is owed to a server that is gone, and a hung one must not keep us
            self._writer = None
            for number, future in self._waiting.items():
                if not future.done():
                    future.set_result(Reply(number, False, "the connection was lost before the answer; whether it happened is not known"))

    async def _listen(self, reader: "asyncio.StreamReader") -> None:
        import asyncio

        frames = Frames()
        silent_since = time.time()
        while True:
            try:
                async with asyncio.timeout(SILENCE):
                    data = await reader.read(READ_SIZE)
            except TimeoutError:
                # A unix socket tells when its process dies: this one hangs or is stopped, so we keep the connection and wait for its word.
                since = time.strftime("%H:%M:%S", time.localtime(silent_since))
                self._become(
                    ClientState(False, f"no word since {since}: {self._who()} hangs or is suspended", "silent", self.state.welcome)
                )
                continue
            if not data:
                raise Unreachable(f"{self._who()} closed the connection", "closed")
            silent_since = time.time()
            for message in frames.feed(data):
                self._take(message)

    def _take(self, message: Message) -> None:
        match message:
            case Welcome():
                self._become(ClientState(True, welcome=message))
            case Refuse():
                raise Unreachable(refusal(message), "refused")
            case Reply():
                future = self._waiting.get(message.id)
                if future is not None and not future.done():
                    future.set_result(message)
            case Publish() | Withdraw() | Event() | Beat():
                if self.state.trouble == "silent":
                    self._become(ClientState(True, welcome=self.state.welcome))
                self._on_message(message)
            case _:
                raise ProtocolError(f"a server does not send {type(message).__name__}")

    def _become(self, state: ClientState) -> None:
        if state != self.state:
            self.state = state
            self._on_state(state)

    def _who(self) -> str:
        welcome = self.state.welcome
        return f"the {welcome.program} (pid {welcome.pid})" if welcome else f"what listens on {self._path}"
