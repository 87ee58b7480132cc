"""Three Kafka brokers of one KRaft cluster, and a controller of their own: whichever broker dies or hangs, the cluster goes on.

Nothing but the controller is formatted by Kafka's own tool: what it writes for a mere broker is four lines, and a JVM each to write them
costs as much as the broker's start.
"""

import base64
import time
import uuid
from pathlib import Path

from tests.lab import jvm
from tests.lab.errors import LabError
from tests.lab.kafka import CLUSTER_ID, METADATA, KRaft
from tests.lab.server import POLL_S, ask, kill_together, start_together

BROKERS = (1, 2, 3)
CONTROLLER = 9  # its node id
HEAP = "96m"
CONTROLLER_HEAP = "64m"
JOIN_LIMIT_S = 30.0
SETTINGS = {
    "controller.listener.names": "CONTROLLER",
    "offsets.topic.replication.factor": "3",  # a group outlives its coordinator
    "transaction.state.log.replication.factor": "3",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.consumer.min.session.timeout.ms": "1000",
    "broker.session.timeout.ms": "3000",  # a hung broker keeps its leaderships for so long, and a killed one waits for so long at its start
    "broker.heartbeat.interval.ms": "500",
    "controlled.shutdown.enable": "true",  # stop() hands leaderships over first, as in a rolling restart
    "replica.lag.time.max.ms": "3000",
}


class Controller(KRaft):
    """The quorum of one. Nobody but the brokers talks to it."""

    def __init__(self, directory: Path, class_path: str) -> None:
        super().__init__("controller", directory, class_path)

    def settings(self) -> dict[str, str]:
        return {
            **SETTINGS,
            "process.roles": "controller",
            "node.id": str(CONTROLLER),
            "listeners": f"CONTROLLER://{self.address()}",
            "controller.quorum.voters": f"{CONTROLLER}@{self.address()}",
        }

    def command(self) -> list[str]:
        return jvm.command(self._class_path, CONTROLLER_HEAP, "kafka.Kafka", str(self._settings))

    def is_ready(self) -> bool:
        """It takes connections; brokers that come too early try again by themselves."""
        return (self.directory / "data" / "__cluster_metadata-0").exists()


class Broker(KRaft):
    def __init__(self, directory: Path, class_path: str, node: int, controller: Controller) -> None:
        super().__init__(f"broker-{node}", directory, class_path)
        self.node = node
        self._controller = controller

    def settings(self) -> dict[str, str]:
        return {
            **SETTINGS,
            "process.roles": "broker",
            "node.id": str(self.node),
            "listeners": f"PLAINTEXT://{self.address()}",
            "controller.quorum.voters": f"{CONTROLLER}@{self._controller.address()}",
        }

    def format(self) -> None:
        data = self.directory / "data"
        data.mkdir(exist_ok=True)
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        lines = {"version": "1", "cluster.id": CLUSTER_ID, "node.id": str(self.node), "directory.id": identity}
        (data / "meta.properties").write_text("".join(f"{key}={value}\n" for key, value in lines.items()))

    def command(self) -> list[str]:
        return jvm.command(self._class_path, HEAP, "kafka.Kafka", str(self._settings))

    def is_ready(self) -> bool:
        return self.address() in self.peers()

    def peers(self) -> set[str]:
        """Addresses of the brokers that it knows as living; empty when it does not answer."""
        entry = 4 + 2 + len("127.0.0.1") + 4 + 2  # id, host, port, no rack
        count = self.brokers_known()
        answer = ask(self.port, METADATA, 16 + entry * count)[16:]
        ports = (answer[at + entry - 6 : at + entry - 2] for at in range(0, len(answer), entry))
        return {f"127.0.0.1:{int.from_bytes(port)}" for port in ports}


class Trio:
    """`nodes[i]` leads the partitions that a topic's placement gives to node id `nodes[i].node`."""

    def __init__(self, directory: Path, class_path: str) -> None:
        self.controller = Controller(directory / "controller", class_path)
        self.nodes = tuple(Broker(directory / f"broker-{node}", class_path, node, self.controller) for node in BROKERS)

    def address(self) -> str:
        return ",".join(node.address() for node in self.nodes)

    def start(self) -> None:
        """Whatever does not run. Returns when every broker knows all three."""
        start_together([self.controller, *self.nodes])
        self.wait_until_whole()

    def wait_until_whole(self) -> None:
        """Running is not enough after a hang: the cluster takes a broker back a moment after it answers."""
        whole, deadline = {node.address() for node in self.nodes}, time.monotonic() + JOIN_LIMIT_S
        while any(node.peers() != whole for node in self.nodes):
            if time.monotonic() > deadline:
                raise LabError(f"the three brokers did not find each other in {JOIN_LIMIT_S:.0f} s; see {self.controller.log}")
            time.sleep(POLL_S)

    def kill(self) -> None:
        kill_together([*self.nodes, self.controller])
