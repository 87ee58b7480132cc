"""One question, one answer, plain blocking sockets: for the command line, which has no time to import asyncio."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from link.errors import Unreachable, unreachable, user_name
from link.protocol import Beat, Command, Event, Frames, Hello, Message, ProtocolError, Publish, Refuse, Reply, Welcome, Withdraw, encode

READ_SIZE: Final = 256 << 10


class Known(NamedTuple):
    """Everything a server knows at one moment."""

    welcome: Welcome
    topics: dict[str, bytes]  # newest body of each, msgpack
    events: list[Event]


def ask(path: Path, hello: Hello, deadline: float = 5.0) -> Known:
    """Blocks for at most `deadline` seconds. Raises Unreachable."""
    topics: dict[str, bytes] = {}
    events: list[Event] = []
    with _conversation(path, hello, deadline) as (welcome, _, messages):
        for message in messages:
            match message:
                case Publish():
                    topics[message.topic] = bytes(message.body)
                case Withdraw():
                    topics.pop(message.topic, None)
                case Event():
                    events.append(message)
                case Beat():
                    break
    return Known(welcome, topics, events)


def ask_command(path: Path, hello: Hello, command: Command, deadline: float = 30.0) -> Reply:
    """Sends one command and waits for its reply, for at most `deadline` seconds. Raises Unreachable; never sends twice."""
    hello = msgspec.structs.replace(hello, wants="answers")
    with _conversation(path, hello, deadline) as (_, connection, messages):
        connection.sendall(encode(command))
        return next(message for message in messages if isinstance(message, Reply) and message.id == command.id)


def greet(path: Path, hello: Hello, deadline: float = 2.0) -> Welcome:
    """Only who is there. Raises Unreachable."""
    with _conversation(path, msgspec.structs.replace(hello, wants="answers"), deadline) as (welcome, _, _):
        return welcome


def actor() -> str:
    """Who acts and from where, for the audit line: ``minsu from 10.1.2.3 on /dev/pts/3``."""
    words = [user_name(os.getuid())]
    if login := os.environ.get("SUDO_USER"):
        words.append(f"(sudo of {login})")
    if client := os.environ.get("SSH_CONNECTION", "").partition(" ")[0]:
        words.append(f"from {client}")
    with contextlib.suppress(OSError):
        words.append(f"on {os.ttyname(0)}")
    return " ".join(words)


@contextlib.contextmanager
def _conversation(path: Path, hello: Hello, deadline: float) -> Iterator[tuple[Welcome, socket.socket, Iterator[Message]]]:
    ends_at = time.monotonic() + deadline
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(deadline)
        try:
            connection.connect(os.fspath(path))
            connection.sendall(encode(hello))
            messages = _messages(connection, path, ends_at, deadline)
            yield _welcome(next(messages)), connection, messages
        except TimeoutError:
            raise _silent(path, deadline) from None
        except OSError as error:
            raise unreachable(path, error) from None
        except ProtocolError as error:
            raise Unreachable(f"what listens on {path} is none of ours: {error}", "garbled") from None


def _welcome(message: Message) -> Welcome:
    match message:
        case Welcome():
            return message
        case Refuse():
            raise Unreachable(refusal(message), "refused")
    raise ProtocolError(f"the first message is Welcome or Refuse, not {type(message).__name__}")


def refusal(message: Refuse) -> str:
    return f"{message.reason}; {message.how}" if message.how else message.reason


def _messages(connection: socket.socket, path: Path, ends_at: float, deadline: float) -> Iterator[Message]:
    """Every message until the deadline. Raises Unreachable at the end of the connection."""
    frames = Frames()
    while True:
        left = ends_at - time.monotonic()
        if left <= 0:
            raise _silent(path, deadline)
        connection.settimeout(left)
        data = connection.recv(READ_SIZE)
        if not data:
            raise Unreachable(f"what listens on {path} closed the connection", "closed")
        yield from frames.feed(data)


def _silent(path: Path, deadline: float) -> Unreachable:
    return Unreachable(f"it hangs: no answer on {path} within {deadline:g} s", "silent")
