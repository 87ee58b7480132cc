"""Keeps the offset znodes of truth.py moving, and one group of the classic /consumers layout."""

import contextlib
from collections.abc import Callable

from kazoo.client import KazooClient

from tests.lab.truth import CLASSIC_GROUP, OFFSETS_PATH, TOPICS, ZNODES

LIMIT_S = 10.0
ROOT = f"/consumers/{CLASSIC_GROUP.name}/offsets/{CLASSIC_GROUP.topic}"


class ZooKeeperFeed:
    """`end_of(topic, partition)`: the end offset on the cluster that is registered in this ZooKeeper, None while unknown."""

    name = "zookeeper"

    def __init__(self, address: str, end_of: Callable[[str, int], int | None]) -> None:
        self._address = address
        self._end_of = end_of
        self._client: KazooClient | None = None
        self._written_at: dict[str, float] = {}
        self._partitions = next(topic.partitions for topic in TOPICS if topic.name == CLASSIC_GROUP.topic)

    def open(self) -> None:
        self._client = KazooClient(self._address, timeout=LIMIT_S)
        self._client.start(timeout=LIMIT_S)
        self._client.ensure_path(OFFSETS_PATH)
        self._client.ensure_path(ROOT)
        self._written_at = {}

    def step(self, now: float) -> None:
        for znode in ZNODES:
            path = f"{OFFSETS_PATH}/{znode.name}"
            if znode.every_s == 0:
                self._write(path, znode.text_at(now), again=False)
            elif now - self._written_at.get(znode.name, 0) >= znode.every_s - 0.5:
                self._write(path, znode.text_at(now))
                self._written_at[znode.name] = now
        for partition in range(self._partitions):
            end = self._end_of(CLASSIC_GROUP.topic, partition)
            if end is not None:
                self._write(f"{ROOT}/{partition}", str(max(0, end - CLASSIC_GROUP.lag)))

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.stop()
                client.close()

    def _write(self, path: str, text: str, again: bool = True) -> None:
        assert self._client is not None
        if self._client.exists_async(path).get(timeout=LIMIT_S) is None:
            self._client.create_async(path, text.encode(), makepath=True).get(timeout=LIMIT_S)
        elif again:
            self._client.set_async(path, text.encode()).get(timeout=LIMIT_S)
