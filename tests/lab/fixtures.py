"""pytest fixtures over one lab for the whole run; each server starts when the first test asks for it.

The servers of one lab serve the whole run; those that few tests need (`kafka_trio` and below) end with the module that asked for them.
A missing Java is an error, never a skip. Load them with `pytest_plugins = ["tests.lab.fixtures"]` in the top conftest.py.
A test that kills or hangs a server brings it back (`start()`, `resume()`).
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Protocol

import pytest

from tests.lab import jars
from tests.lab.activemq import ActiveMQ
from tests.lab.agent import AgentServer
from tests.lab.kafka import Kafka3, Kafka4
from tests.lab.lab import Lab
from tests.lab.player import Feeder, PartnerServer
from tests.lab.secure import SecureKafka
from tests.lab.trio import Trio
from tests.lab.truth import HURRIED_AGENTS
from tests.lab.zookeeper import Ensemble, ZooKeeper

SHORT_SESSION = {"maxSessionTimeout": "2000"}  # of ZooKeeper's clients, so that a test need not wait 10 s for the end of one


class Alone(Protocol):
    """A server, or a few that are one."""

    def start(self) -> None: ...

    def kill(self) -> None: ...


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="relay-console-lab.")


@cache
def _only_lab() -> Lab:
    """One a process, however often these fixtures are imported."""
    return Lab(Path(_folder().name), agents=HURRIED_AGENTS)


@pytest.fixture(scope="session")
def lab_root() -> Path:
    return Path(_folder().name)


@pytest.fixture(scope="session")
def bare_lab(lab_root: Path) -> Iterator[Lab]:
    """The lab with nothing started yet: `bare_lab.start("kafka4")`."""
    lab = _only_lab()
    yield lab
    lab.stop()
    _folder().cleanup()


@pytest.fixture(scope="session")
def lab(bare_lab: Lab) -> Lab:
    """Everything runs and is fed."""
    bare_lab.start()
    return bare_lab


@pytest.fixture(scope="session")
def zookeeper(bare_lab: Lab) -> ZooKeeper:
    bare_lab.start("zookeeper")
    return bare_lab.zookeeper


@pytest.fixture(scope="session")
def kafka3(bare_lab: Lab) -> Kafka3:
    bare_lab.start("kafka3")
    return bare_lab.kafka3


@pytest.fixture(scope="session")
def kafka4(bare_lab: Lab) -> Kafka4:
    bare_lab.start("kafka4")
    return bare_lab.kafka4


@pytest.fixture(scope="session")
def activemq_old(bare_lab: Lab) -> ActiveMQ:
    bare_lab.start("activemq_old")
    return bare_lab.activemq_old


@pytest.fixture(scope="session")
def activemq_hardened(bare_lab: Lab) -> ActiveMQ:
    bare_lab.start("activemq_hardened")
    return bare_lab.activemq_hardened


@pytest.fixture(scope="session")
def agents(bare_lab: Lab) -> dict[str, AgentServer]:
    bare_lab.start("agents")
    return bare_lab.agents


@pytest.fixture(scope="session")
def partner(bare_lab: Lab) -> PartnerServer:
    bare_lab.start("partner")
    return bare_lab.partner


@pytest.fixture(scope="session")
def feeder(lab: Lab) -> Feeder:
    return lab.feeder


@contextmanager
def _own_folder(name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"relay-console-{name}.", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _running(server: Alone) -> Iterator[None]:
    """Its data goes with it, so nobody waits for an orderly end."""
    try:
        server.start()
        yield
    finally:
        server.kill()


@pytest.fixture(scope="module")
def kafka_trio() -> Iterator[Trio]:
    """Three brokers of Kafka 4. Leave them whole: `start()`, `wait_until_whole()`."""
    with _own_folder("trio") as folder, _running(trio := Trio(folder, jars.class_paths(["kafka4"])["kafka4"])):
        yield trio


@pytest.fixture(scope="module")
def kafka_secure() -> Iterator[SecureKafka]:
    with _own_folder("secure") as folder, _running(kafka := SecureKafka(folder, jars.class_paths(["kafka4"])["kafka4"])):
        yield kafka


@pytest.fixture(scope="module")
def kafka_untouched() -> Iterator[Kafka4]:
    """A cluster that nobody has ever asked anything: for one test that compares before and after."""
    with _own_folder("untouched") as folder, _running(kafka := Kafka4(folder, jars.class_paths(["kafka4"])["kafka4"], "kafka_untouched")):
        yield kafka


@pytest.fixture(scope="module")
def zookeeper2() -> Iterator[ZooKeeper]:
    """Another one, which tests may kill and hang; its sessions end after 2 s."""
    with _own_folder("zookeeper2") as folder:
        zookeeper = ZooKeeper(folder, jars.class_paths(["kafka3"])["kafka3"], "zookeeper2", SHORT_SESSION)
        with _running(zookeeper):
            yield zookeeper


@pytest.fixture(scope="module")
def kafka_chroot(zookeeper2: ZooKeeper) -> Iterator[Kafka3]:
    """Kafka 3.9 registered below a chroot of zookeeper2; `move()` gives it another port at its next start."""
    with _own_folder("chroot") as folder:
        kafka = Kafka3(folder, jars.class_paths(["kafka3"])["kafka3"], zookeeper2, "/clusters/old")
        with _running(kafka):
            yield kafka


@pytest.fixture(scope="module")
def zookeeper_ensemble() -> Iterator[Ensemble]:
    with _own_folder("ensemble") as folder, _running(ensemble := Ensemble(folder, jars.class_paths(["kafka3"])["kafka3"])):
        yield ensemble
