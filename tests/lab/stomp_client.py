"""As much STOMP 1.2 as the feeder needs, with a deadline on every wait (stomp.py waits for ever for a silent peer)."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from tests.lab.activemq import PASSWORD, USER
from tests.lab.errors import LabError

LIMIT_S = 5.0


@dataclass(frozen=True)
class Frame:
    command: str
    headers: dict[str, str]
    body: bytes


class Stomp:
    """Destinations are queues unless they begin with `/topic/`."""

    def __init__(self, address: str, client_id: str | None = None) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), LIMIT_S)
        self._buffer = b""
        self._receipts = 0
        login = {"login": USER, "passcode": PASSWORD} | ({"client-id": client_id} if client_id is not None else {})
        try:
            self._write("CONNECT", {"accept-version": "1.2", "host": "localhost", "heart-beat": "0,0", **login})
            self._expect("CONNECTED")
        except BaseException:
            self._socket.close()
            raise

    def send(self, destination: str, body: str | bytes, *, confirm: bool = False, **headers: str) -> None:
        """A persistent message, a text or bytes; `confirm` waits until the broker has it."""
        receipt = {"receipt": self._next_receipt()} if confirm else {}
        size = {"content-length": str(len(body))} if isinstance(body, bytes) else {}  # what makes bytes of it
        data = body if isinstance(body, bytes) else body.encode()
        self._write("SEND", {"destination": _path(destination), "persistent": "true", **headers, **size, **receipt}, data)
        if confirm:
            self._expect("RECEIPT")

    def subscribe(self, destination: str, ack: str, prefetch: int, durable: str | None = None) -> None:
        """`ack`: auto, client or client-individual. `durable`: the name of the subscription."""
        headers = {"id": "1", "destination": _path(destination), "ack": ack, "activemq.prefetchSize": str(prefetch)}
        named = {"activemq.subscriptionName": durable} if durable is not None else {}
        self._write("SUBSCRIBE", {**headers, **named, "receipt": self._next_receipt()})
        self._expect("RECEIPT")

    def receive(self, timeout: float | None = None) -> Frame | None:
        """The next frame, None when none comes within `timeout` (LIMIT_S unless told)."""
        self._socket.settimeout(max(LIMIT_S if timeout is None else timeout, 0.001))
        with contextlib.suppress(TimeoutError, BlockingIOError):
            while (frame := self._cut()) is None:
                chunk = self._socket.recv(65536)
                if not chunk:
                    raise LabError("the broker closed the STOMP connection")
                self._buffer += chunk
            return frame
        return None

    def messages(self) -> Iterator[Frame]:
        """What has arrived and not been read yet."""
        while (frame := self.receive(0)) is not None:
            if frame.command != "MESSAGE":
                raise LabError(f"STOMP: {frame.command} {frame.headers.get('message', '')}")
            yield frame

    def ack(self, message: Frame) -> None:
        self._write("ACK", {"id": message.headers["ack"]})

    def nack(self, message: Frame) -> None:
        self._write("NACK", {"id": message.headers["ack"], "receipt": self._next_receipt()})
        self._expect("RECEIPT")

    def close(self) -> None:
        with contextlib.suppress(OSError, LabError):
            self._write("DISCONNECT", {"receipt": self._next_receipt()})
            self._socket.settimeout(0.5)
            self._socket.recv(65536)
        self._socket.close()

    def _next_receipt(self) -> str:
        self._receipts += 1
        return str(self._receipts)

    def _write(self, command: str, headers: dict[str, str], body: bytes = b"") -> None:
        head = "".join(f"{key}:{value}\n" for key, value in headers.items())
        self._socket.settimeout(LIMIT_S)
        self._socket.sendall(f"{command}\n{head}\n".encode() + body + b"\0")

    def _expect(self, command: str) -> Frame:
        frame = self.receive()
        if frame is None or frame.command != command:
            got = "nothing" if frame is None else f"{frame.command} {frame.headers.get('message', '')}"
            raise LabError(f"STOMP: {command} expected, got {got}")
        return frame

    def _cut(self) -> Frame | None:
        """One whole frame off the buffer."""
        self._buffer = self._buffer.lstrip(b"\r\n")
        head, gap, rest = self._buffer.partition(b"\n\n")
        if not gap:
            return None
        command, *lines = head.decode().split("\n")
        headers = dict(line.split(":", 1) for line in reversed(lines))  # the first of equal names counts
        size = int(headers["content-length"]) if "content-length" in headers else rest.find(b"\0")
        if size < 0 or len(rest) <= size:
            return None
        self._buffer = rest[size + 1 :]
        return Frame(command, headers, rest[:size])


def _path(destination: str) -> str:
    return destination if destination.startswith("/topic/") else f"/queue/{destination}"
