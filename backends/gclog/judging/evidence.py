"""Events of a log as pages list them, and the time at which they were. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from backends.agent import HeapEvent
from backends.gclog.events import Collected, Exhausted, Exited, Launched, Opened, Paused, Stalled

LONGEST_S = 1e9  # no JVM runs for 31 years: a larger time on a log's clock is a date

Listed = Collected | Paused | Opened | Stalled | Exhausted | Launched | Exited


class Clock(Struct, frozen=True):
    """What dates the events of one log whose lines carry no date: its last write was its last event."""

    last_at: float | None  # the last event on the log's own clock, and by the calendar
    last_wall: float | None = None
    modified_at: float | None = None  # of the file; None: it is only read, and may be a copy

    def epoch(self, at: float | None, wall: float | None) -> float | None:
        """As stated, else counted back by the log's own clock. None: not known."""
        end = self.last_wall if self.last_wall is not None else self.modified_at
        if wall is not None or at is None or self.last_at is None or end is None:
            return wall
        return end - (self.last_at - at)


def uptime(at: float | None) -> float | None:
    """The log's own clock, unless it is the calendar."""
    return None if at is None or at > LONGEST_S else at


def told(event: Listed, clock: Clock) -> HeapEvent:
    wall = None if isinstance(event, Launched) else event.wall
    kind, cause, pause_s = _TOLD[type(event)](event)
    heap = event.heap if isinstance(event, Collected | Paused) else None
    return HeapEvent(
        kind=kind,
        at=clock.epoch(event.at, wall),
        uptime_s=uptime(event.at),
        cause=cause,
        heap=heap,
        old=event.old if isinstance(event, Collected) else None,
        pause_s=pause_s,
    )


_TOLD: Mapping[type[Listed], Callable[[Any], tuple[Any, str, float | None]]] = {
    Collected: lambda event: (event.kind, event.cause or "", event.pause_s),
    Paused: lambda event: ("pause", event.name, event.pause_s),
    Opened: lambda event: ("pause", event.cause, None),
    Stalled: lambda event: ("stall", "", event.stall_s),
    Exhausted: lambda event: ("exhausted", event.text, None),
    Launched: lambda event: ("start", "", None),
    Exited: lambda event: ("exit", "", None),
}
