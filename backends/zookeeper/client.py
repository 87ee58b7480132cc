"""A shell around kazoo that only reads. Requests of a batch travel together and wake the loop once; every batch has its own deadline,
because a request made while the connection is lost is queued for ever.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from backends.source import Unavailable

CONNECT_S = 2.5  # a server that is gone is to be reported within an interval and 3 s
BATCH_S = 5.0
SESSION_S = 10.0
BREATH = 50  # requests between two looks at the loop's other work
PULSE_S = 0.02  # how often a connection in the making is looked at
RETRY = {"max_tries": -1, "delay": 0.1, "backoff": 2, "max_delay": 2}  # kazoo's own longest pause is a minute


class Node(Struct, frozen=True):
    data: bytes
    mzxid: int
    modified_at: float  # epoch seconds, the server's clock
    children: int = 0


class Absent(Struct, frozen=True):
    """No such node."""


class Denied(Struct, frozen=True):
    """The node's ACL does not let us read it."""


Found = Node | Absent | Denied


class ZookeeperClient:
    """Connects with the first request and stays connected. `hosts` may end in a chroot; `where` is the place in the configuration;
    `login` gives user:password (ZooKeeper's scheme `digest`) when it connects."""

    def __init__(self, title: str, where: str, hosts: str, login: Callable[[], str | None] = lambda: None) -> None:
        self._title, self._where, self._hosts, self._login = title, where, hosts, login
        self._kazoo: Any = None

    async def children(self, path: str) -> list[str]:
        """Names in order. Raises Unavailable when the path is not there, saying how much of it is."""
        await self._connect()
        (found,) = await self._batch([lambda kazoo: kazoo.get_children_async(path)])
        if isinstance(found, Absent):
            raise Unavailable(await self._missing(path))
        if isinstance(found, Denied):
            raise Unavailable(f"{self._title}: the ACL of {path} denies us to list it; see {self._where}", "denied")
        names: list[str] = found
        return sorted(names)

    async def listings(self, paths: Sequence[str]) -> list["list[str] | Absent | Denied"]:
        """Children of many paths, in the order of the paths."""
        await self._connect()
        return await self._batch([lambda kazoo, path=path: kazoo.get_children_async(path) for path in paths])  # type: ignore[misc]

    async def read(self, paths: Sequence[str]) -> list[Found]:
        """Many nodes, in the order of the paths; each may fail alone."""
        await self._connect()
        answers = await self._batch([lambda kazoo, path=path: kazoo.get_async(path) for path in paths])  # type: ignore[misc]
        return [_node(answer) for answer in answers]

    def close(self) -> None:
        """Ends the session on a thread of its own: kazoo waits for its threads, and a dead server makes that long."""
        kazoo, self._kazoo = self._kazoo, None
        if kazoo is not None:
            threading.Thread(target=_end, args=(kazoo,), name="zookeeper-close", daemon=True).start()

    async def _connect(self) -> None:
        if self._kazoo is None:
            self._kazoo = _make(self._hosts, self._login())
            self._kazoo.start_async()
        until = time.monotonic() + CONNECT_S
        while not self._kazoo.connected:
            if time.monotonic() > until:
                raise self._lost()
            await asyncio.sleep(PULSE_S)

    def _lost(self) -> Unavailable:
        return Unavailable(f"{self._title}: no ZooKeeper answers at {self._hosts}; is it running? see {self._where}.zookeeper")

    async def _batch(self, requests: Sequence[Callable[[Any], Any]]) -> list[Any]:
        """An answer for each request: its value, Absent or Denied. Raises Unavailable when the connection breaks or the time is over."""
        if not requests:
            return []
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        left = [len(requests)]  # counted down on kazoo's completion thread alone

        def count_down(_: object) -> None:
            left[0] -= 1
            if left[0] == 0:
                with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                    loop.call_soon_threadsafe(done.set)

        answers = []
        for number, request in enumerate(requests, 1):
            answers.append(request(self._kazoo))
            answers[-1].rawlink(count_down)
            if number % BREATH == 0:
                await asyncio.sleep(0)  # each is a system call: a thousand at once would hold the loop for 100 ms
        try:
            await asyncio.wait_for(done.wait(), BATCH_S)
        except TimeoutError:
            raise Unavailable(f"{self._title}: ZooKeeper at {self._hosts} did not answer within {BATCH_S:g} s; see {self._where}") from None
        return [self._value(answer) for answer in answers]

    def _value(self, answer: Any) -> Any:
        from kazoo import exceptions

        error = answer.exception
        if error is None:
            return answer.value
        if isinstance(error, exceptions.NoNodeError):
            return Absent()
        if isinstance(error, exceptions.NoAuthError):
            return Denied()
        raise self._lost()

    async def _missing(self, path: str) -> str:
        """How far the path goes: a missing chroot looks like a missing everything."""
        steps = path.strip("/").split("/")
        parents = ["/" + "/".join(steps[:length]) for length in range(len(steps))]
        found = await self._batch([lambda kazoo, path=path: kazoo.exists_async(path) for path in parents])  # type: ignore[misc]
        there = [parent for parent, stat in zip(parents, found, strict=True) if stat is not None and not isinstance(stat, Absent)]
        hosts, slash, chroot = self._hosts.partition("/")
        if not there and slash:
            return f"{self._title}: {hosts} has no chroot /{chroot}; see {self._where}.zookeeper"
        return f"{self._title}: ZooKeeper at {self._hosts} has no {path} (it ends at {there[-1] if there else '/'}); see {self._where}"


def _make(hosts: str, login: str | None) -> Any:
    from kazoo.client import KazooClient

    quiet = logging.getLogger("kazoo")
    if not quiet.handlers:  # kazoo reports each try to connect; what an operator must know is in our own sentences
        quiet.addHandler(logging.NullHandler())
        quiet.setLevel(logging.CRITICAL)
    auth = [("digest", login)] if login is not None else None
    return KazooClient(hosts=hosts, timeout=SESSION_S, connection_retry=dict(RETRY), read_only=True, auth_data=auth, logger=quiet)


def _end(kazoo: Any) -> None:
    with contextlib.suppress(Exception):  # whatever it says now, nobody needs the session any more
        kazoo.stop()
    with contextlib.suppress(Exception):
        kazoo.close()


def _node(answer: Any) -> Found:
    if isinstance(answer, Absent | Denied):
        return answer
    data, stat = answer
    return Node(data or b"", stat.mzxid, stat.mtime / 1000, stat.numChildren)
