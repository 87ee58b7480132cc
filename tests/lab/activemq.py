"""ActiveMQ Classic, old (5.18: KahaDB, statistics plugin, open) and hardened (6.3: POST only, rate limit, STOMP login)."""

import base64
import contextlib
import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import jvm
from tests.lab.errors import LabError
from tests.lab.server import Server, free_port

HERE = Path(__file__).resolve().parent
USER, PASSWORD = "admin", "admin"
HEAP = "160m"
# what Spring-less ActiveMQ and Jolokia reach into; the shipped start script opens the same kind of doors
OPENED = ("java.base/java.lang", "java.base/java.util", "java.base/java.util.concurrent", "java.base/sun.nio.ch", "java.base/java.net")


@dataclass(frozen=True)
class Kind:
    main: str
    policy: str
    options: tuple[str, ...]


OLD = Kind("OldBroker", "jolokia-old.xml", ("-Dlab.store=true", "-Dlab.statistics=true"))
HARDENED = Kind("HardenedBroker", "jolokia-hardened.xml", ("-Dlab.login=true",))


class ActiveMQ(Server):
    """`policy`: another Jolokia policy file. `options`: more JVM options, such as -Dlab.requests_per_second=5."""

    def __init__(
        self, name: str, directory: Path, class_path: str, kind: Kind, *, policy: Path | None = None, options: tuple[str, ...] = ()
    ) -> None:
        super().__init__(name, directory)
        self.http_port = free_port()
        self.stomp_port = free_port()
        self._class_path = class_path
        self._kind = kind
        self._policy = policy or HERE / "conf" / kind.policy
        self._options = (*kind.options, *options)

    @property
    def jolokia(self) -> str:
        return f"http://127.0.0.1:{self.http_port}/api/jolokia/"

    @property
    def stomp(self) -> str:
        return f"127.0.0.1:{self.stomp_port}"

    def address(self) -> str:
        return self.jolokia

    def command(self) -> list[str]:
        opened = [f"--add-opens={package}=ALL-UNNAMED" for package in OPENED]
        places = [f"-Dlab.directory={self.directory}", f"-Dlab.policy={self._policy}", f"-Djava.io.tmpdir={self.directory}"]
        ports = [f"-Dlab.http={self.http_port}", f"-Dlab.stomp={self.stomp_port}"]
        return jvm.command(self._class_path, HEAP, *opened, *places, *ports, *self._options, self._kind.main)

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError, ValueError):
            return bool(ask_jolokia(self.jolokia, {"type": "version"}, timeout=2)["status"] == 200)
        return False

    def describe(self) -> dict[str, object]:
        return {**super().describe(), "stomp": self.stomp}


def ask_jolokia(url: str, request: object, timeout: float = 10) -> Any:
    """One POST, with the login and the Origin that Jolokia's strict checking asks for; the reply as it came."""
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json", "Origin": url.split("/api")[0]}
    post = urllib.request.Request(url, json.dumps(request).encode(), headers)
    with urllib.request.urlopen(post, timeout=timeout) as reply:
        return json.load(reply)


def queue_sizes(url: str) -> dict[str, int]:
    """QueueSize of every queue, by its name as the broker knows it."""
    pattern = "org.apache.activemq:type=Broker,brokerName=*,destinationType=Queue,destinationName=*"
    reply = ask_jolokia(url, {"type": "read", "mbean": pattern, "attribute": ["Name", "QueueSize"]})
    if reply["status"] == 404:  # no queue yet
        return {}
    if reply["status"] != 200:
        raise LabError(f"{url}: {reply.get('error')}")
    return {values["Name"]: values["QueueSize"] for values in reply["value"].values()}
