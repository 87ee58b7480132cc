"""The lab's real brokers, with a second listener for a way that is watched and may be longer; they name themselves by its address there."""

import contextlib
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.rig.kafka.delay import Way, far
from tests.lab import jars, jvm
from tests.lab.kafka import Kafka, Kafka3, Kafka4
from tests.lab.server import free_port
from tests.lab.zookeeper import ZooKeeper

ROUND_TRIPS = 20
API_VERSIONS = b"\x00\x00\x00\x0f\x00\x12\x00\x00\x00\x00\x00\x01\x00\x05bench"  # length; kind 18, version 0, number 1, who asks


class Doors(NamedTuple):
    """The ports of the second listener: its own, and the one that the broker tells its clients."""

    behind: int
    told: int

    def settings(self, near: str, others: str = "") -> dict[str, str]:
        return {
            "listeners": f"PLAINTEXT://{near},FAR://127.0.0.1:{self.behind}{others}",
            "advertised.listeners": f"PLAINTEXT://{near},FAR://127.0.0.1:{self.told}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
        }


class FarKafka4(Kafka4):
    def __init__(self, directory: Path, class_path: str, doors: Doors, heap: str) -> None:
        super().__init__(directory, class_path)
        self._doors, self._heap = doors, heap

    def settings(self) -> dict[str, str]:
        given = super().settings()
        controller = next(each for each in given["listeners"].split(",") if each.startswith("CONTROLLER:"))
        return {**given, **self._doors.settings(self.address(), f",{controller}")}

    def command(self) -> list[str]:
        return jvm.command(self._class_path, self._heap, "kafka.Kafka", str(self._settings))


class FarKafka3(Kafka3):
    def __init__(self, directory: Path, class_path: str, zookeeper: ZooKeeper, doors: Doors) -> None:
        super().__init__(directory, class_path, zookeeper)
        self._doors = doors

    def settings(self) -> dict[str, str]:
        return {**super().settings(), **self._doors.settings(self.address())}


class Broker(NamedTuple):
    """One that runs. `way` leads to its second listener."""

    near: str
    way: Way
    zookeeper: str  # its own, or nothing


@contextlib.contextmanager
def zookeeper(directory: Path) -> Iterator[ZooKeeper]:
    server = ZooKeeper(directory / "zookeeper", _class_path("kafka3"))
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        server.start()
        yield server


@contextlib.contextmanager
def kafka4(directory: Path, delay_ms: float = 0.0, heap: str = "256m") -> Iterator[Broker]:
    doors = Doors(free_port(), free_port())
    with _running(FarKafka4(directory / "kafka4", _class_path("kafka4"), doors, heap), doors, delay_ms) as broker:
        yield broker


@contextlib.contextmanager
def kafka3(directory: Path, delay_ms: float = 0.0) -> Iterator[Broker]:
    doors = Doors(free_port(), free_port())
    with zookeeper(directory) as ensemble:
        server = FarKafka3(directory / "kafka3", _class_path("kafka3"), ensemble, doors)
        with _running(server, doors, delay_ms) as broker:
            yield broker._replace(zookeeper=ensemble.address())


KINDS = {"kafka3": kafka3, "kafka4": kafka4}


def round_trip_ms(port: int, request: bytes = API_VERSIONS) -> float:
    """The quickest answer to one small question on a kept connection."""
    with socket.create_connection(("127.0.0.1", port), 5) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return min(_asked(partial(peer.sendall, request), partial(peer.recv, 1 << 16)) for _ in range(ROUND_TRIPS)) * 1000


def _asked(ask: partial[None], answer: partial[bytes]) -> float:
    began = time.perf_counter()
    ask()
    answer()
    return time.perf_counter() - began


@contextlib.contextmanager
def _running(server: Kafka, doors: Doors, delay_ms: float) -> Iterator[Broker]:
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        server.start()
        way = stack.enter_context(far(doors.behind, delay_ms, "kafka", doors.told))
        yield Broker(server.address(), way, "")


def _class_path(name: str) -> str:
    return jars.class_paths([name])[name]
