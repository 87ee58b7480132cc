"""A session of kazoo's own with a ZooKeeper, for what fills it and for peers."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from kazoo.client import KazooClient

LIMIT_S = 30.0


@contextlib.contextmanager
def session(hosts: str) -> Iterator[Any]:
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # it tells of the end that we make ourselves
    kazoo = KazooClient(hosts, timeout=LIMIT_S)
    kazoo.start(LIMIT_S)
    try:
        yield kazoo
    finally:
        kazoo.stop()
        kazoo.close()
