"""stomp.py's half of a connection: it writes CONNECT, parses frames and keeps the heart-beats, in two threads that hand over to the loop.

Its own sockets are not used: they have no deadline; with TLS its reader (9.0.0) takes the end of a connection for a pause, and its goodbye
waits for a hung peer for ever. Its buffer costs the square of what it holds, and loses the frame behind two heart-beats that come at once.
So it gets whole frames, through a subclass of its transport.
"""

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from stomp.connect import BaseConnection
from stomp.protocol import Protocol12
from stomp.transport import BaseTransport

from backends.activemq.stomp.vocabulary import Frame

HEART_BEAT_MS: Final = 4000  # in both directions; a broker that is silent for half as long again is left


class Heard(Protocol):
    """Who is told, in the loop. `size`: bytes of the frame."""

    def on_connected(self, headers: Mapping[str, str], size: int) -> None: ...

    def on_message(self, frame: Frame, size: int) -> None: ...

    def on_receipt(self, headers: Mapping[str, str], size: int) -> None: ...

    def on_error(self, headers: Mapping[str, str], body: bytes, size: int) -> None: ...

    def on_gone(self) -> None: ...


class Transport(BaseTransport):  # type: ignore[misc]  # stomp.py has no types
    """What stomp.py's threads use in the place of a socket."""

    def __init__(self, place: tuple[str, int], write: Callable[[bytes], None], timed_out: Callable[[], None]) -> None:
        super().__init__(auto_decode=False)
        self.current_host_and_port = place
        self.vhost = None
        self.size = 0  # bytes of the frame that the listeners are told of
        self._write, self._timed_out = write, timed_out
        self._frames: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._is_over = False
        self._telling = threading.Lock()  # never held over a wait
        self.threads: set[threading.Thread] = set()  # all that there have been
        self.override_threading(_reader)

    def feed(self, frame: bytes) -> None:
        """b"\\n" is a sign of life, b"" the end."""
        self._frames.put(frame)

    def receive(self) -> bytes:
        return b"" if self._is_over else self._frames.get()

    def send(self, encoded_frame: bytes) -> None:
        self._write(encoded_frame)

    def process_frame(self, f: Any, frame_str: bytes) -> None:
        with self._telling:
            if self._is_over:
                return
            self.size = len(frame_str) + 1
            super().process_frame(f, frame_str)
            self._note_heart()

    def cleanup(self) -> None:
        self._is_over = True

    def end(self) -> None:
        """Its threads end now. That of the heart-beats was started by the reader before this, or never will be."""
        with self._telling:
            self._is_over = True
            self.set_connected(False)
            self.get_listener("protocol-listener").heartbeat_terminate_event.set()
        self.feed(b"")
        if self.io_thread is not None:
            self.threads.add(self.io_thread)

    def _note_heart(self) -> None:
        """While it is known: it forgets itself before it has ended."""
        heart = self.get_listener("protocol-listener").heartbeat_thread
        if heart is not None:
            self.threads.add(heart)

    def disconnect_socket(self) -> None:
        """The thread of the heart-beats calls this when the peer is silent, and must end then: it would sleep another beat."""
        self.get_listener("protocol-listener").heartbeat_terminate_event.set()
        self._timed_out()


def _reader(loop: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=loop, name="stomp-reader", daemon=True)
    thread.start()
    return thread


class Speaker(BaseConnection, Protocol12):  # type: ignore[misc]
    """stomp.py's Connection12, over our transport."""

    def __init__(self, transport: Transport, hand: Callable[..., None], heard: Heard) -> None:
        logging.getLogger("stomp.py").setLevel(logging.CRITICAL)  # it logs tracebacks of what we say in a sentence, and frames with secrets
        BaseConnection.__init__(self, transport)
        Protocol12.__init__(self, transport, (HEART_BEAT_MS, HEART_BEAT_MS))
        transport.set_listener("zz-connection", _Ears(transport, hand, heard))  # behind stomp.py's own: they are called by their names

    def begin(self, user: str, password: str) -> None:
        """CONNECT; there is a wire."""
        self.transport.start()
        self.connect(user or None, password or None, wait=False, with_connect_command=True)


class _Ears:
    """What stomp.py tells, in its threads: handed over to the loop, and nothing else."""

    def __init__(self, transport: Transport, hand: Callable[..., None], to: "Heard") -> None:
        self._transport, self._hand, self._to = transport, hand, to

    def on_connected(self, frame: Any) -> None:
        self._hand(self._to.on_connected, frame.headers, self._transport.size)

    def on_message(self, frame: Any) -> None:
        self._hand(self._to.on_message, Frame(frame.headers, frame.body), self._transport.size)

    def on_receipt(self, frame: Any) -> None:
        self._hand(self._to.on_receipt, frame.headers, self._transport.size)

    def on_error(self, frame: Any) -> None:
        self._hand(self._to.on_error, frame.headers, frame.body, self._transport.size)

    def on_heartbeat_timeout(self) -> None: ...  # Transport.disconnect_socket has told it

    def on_disconnected(self) -> None:
        self._hand(self._to.on_gone)
