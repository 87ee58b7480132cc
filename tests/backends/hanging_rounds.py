"""A process of its own that reads groups while the broker hangs, again and again: what may abort a whole process must not abort the tests.

`python -m tests.backends.hanging_rounds ADDRESS PID GROUP CALL ...` prints a JSON line for each hang: how many readers were caught before
which call, and the lag that each has afterwards. Readers are sources as the monitor makes them, but for their own processes: each has a
handle and a thread.
"""

import asyncio
import json
import os
import signal
import sys
import threading
import time
from typing import Any

from confluent_kafka.admin import AdminClient

from backends.consumers import brokers
from backends.kafka.config import Cluster
from backends.offsets import Watched, sources
from backends.snapshots import Offsets
from backends.source import Context, Source, Unavailable
from tests.backends.group_thread import GroupThread
from tests.lab.server import hang as stop

EACH = 4  # readers caught before each call
GATHER_S = 10.0  # until all readers are where they are to be caught
SHORT_HANG_S = 3.0  # some answers come before anybody gave up, some after
LATE_S = 2.5  # the late answer used to kill the process within 2 s
RECOVER_S = 20.0


class Ambush:
    """Holds every reader back before its call (a reader is a thread), and hangs the broker when all are there."""

    def __init__(self, broker: int, calls: tuple[str, ...]) -> None:
        self._broker = broker
        self._calls = calls
        self._lock = threading.Lock()
        self._here = 0
        self._all_here = threading.Event()
        self.caught: dict[str, int] = dict.fromkeys(calls, 0)
        self._met: set[int] = set()
        for call in calls:
            self._lay(call)

    def _lay(self, call: str) -> None:
        real = getattr(AdminClient, call)

        def waiting(handle: AdminClient, *words: Any, **named: Any) -> Any:
            self._meet(call)
            return real(handle, *words, **named)

        setattr(AdminClient, call, waiting)

    def again(self) -> None:
        with self._lock:
            self._here = 0
            self._met.clear()
            self._all_here.clear()
            self.caught = dict.fromkeys(self._calls, 0)

    def _meet(self, call: str) -> None:
        with self._lock:
            if threading.get_ident() in self._met or self._all_here.is_set() or self.caught[call] == EACH:
                return
            self._met.add(threading.get_ident())
            self.caught[call] += 1
            self._here += 1
            if self._here == EACH * len(self._calls):
                stop(self._broker)
                self._all_here.set()
        self._all_here.wait(GATHER_S)


def reader(address: str, group: str, number: int) -> Source:
    watched = Watched(f"groups-{number}", kafka="main", groups=[group])
    [source] = sources([watched], Context({"kafka": [Cluster("main", bootstrap=address)]}, "", ""))
    return source


async def lag_of(source: Source, until: float) -> int | None:
    while time.monotonic() < until:
        try:
            seen = await source.observe(time.time())
            if isinstance(seen, Offsets) and seen.consumers and seen.consumers[0].lag is not None:
                return seen.consumers[0].lag
        except Unavailable:
            pass
        await asyncio.sleep(0.05)
    return None


async def hang(address: str, broker: int, group: str, ambush: Ambush, hang_s: float | None) -> dict[str, object]:
    """`hang_s` None: until every reader has given up."""
    readers = [reader(address, group, number) for number in range(EACH * len(ambush.caught))]
    observing = asyncio.gather(*(each.observe(time.time()) for each in readers), return_exceptions=True)
    try:
        if hang_s is None:
            await observing
        else:
            await asyncio.sleep(hang_s)
    finally:
        os.kill(broker, signal.SIGCONT)
    outcomes = await observing
    await asyncio.sleep(LATE_S)
    lags = await asyncio.gather(*(lag_of(each, time.monotonic() + RECOVER_S) for each in readers))
    for each in readers:
        await each.close()
    bugs = [repr(outcome) for outcome in outcomes if isinstance(outcome, BaseException) and not isinstance(outcome, Unavailable)]
    return {"caught": ambush.caught, "lags": lags, "bugs": bugs}


async def main(address: str, broker: int, group: str, calls: tuple[str, ...]) -> None:
    setattr(brokers, "GroupProcess", GroupThread)  # noqa: B010, where sources look for it
    ambush = Ambush(broker, calls)
    for hang_s in (None, SHORT_HANG_S):
        ambush.again()
        print(json.dumps(await hang(address, broker, group, ambush, hang_s)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], tuple(sys.argv[4:])))
