"""A verdict that does not flap: another one is said when it has held for some time and some readings, in both directions. Pure."""

from collections.abc import Mapping

from msgspec import Struct

from backends.snapshots import Verdict


class Hold(Struct, frozen=True):
    seconds: float
    readings: int


ALARMS: frozenset[Verdict] = frozenset({"STOPPED", "REWOUND", "STALLED", "FALLING_BEHIND"})
HOLDS: Mapping[Verdict, Hold] = {
    "REWOUND": Hold(0, 1),  # a thing that happened, not one that goes on: an offset that went back is no less true for waiting
    "STOPPED": Hold(0, 2),  # minutes of silence stand behind it already; the second reading rules out a slip of one
    "STALLED": Hold(0, 2),
    "FALLING_BEHIND": Hold(120, 3),  # a producer's burst of some minutes looks the same, and ends
}
CALM = Hold(30, 2)  # a consumer that limps is not well at each step
SLOWLY = {"FALLING_BEHIND": Hold(120, 3)}  # what took long to be said takes as long to be taken back


class Steady:
    """What is said of one partition. The first verdict of all is said at once: whoever asks only once wants to know."""

    __slots__ = ("_next", "_readings", "reason", "said", "since")

    def __init__(self) -> None:
        self.said: Verdict | None = None
        self.reason = ""  # of the last reading that agreed with what is said
        self.since: float | None = None  # since when readings say something else
        self._next: Verdict | None = None  # UNKNOWN stands for all that is no alarm
        self._readings = 0

    def hear(self, verdict: Verdict, now: float) -> Verdict:
        """One reading's verdict; what is to be said after it."""
        if self.said is None or verdict == self.said or not (verdict in ALARMS or self.said in ALARMS):
            return self._say(verdict)
        kind: Verdict = verdict if verdict in ALARMS else "UNKNOWN"
        if kind != self._next or self.since is None or now < self.since:
            self._next, self.since, self._readings = kind, now, 0
        self._readings += 1
        hold = HOLDS[kind] if kind in ALARMS else SLOWLY.get(self.said, CALM)
        if self._readings >= hold.readings and now - self.since >= hold.seconds:
            return self._say(verdict)
        return self.said

    def _say(self, verdict: Verdict) -> Verdict:
        self.said, self._next, self.since, self._readings = verdict, None, None, 0
        return verdict
