"""pytest fixtures over one lab for the whole run; each server starts when the first test asks for it.

A missing Java is an error, never a skip. Load them with `pytest_plugins = ["tests.lab.fixtures"]` in the top conftest.py.
A test that kills or hangs a server brings it back (`start()`, `resume()`).
"""

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.lab.activemq import ActiveMQ
from tests.lab.agent import AgentServer
from tests.lab.kafka import Kafka3, Kafka4
from tests.lab.lab import Lab
from tests.lab.player import Feeder, PartnerServer
from tests.lab.zookeeper import ZooKeeper


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="relay-console-lab.")


@cache
def _only_lab() -> Lab:
    """One a process, however often these fixtures are imported."""
    return Lab(Path(_folder().name))


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
