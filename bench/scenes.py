"""What the benchmarks of the console look at: `python -m bench.scenes NAME` starts the console, or a peer, over scripted data.

demo    the scripted incident, 175 s into it
still   the same moment for ever: sources answer in time, and always the same
cells   that, with 15 figures of the overview changing every second
rows    10,000 queues, each of which changes every second
stock   a peer: Textual's DataTable with 15 cells changing every second
stock-rows   a peer: Textual's DataTable with 10,000 rows, three columns of the visible rows changing every second
"""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from backends import demo
from backends.broker import Broker, Queue
from backends.snapshots import Data, Kind, Queues, Snapshot, Topics
from link.protocol import Reply
from monitor.replica import LinkState
from monitor.store import MonitorStatus, Store

MOMENT = 100.0  # seconds into the incident
CELLS = 15
ROWS = 10_000

Look = Callable[[float, int], Data]  # of the time and the number of the look


class Scripted:
    """A link whose sources are functions."""

    def __init__(self, looks: Mapping[str, tuple[Kind, float, Look]]) -> None:
        self.store = Store()
        self.state = LinkState(connected=True)
        self._looks = looks

    async def run(self, changed: Callable[[], None]) -> None:
        self.store.monitor = MonitorStatus("0", 1, "bench", time.time(), "", 1, demo=True)
        await asyncio.gather(*(self._watch(name, *look, changed) for name, look in self._looks.items()))

    async def _watch(self, name: str, kind: Kind, interval: float, look: Look, changed: Callable[[], None]) -> None:
        number = 0
        while True:
            now = time.time()
            self.store.apply(Snapshot(name, kind, "ok", now, data=look(now, number), interval_s=interval))
            changed()
            number += 1
            await asyncio.sleep(interval)

    async def command(
        self,
        target: str,
        verb: str,
        arguments: Mapping[str, Any] | None = None,
        expect: Mapping[str, Any] | None = None,
        deadline: float = 30.0,
    ) -> Reply:
        return Reply(0, True, "done")


def still() -> dict[str, tuple[Kind, float, Look]]:
    deeds = demo.Deeds()
    return {
        "relay": ("relay", 1.0, lambda now, number: demo.relay(MOMENT, now, deeds)),
        "main": ("topics", 5.0, lambda now, number: demo.topics(MOMENT, now)),
        "leanstream": ("offsets", 5.0, lambda now, number: demo.nodes(MOMENT, now)),
        "groups": ("offsets", 5.0, lambda now, number: demo.groups(MOMENT, now)),
        "heap": ("heap", 2.0, lambda now, number: demo.heap(MOMENT, now)),
        "broker-a": ("queues", 5.0, lambda now, number: demo.broker_a(MOMENT, now)),
    }


def cells() -> dict[str, tuple[Kind, float, Look]]:
    """The first topics and queues of the overview change: two figures each of five topics, and the depth of five queues."""
    import msgspec

    def topics(now: float, number: int) -> Data:
        whole = demo.topics(MOMENT, now)
        moved = tuple(
            msgspec.structs.replace(topic, records_per_s=1000.0 + number * 7 + index, loaded_age_s=float((number + index) % 9))
            if index < 2 * CELLS // 3 // 2
            else topic
            for index, topic in enumerate(sorted(whole.topics, key=lambda topic: topic.state != "crit"))
        )
        return Topics(moved, whole.cluster)

    def queues(now: float, number: int) -> Data:
        whole = demo.broker_a(MOMENT, now)
        moved = tuple(
            msgspec.structs.replace(queue, pending=queue.pending + number * 3) if index < CELLS // 3 else queue
            for index, queue in enumerate(whole.queues)
        )
        return Queues(whole.broker, moved, whole.hidden)

    return {**still(), "main": ("topics", 1.0, topics), "broker-a": ("queues", 1.0, queues)}


def rows() -> dict[str, tuple[Kind, float, Look]]:
    broker = Broker("big", "ID:big", "6.1", 1.0, 1.0, 1.0, 1.0)
    names = [f"region-{index % 40:02}.orders.{index:05}" for index in range(ROWS)]

    def queue(index: int, number: int) -> Queue:
        pending = (index * 7919 + number * 31) % 5000
        return Queue(names[index], pending, 2, 1, number * 10, number * 9, 1, 10.5 + number, 9.5, None, False, False, "OK", "drains")

    return {"big": ("queues", 1.0, lambda now, number: Queues(broker, tuple(queue(index, number) for index in range(ROWS)), 0))}


def feeding() -> float:
    """CPU seconds that making one look of `rows` costs: the benchmark's own share, to be taken off."""
    look = rows()["big"][2]
    began = time.process_time()
    for number in range(5):
        look(0.0, number)
    return (time.process_time() - began) / 5


def stock(count: int) -> int:
    from textual.app import App, ComposeResult
    from textual.widgets import DataTable

    class Stock(App[None]):
        def compose(self) -> ComposeResult:
            yield DataTable(cursor_type="row")

        def on_mount(self) -> None:
            table = self.query_one(DataTable)
            self.columns = table.add_columns(*(f"COLUMN {index}" for index in range(8)))
            self.lines = [table.add_row(*(f"{row * 8 + index}" for index in range(8))) for row in range(count)]
            self.number = 0
            self.set_interval(1.0, self.change)

        def change(self) -> None:
            table = self.query_one(DataTable)
            self.number += 1
            changed = [(row, column) for row in range(5 if count < ROWS else 38) for column in (1, 2, 3)]
            for row, column in changed:
                table.update_cell(self.lines[row], self.columns[column], f"{self.number * 7 + row}")

    Stock().run(mouse=False)
    return 0


def main(arguments: list[str]) -> int:
    name, *flags = arguments
    if name in ("stock", "stock-rows"):
        return stock(38 if name == "stock" else ROWS)
    from tui.app import run
    from tui.options import ConsoleOptions

    scenes = {"still": still, "cells": cells, "rows": rows}
    view = "queues" if name == "rows" else "overview"
    return run(Scripted(scenes[name]()), ConsoleOptions(view=view, low_bandwidth="--low-bandwidth" in flags))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
