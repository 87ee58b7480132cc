"""When things were, for several JVMs one after the other, whose clocks all begin at 0: one axis on which time never runs back. Pure.

An event without a date is dated by its log's own clock, once something tells how far that clock is from the calendar: a line with both, or
the last write of the file. Where the clock falls back (another JVM, of whose start nobody knows when it was), all that came before is moved
before it: the newest is always right. Places on the axis stay what they are; only what they are shown as moves.
"""

from backends.gclog.parsing.stamps import BACKWARDS_S


class Axis:
    def __init__(self) -> None:
        self.is_clock = False  # what is shown are epoch seconds, not the log's own clock
        self.given: float | None = None  # from the log's own clock to epoch seconds, by the last write of the file
        self.stated: float | None = None  # the same, by a line that has both
        self.offset = 0.0  # from a place to what it is shown as
        self._last: float | None = None

    @property
    def clock(self) -> float | None:
        return self.stated if self.stated is not None else self.given

    def place(self, at: float | None, wall: float | None, since_s: float = 0.0) -> float | None:
        """Of an event: no earlier one is behind it, nor behind the start of its JVM, which was so long before. None for a line without any
        stamp."""
        if wall is not None:
            self.stated = wall - (wall if at is None else at)
        if at is None and wall is None:
            return None
        self._go_by(self.clock)
        found = (wall if wall is not None else (at or 0.0) + (self.clock or 0.0)) - self.offset
        if self._last is not None and found - since_s < self._last:
            behind = self._last - (found - since_s)
            if behind > BACKWARDS_S:
                self.offset -= behind
            found = self._last + since_s
        self._last = found
        return found

    def next(self) -> float:
        """A place for one without a stamp: they are numbered."""
        self._last = 0.0 if self._last is None else self._last + 1.0
        return self._last

    def shown(self, place: float) -> float:
        return round(place + self.offset, 3)

    def _go_by(self, clock: float | None) -> None:
        """What came before a clock was known is dated by it, too."""
        if clock is not None and not self.is_clock and self._last is not None:
            self.offset += clock
        self.is_clock = clock is not None
