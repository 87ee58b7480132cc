"""ZooKeeper servers (the 3.8 that Kafka 3.9 brings): one alone, or an ensemble of three of which one may die."""

import time
from collections.abc import Mapping
from pathlib import Path

from tests.lab import jvm
from tests.lab.errors import LabError
from tests.lab.server import POLL_S, Server, ask, free_port, kill_together, start_together

SETTINGS = {
    "tickTime": "500",
    "clientPortAddress": "127.0.0.1",
    "maxClientCnxns": "0",
    "admin.enableServer": "false",  # it would need Jetty
    "4lw.commands.whitelist": "ruok,srvr,mntr,cons,envi",
}


MEMBER_SETTINGS = {"initLimit": "20", "syncLimit": "10", "standaloneEnabled": "false"}
ELECTION_LIMIT_S = 30.0


class ZooKeeper(Server):
    """`settings` are lines of zoo.cfg beside ours."""

    def __init__(self, directory: Path, class_path: str, name: str = "zookeeper", settings: Mapping[str, str] | None = None) -> None:
        super().__init__(name, directory)
        self.port = free_port()
        self._class_path = class_path
        self._own_settings = dict(settings or {})
        self._settings = directory / "zoo.cfg"

    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def prepare(self) -> None:
        settings = {**SETTINGS, **self._own_settings, "dataDir": str(self.directory / "data"), "clientPort": str(self.port)}
        self._settings.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))

    def command(self) -> list[str]:
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        return jvm.command(self._class_path, "48m", "-Dzookeeper.admin.enableServer=false", main, str(self._settings))

    def is_ready(self) -> bool:
        return ask(self.port, b"ruok", 4) == b"imok"


class Member(ZooKeeper):
    """One of an ensemble. It answers before there is a leader: see Ensemble.start."""

    def __init__(self, directory: Path, class_path: str, number: int, ensemble: Mapping[str, str]) -> None:
        super().__init__(directory, class_path, f"zookeeper-{number}", {**MEMBER_SETTINGS, **ensemble})
        self._number = number

    def prepare(self) -> None:
        super().prepare()
        data = self.directory / "data"
        data.mkdir(exist_ok=True)
        (data / "myid").write_text(str(self._number))

    @property
    def role(self) -> str:
        """leader, follower, or empty while there is no quorum."""
        lines = ask(self.port, b"srvr", 4096).decode(errors="replace").splitlines()
        return next((line.removeprefix("Mode: ") for line in lines if line.startswith("Mode: ")), "")


class Ensemble:
    """Three servers with a leader."""

    def __init__(self, directory: Path, class_path: str) -> None:
        numbers = (1, 2, 3)
        peers = {f"server.{number}": f"127.0.0.1:{free_port()}:{free_port()}" for number in numbers}
        self.members = tuple(Member(directory / f"zookeeper-{number}", class_path, number, peers) for number in numbers)

    def address(self) -> str:
        return ",".join(member.address() for member in self.members)

    def start(self) -> None:
        """Returns when a leader is elected and all others follow it."""
        start_together(self.members)
        deadline = time.monotonic() + ELECTION_LIMIT_S
        while sorted(member.role for member in self.members) != ["follower", "follower", "leader"]:
            if time.monotonic() > deadline:
                raise LabError(f"the ZooKeeper ensemble elected no leader in {ELECTION_LIMIT_S:.0f} s; see {self.members[0].log}")
            time.sleep(POLL_S)

    def kill(self) -> None:
        kill_together(self.members)
