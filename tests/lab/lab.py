"""The lab as one object: servers by name, started in parallel, stopped in the opposite order of what they need."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Self

import yaml

from tests.lab import jars, truth
from tests.lab.activemq import HARDENED, OLD, ActiveMQ
from tests.lab.agent import AgentServer
from tests.lab.config import config_of
from tests.lab.errors import LabError
from tests.lab.files import write_whole
from tests.lab.kafka import Kafka3, Kafka4
from tests.lab.player import Feeder, PartnerServer
from tests.lab.report import say
from tests.lab.server import Server
from tests.lab.zookeeper import ZooKeeper

NAMES = ("zookeeper", "kafka3", "kafka4", "activemq_old", "activemq_hardened", "agents", "partner", "feeder")
NEEDS = {"kafka3": ("zookeeper",), "feeder": ("zookeeper", "kafka3", "kafka4", "activemq_old", "activemq_hardened")}
STAGES = (("zookeeper", "kafka3", "kafka4", "activemq_old", "activemq_hardened", "agents", "partner"), ("feeder",))
JARS = {
    "zookeeper": "kafka3",
    "kafka3": "kafka3",
    "kafka4": "kafka4",
    "activemq_old": "activemq-old",
    "activemq_hardened": "activemq-hardened",
    "agents": "agent",
}


class Lab:
    """`root` holds all that the servers write; the caller makes and removes it. A context: leaving it stops everything.

    Naming a server (`lab.kafka4`) makes its object, with its address, but does not start it: `start` does.
    """

    def __init__(self, root: Path, report: Callable[[str], None] = say, agents: tuple[truth.Agent, ...] = truth.AGENTS) -> None:
        self.root = root.absolute()
        self.root.mkdir(parents=True, exist_ok=True)
        self._report = report
        self._agents = agents
        self._class_paths: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @cached_property
    def zookeeper(self) -> ZooKeeper:
        return ZooKeeper(self.root / "zookeeper", self._class_path("zookeeper"))

    @cached_property
    def kafka3(self) -> Kafka3:
        return Kafka3(self.root / "kafka3", self._class_path("kafka3"), self.zookeeper)

    @cached_property
    def kafka4(self) -> Kafka4:
        return Kafka4(self.root / "kafka4", self._class_path("kafka4"))

    @cached_property
    def activemq_old(self) -> ActiveMQ:
        return ActiveMQ("activemq_old", self.root / "activemq-old", self._class_path("activemq_old"), OLD)

    @cached_property
    def activemq_hardened(self) -> ActiveMQ:
        return ActiveMQ("activemq_hardened", self.root / "activemq-hardened", self._class_path("activemq_hardened"), HARDENED)

    @cached_property
    def agents(self) -> dict[str, AgentServer]:
        """By name, as in truth.AGENTS."""
        return {agent.name: AgentServer(agent, self.root / agent.name, self._class_path("agents")) for agent in self._agents}

    @cached_property
    def partner(self) -> PartnerServer:
        return PartnerServer(self.root / "partner", self.relay_directory / "outbox" / "partner-a")

    @cached_property
    def feeder(self) -> Feeder:
        brokers = (self.activemq_old, self.activemq_hardened)
        config = {
            "kafka": {kafka.name: kafka.address() for kafka in (self.kafka3, self.kafka4)},
            "zookeeper": self.zookeeper.address(),
            "activemq": {broker.name: {"jolokia": broker.jolokia, "stomp": broker.stomp} for broker in brokers},
            "gc_log": str(self.legacy_gc_log),
        }
        return Feeder(self.root / "feeder", config)

    @property
    def relay_directory(self) -> Path:
        return self.root / "relay"

    @property
    def legacy_gc_log(self) -> Path:
        folder = self.root / "legacy"
        folder.mkdir(exist_ok=True)
        return folder / "gc.agent.log"

    def start(self, *names: str) -> None:
        """Starts the named servers (all when none is named) and what they need; returns when all of them answer."""
        wanted = _with_needs(names or NAMES)
        self._bring_jars(wanted)
        for stage in STAGES:
            servers = [server for name in stage if name in wanted for server in self._named(name)]
            self._start_together([server for server in servers if not server.is_running])

    def stop(self) -> None:
        """Players first, then brokers, ZooKeeper last: a broker that cannot say goodbye waits."""
        made = [server for name in reversed(NAMES) if name in self.__dict__ for server in self._named(name)]
        for group in (
            [server for server in made if server.name in ("feeder", "partner")],
            [server for server in made if server.name not in ("feeder", "partner", "zookeeper")],
            [server for server in made if server.name == "zookeeper"],
        ):
            with ThreadPoolExecutor(len(group) or 1) as pool:
                list(pool.map(lambda server: server.stop(), group))

    def write_config(self, path: Path) -> Path:
        """A whole relay-console configuration. The brokers' password is expected in the variable config.PASSWORD_VARIABLE."""
        head = "# Written by the lab: all addresses are those of its servers.\n"
        write_whole(path, head + yaml.safe_dump(config_of(self), sort_keys=False, allow_unicode=True))
        return path

    def describe(self) -> dict[str, object]:
        """What runs, as JSON can hold it: addresses, pids, logs, and the truth."""
        servers = {
            server.name: server.describe() for name in NAMES if name in self.__dict__ for server in self._named(name) if server.is_running
        }
        return {"root": str(self.root), "servers": servers, "truth": truth.table()}

    def _class_path(self, name: str) -> str:
        self._bring_jars([name])
        return self._class_paths[JARS[name]]

    def _bring_jars(self, names: Iterable[str]) -> None:
        absent = [name for name in dict.fromkeys(JARS[name] for name in names if name in JARS) if name not in self._class_paths]
        if absent:
            self._class_paths.update(jars.class_paths(absent))

    def _named(self, name: str) -> list[Server]:
        if name == "agents":
            return list(self.agents.values())
        server: Server = getattr(self, name)
        return [server]

    def _start_together(self, servers: list[Server]) -> None:
        if not servers:
            return
        with ThreadPoolExecutor(len(servers)) as pool:
            failures = [failure for failure in pool.map(self._start_one, servers) if failure]
        if failures:
            raise LabError("\n".join(failures))

    def _start_one(self, server: Server) -> str | None:
        try:
            server.start()
        except LabError as error:
            return str(error)
        self._report(f"{server.name} answers after {server.start_s:.1f} s")
        return None


def _with_needs(names: Iterable[str]) -> list[str]:
    wanted: list[str] = []
    for name in names:
        if name not in NAMES:
            raise LabError(f"the lab has no {name!r}; it has {', '.join(NAMES)}")
        wanted += [*NEEDS.get(name, ()), name]
    return list(dict.fromkeys(wanted))
