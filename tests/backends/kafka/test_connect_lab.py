"""Brokers found through ZooKeeper: what is kept when ZooKeeper itself is away."""

import asyncio
import time

import pytest

from backends.kafka.config import Cluster, TopicFilter
from backends.source import Unavailable
from backends.topics import TopicsSource
from tests.backends.topic_peer import TopicPeer, line
from tests.lab.kafka import Kafka3
from tests.lab.zookeeper import ZooKeeper


async def test_brokers_that_are_known_are_asked_on_while_zookeeper_is_away(zookeeper2: ZooKeeper, kafka_chroot: Kafka3) -> None:
    peer = TopicPeer(kafka_chroot.address())
    peer.create({"found": 1})
    peer.write("found", line(3, 5))
    cluster = Cluster("old", zookeeper=f"{zookeeper2.address()}/clusters/old", topics=TopicFilter(["found"]))
    source = TopicsSource(cluster, "kafka[0]")
    try:
        assert (await source.observe(time.time())).topics[0].state == "ok"
        kafka_chroot.hang()
        try:
            with pytest.raises(Unavailable, match="no broker answers"):
                await source.observe(time.time())
            zookeeper2.hang()
            with pytest.raises(Unavailable, match="no broker answers"):  # of the brokers, not of ZooKeeper: they are what we look at
                await source.observe(time.time())
        finally:
            kafka_chroot.resume()
        try:
            assert await within(source, 20.0) == "ok"
        finally:
            zookeeper2.resume()
        assert await within(source, 20.0) == "ok"
    finally:
        await source.close()


async def within(source: TopicsSource, seconds: float) -> str:
    async with asyncio.timeout(seconds):
        while True:
            try:
                return (await source.observe(time.time())).topics[0].state
            except Unavailable:
                await asyncio.sleep(0.1)


async def test_without_zookeeper_and_without_brokers_zookeeper_is_what_is_named() -> None:
    source = TopicsSource(Cluster("old", zookeeper="127.0.0.1:1/clusters/old"), "kafka[0]")
    with pytest.raises(Unavailable, match=r"kafka old: no ZooKeeper answers at 127.0.0.1:1/clusters/old; .* see kafka\[0\].zookeeper"):
        await source.observe(time.time())
    await source.close()
