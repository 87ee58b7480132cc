"""A small platform of real servers that stories may kill: ZooKeeper, Kafka, ActiveMQ and an agent's log, with some data in each."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from kazoo.client import KazooClient

from tests.backends.kafka_peer import KafkaPeer
from tests.lab.feed_gclog import GcLogFeed
from tests.lab.lab import Lab
from tests.lab.server import Server
from tests.lab.stomp_client import Stomp
from tests.lab.truth import TIMEZONE

SERVERS = ("zookeeper", "kafka4", "activemq_old")
INTERVAL_S = 1
LIMIT_S = 20.0
ODD_QUEUE = "[red]markup[/] \x1b]0;owned\x07 &amp; [@click=quit]x[/]"
ODD_PAYLOAD = b"\x1b]0;owned\x07\x1b[2J[red]markup[/]\x00\xff"


class Platform:
    """Nothing runs until it is started; addresses are known before."""

    def __init__(self, directory: Path) -> None:
        self.lab = Lab(directory)
        self.gc_log = directory / "gc.log"
        self._pool = ThreadPoolExecutor(len(SERVERS))

    @property
    def servers(self) -> tuple[Server, ...]:
        return self.lab.zookeeper, self.lab.kafka4, self.lab.activemq_old

    @property
    def runs(self) -> bool:
        return any(server.is_running for server in self.servers)

    def sections(self) -> dict[str, Any]:
        every = f"{INTERVAL_S}s"
        zookeeper = self.lab.zookeeper.address()
        return {
            "kafka": [{"name": "main", "bootstrap": self.lab.kafka4.address(), "interval": every}],
            "offsets": [{"name": "leanstream", "zookeeper": zookeeper, "path": "/lean/app/offsets", "layout": "csv", "interval": every}],
            "heap": [{"name": "agent", "path": str(self.gc_log)}],
            "activemq": [
                {
                    "name": "broker-a",
                    "jolokia": self.lab.activemq_old.jolokia,
                    "user": "admin",
                    "password": {"env": "ACTIVEMQ_PASSWORD"},
                    "interval": every,
                }
            ],
        }

    def start(self) -> None:
        """All that do not run, and their data."""
        first = not self.gc_log.exists()
        self.lab.start(*SERVERS)
        if first:
            self._fill()

    def start_beside(self, server: Server) -> "Future[None]":
        """Comes up while the story goes on."""
        return self._pool.submit(server.start)

    def stop(self) -> None:
        for server in self.servers:
            server.kill()
        self.gc_log.unlink(missing_ok=True)

    def close(self) -> None:
        self._pool.shutdown()
        self.lab.stop()

    def _fill(self) -> None:
        GcLogFeed(self.gc_log).step(time.time())
        with Znodes(self.lab.zookeeper.address()) as znodes:
            znodes.write("app1-node-1", "5:16497745458,7:16497813566")
            znodes.write("app1-node-2", "1:16498000000")
        peer = KafkaPeer(self.lab.kafka4.address())
        peer.create({"orders": 2, "odd": 1})
        now = datetime.now(TIMEZONE).strftime("%Y-%m-%d %H:%M:%S")
        peer.write("orders", f"1,a,b,c,{now},{now},x".encode())
        peer.write("odd", b"1,a,b,c," + ODD_PAYLOAD + b"," + ODD_PAYLOAD)
        stomp = Stomp(self.lab.activemq_old.stomp)
        for queue in ("orders.in", ODD_QUEUE):
            stomp.send(_escaped(queue), "hello", confirm=True)
        stomp.close()


class Znodes:
    def __init__(self, address: str) -> None:
        self._client = KazooClient(address, timeout=LIMIT_S)

    def write(self, name: str, text: str) -> None:
        path = f"/lean/app/offsets/{name}"
        self._client.ensure_path(path)
        self._client.set(path, text.encode())

    def __enter__(self) -> "Znodes":
        self._client.start(timeout=LIMIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stop()
        self._client.close()


def _escaped(header: str) -> str:
    """STOMP 1.2 escapes these in headers."""
    escapes: Callable[[str], str] = {"\\": "\\\\", "\n": "\\n", ":": "\\c", "\r": "\\r"}.get  # type: ignore[assignment]
    return "".join(escapes(letter) or letter for letter in header)
