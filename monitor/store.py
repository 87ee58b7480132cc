"""What is known now, as a fold over snapshots and events. No I/O, no clock, no task.

The monitor keeps one, and each console keeps a replica of it: the same class, fed over the link.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from backends.snapshots import Kind, Snapshot
from link.protocol import Event
from monitor.severity import Problem, problems

MONITOR_TOPIC: Final = "monitor"  # MonitorStatus; withdrawn when the monitor is stopped on purpose
SOURCE_TOPIC: Final = "source/"  # and the name of a source: its Snapshot
MAX_EVENTS = 500  # about a day of a calm platform; a storm pushes out its own beginning


class MonitorStatus(Struct, frozen=True):
    """What the monitor says about itself, published as MONITOR_TOPIC."""

    version: str
    pid: int
    host: str
    started_at: float
    config: str
    consoles: int
    relay_pid: int | None = None
    relay_embedded: bool = False
    write: bool = False  # actions are allowed now
    demo: bool = False
    write_until: float | None = None  # epoch seconds, while they are allowed only for a while


class Store:
    """Snapshots by source name, in the order in which the sources were first heard of, and the newest events."""

    def __init__(self) -> None:
        self.snapshots: dict[str, Snapshot] = {}
        self.events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self.monitor: MonitorStatus | None = None
        self.version = 0  # grows with every change: a cheap "is there anything new"

    def apply(self, snapshot: Snapshot) -> None:
        self.snapshots[snapshot.source] = snapshot
        self.version += 1

    def forget(self, source: str) -> None:
        self.snapshots.pop(source, None)
        self.version += 1

    def happened(self, event: Event) -> None:
        self.events.append(event)
        self.version += 1

    def of_kind(self, kind: Kind) -> list[Snapshot]:
        return [snapshot for snapshot in self.snapshots.values() if snapshot.kind == kind]

    def problems(self) -> list[Problem]:
        """Everything that is wrong now, critical first."""
        found: Iterable[Problem] = (problem for snapshot in self.snapshots.values() for problem in problems(snapshot))
        return sorted(found, key=lambda problem: problem.severity != "critical")
