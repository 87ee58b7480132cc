"""One Kafka broker of each kind: 3.9 registered in ZooKeeper, 4.x with its own controller (KRaft).

Ready means that the broker names itself in its metadata: an open port alone is too early.
"""

import struct
import subprocess
from pathlib import Path

from tests.lab import jvm
from tests.lab.errors import LabError
from tests.lab.server import Server, ask, free_port
from tests.lab.zookeeper import ZooKeeper

HEAP = "256m"  # several records of 20 MB at once are among the tests
FORMAT_LIMIT_S = 60
CLUSTER_ID = "cmVsYXktY29uc29sZS1sYQ"
SETTINGS = {
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.segment.bytes": "1048576",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "num.network.threads": "1",
    "num.io.threads": "2",
    "background.threads": "2",
    "log.cleaner.dedupe.buffer.size": "4194304",  # 128 MiB of heap unless told
    "log.cleaner.io.buffer.size": "131072",
    "log.index.size.max.bytes": "131072",
    "log.segment.delete.delay.ms": "200",
    "log.cleaner.backoff.ms": "500",  # compaction within a second of its being due
    "controlled.shutdown.enable": "false",
    "message.max.bytes": "33554432",
    "replica.fetch.max.bytes": "33554432",
}
KRAFT_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.consumer.min.session.timeout.ms": "1000",
    "broker.session.timeout.ms": "2000",  # a restart waits for the end of the old registration; 9 s unless told
    "broker.heartbeat.interval.ms": "500",
}
_REQUEST = struct.pack(">hhih3s", 3, 4, 1, 3, b"lab") + struct.pack(">i?", 0, False)
METADATA = struct.pack(">i", len(_REQUEST)) + _REQUEST  # Metadata version 4 for no topics


class Kafka(Server):
    """What both kinds share. `address()` is the bootstrap address."""

    def __init__(self, name: str, directory: Path, class_path: str) -> None:
        super().__init__(name, directory)
        self.port = free_port()
        self._class_path = class_path
        self._settings = directory / "server.properties"

    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def settings(self) -> dict[str, str]:
        raise NotImplementedError

    def prepare(self) -> None:
        lines = {**SETTINGS, "log.dirs": str(self.directory / "data"), **self.settings()}
        self._settings.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))

    def command(self) -> list[str]:
        return jvm.command(self._class_path, HEAP, "kafka.Kafka", str(self._settings))

    def is_ready(self) -> bool:
        return self.brokers_known() >= 1

    def brokers_known(self) -> int:
        """0 when it does not answer. The last number of the first 16 bytes counts the brokers."""
        answer = ask(self.port, METADATA, 16)
        return int.from_bytes(answer[12:]) if len(answer) == 16 else 0


class Kafka3(Kafka):
    """`chroot`: the node of ZooKeeper below which the cluster keeps its own, such as "/kafka"; it makes it."""

    rest_s = 3.0  # while ZooKeeper holds the killed broker's session, a new one fails with NodeExists

    def __init__(self, directory: Path, class_path: str, zookeeper: ZooKeeper, chroot: str = "") -> None:
        super().__init__("kafka3", directory, class_path)
        self.zookeeper, self.chroot = zookeeper, chroot

    def move(self) -> None:
        """The next start is on another port, with the same data."""
        self.port = free_port()

    def settings(self) -> dict[str, str]:
        return {
            "broker.id": "1",
            "listeners": f"PLAINTEXT://{self.address()}",
            "zookeeper.connect": f"{self.zookeeper.address()}{self.chroot}",
            "zookeeper.session.timeout.ms": "2000",
            "zookeeper.connection.timeout.ms": "30000",
        }


class KRaft(Kafka):
    """A node that needs a formatted data directory before its first start."""

    def prepare(self) -> None:
        super().prepare()
        if not (self.directory / "data" / "meta.properties").exists():
            self.format()

    def format(self) -> None:
        tool = ("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._settings))
        command = jvm.command(self._class_path, HEAP, *tool)
        done = subprocess.run(command, capture_output=True, text=True, timeout=FORMAT_LIMIT_S, check=False)
        if done.returncode:
            raise LabError(f"Kafka could not format {self.directory}: {done.stderr.strip()}")


class Kafka4(KRaft):
    """Broker and controller in one."""

    def __init__(self, directory: Path, class_path: str, name: str = "kafka4") -> None:
        super().__init__(name, directory, class_path)
        self._controller_port = free_port()

    def settings(self) -> dict[str, str]:
        controller = f"127.0.0.1:{self._controller_port}"
        return {
            **KRAFT_SETTINGS,
            "listeners": f"PLAINTEXT://{self.address()},CONTROLLER://{controller}",
            "controller.quorum.voters": f"1@{controller}",
        }
