"""Somebody who writes znodes, as applications do."""

from collections.abc import Iterator
from typing import Any

import pytest
from kazoo.client import KazooClient

from tests.lab.zookeeper import ZooKeeper


@pytest.fixture(scope="module")
def znodes(zookeeper: ZooKeeper) -> Iterator[Any]:
    client = KazooClient(zookeeper.address(), timeout=10)
    client.start(timeout=10)
    yield client
    client.stop()
    client.close()
