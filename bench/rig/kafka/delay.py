"""A way to a server that takes longer, and that tells what went over it: `python -m bench.rig.kafka.delay PORT DELAY_MS PROTOCOL [LISTEN]`.

Every chunk arrives DELAY_MS later than it was sent, in either direction, in order and without a limit of bandwidth. Requests are counted by
kind as they pass (both protocols put four bytes of length before each), so there is a witness of them that is not the client.
It prints its port; an empty line on its input makes it print its counts as JSON; the end of its input ends it.
"""

import contextlib
import json
import queue
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Literal, NamedTuple

from bench.rig.kafka.kinds import KAFKA, ZOOKEEPER

Protocol = Literal["kafka", "zookeeper"]

CHUNK = 1 << 16
LONGEST = 100 << 20  # bytes of a request; what claims to be longer is no frame (ZooKeeper's four letter words)
HEAD = 8  # bytes of a frame that tell its kind


class Passed(NamedTuple):
    """What went over the way since it began."""

    requests: dict[str, int]
    bytes: int

    def since(self, before: "Passed") -> "Passed":
        kinds = {kind: number - before.requests.get(kind, 0) for kind, number in self.requests.items()}
        return Passed({kind: number for kind, number in sorted(kinds.items()) if number}, self.bytes - before.bytes)

    @property
    def total(self) -> int:
        return sum(self.requests.values())


class Way:
    """The proxy, seen by who started it."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        assert child.stdin is not None and child.stdout is not None
        self._words, self._answers = child.stdin, child.stdout
        self.port = int(self._answers.readline())

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def passed(self) -> Passed:
        self._words.write("\n")
        self._words.flush()
        found = json.loads(self._answers.readline())
        return Passed(found["requests"], found["bytes"])


@contextlib.contextmanager
def far(port: int, delay_ms: float, protocol: Protocol, listen: int = 0) -> Iterator[Way]:
    """A way to this port of our own machine."""
    command = [sys.executable, "-m", "bench.rig.kafka.delay", str(port), str(delay_ms), protocol, str(listen)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Way(child)
    finally:
        child.kill()
        child.communicate()


class Tally:
    """Of all connections."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._bytes = 0

    def add(self, size: int, kinds: list[str]) -> None:
        with self._lock:
            self._bytes += size
            self._requests.update(kinds)

    def told(self) -> str:
        with self._lock:
            return json.dumps({"requests": dict(self._requests), "bytes": self._bytes})


class Frames:
    """Kinds of the requests of one connection, from its bytes in any pieces."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._head = b""
        self._skip = 0
        self._is_first = True

    def feed(self, data: bytes) -> list[str]:
        kinds = []
        while data:
            if self._skip:
                self._skip, data = max(0, self._skip - len(data)), data[self._skip :]
                continue
            self._head, data = self._head + data, b""
            if len(self._head) < 4 + HEAD:
                break
            head, self._head = self._head, b""
            size = int.from_bytes(head[:4])
            if size > LONGEST:
                self._skip = sys.maxsize
                break
            kinds.append(self._kind(head[4 : 4 + HEAD]))
            self._skip, data = 4 + size, head
        return kinds

    def _kind(self, head: bytes) -> str:
        is_first, self._is_first = self._is_first, False
        if self._protocol == "kafka":
            key = struct.unpack(">h", head[:2])[0]
            return KAFKA.get(key, f"kind {key}")
        if is_first:
            return "connect"
        code = struct.unpack(">i", head[4:])[0]
        return ZOOKEEPER.get(code, f"kind {code}")


Late = tuple[float, bytes]  # when it is due, and what; nothing at the end


def hear(source: socket.socket, late: "queue.SimpleQueue[Late]", delay_s: float, tally: Tally, frames: Frames | None) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            late.put((time.perf_counter() + delay_s, data))
            tally.add(len(data), frames.feed(data) if frames else [])
    late.put((time.perf_counter() + delay_s, b""))


def say(late: "queue.SimpleQueue[Late]", goal: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            due, data = late.get()
            if (wait := due - time.perf_counter()) > 0:
                time.sleep(wait)
            if not data:
                return goal.shutdown(socket.SHUT_WR)
            goal.sendall(data)


def carry(client: socket.socket, port: int, delay_s: float, tally: Tally) -> None:
    try:
        server = socket.create_connection(("127.0.0.1", port))
    except OSError:
        return client.close()
    for each in (client, server):
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ways = ((client, server, Frames(tally.protocol)), (server, client, None))
    for source, goal, frames in ways:
        late: queue.SimpleQueue[Late] = queue.SimpleQueue()
        threading.Thread(target=hear, args=(source, late, delay_s, tally, frames), daemon=True).start()
        threading.Thread(target=say, args=(late, goal), daemon=True).start()


def main(port: int, delay_s: float, protocol: Protocol, listen: int) -> None:
    server, tally = socket.create_server(("127.0.0.1", listen), backlog=128), Tally(protocol)

    def accept() -> None:
        while True:
            carry(server.accept()[0], port, delay_s, tally)

    threading.Thread(target=accept, daemon=True).start()
    print(server.getsockname()[1], flush=True)
    for _ in sys.stdin:
        print(tally.told(), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]) / 1000, "zookeeper" if sys.argv[3] == "zookeeper" else "kafka", int(sys.argv[4]))
