"""When a broker that failed is asked again: one probe at a time, with growing pauses. No clock."""

from typing import Final

FIRST_S: Final = 0.5
FACTOR: Final = 2.0
MOST_S: Final = 5.0  # a broker that came back is used again this soon; a probe costs the partners of one batch the whole timeout


class Pace:
    """Asked by one thread, so whoever may try is the only one who tries until it says how that went."""

    def __init__(self, most_s: float = MOST_S) -> None:
        self._most_s = most_s
        self._pause_s = FIRST_S
        self.next_try_at: float | None = None  # None: the last try went well

    def may_try(self, now: float) -> bool:
        return self.next_try_at is None or now >= self.next_try_at

    def failed(self, now: float) -> None:
        self.next_try_at = now + self._pause_s
        self._pause_s = min(self._pause_s * FACTOR, self._most_s)

    def succeeded(self) -> None:
        self.next_try_at = None
        self._pause_s = FIRST_S
