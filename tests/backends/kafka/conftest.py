"""A story that is told once for each kind of broker: 3.9 registered in ZooKeeper, 4.x with its own controller."""

import pytest

from tests.backends.topic_peer import TopicPeer

BROKERS = ("kafka3", "kafka4")


@pytest.fixture(params=BROKERS)
def address(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param).address())


@pytest.fixture
def peer(address: str) -> TopicPeer:
    return TopicPeer(address)
