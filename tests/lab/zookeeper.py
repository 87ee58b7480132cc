"""One ZooKeeper server (the 3.8 that Kafka 3.9 brings), alone, in memory of its data directory."""

from pathlib import Path

from tests.lab import jvm
from tests.lab.server import Server, ask, free_port

SETTINGS = {
    "tickTime": "500",
    "clientPortAddress": "127.0.0.1",
    "maxClientCnxns": "0",
    "admin.enableServer": "false",  # it would need Jetty
    "4lw.commands.whitelist": "ruok,srvr,mntr,cons,envi",
}


class ZooKeeper(Server):
    def __init__(self, directory: Path, class_path: str) -> None:
        super().__init__("zookeeper", directory)
        self.port = free_port()
        self._class_path = class_path
        self._settings = directory / "zoo.cfg"

    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def prepare(self) -> None:
        settings = {**SETTINGS, "dataDir": str(self.directory / "data"), "clientPort": str(self.port)}
        self._settings.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))

    def command(self) -> list[str]:
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        return jvm.command(self._class_path, "48m", "-Dzookeeper.admin.enableServer=false", main, str(self._settings))

    def is_ready(self) -> bool:
        return ask(self.port, b"ruok", 4) == b"imok"
