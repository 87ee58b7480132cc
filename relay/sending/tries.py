"""What is remembered of one file that is on its way, or was; and how long to wait after a failed try."""

from relay.config import Backoff
from relay.sending.words import File


class Tries:
    """Times are the caller's."""

    __slots__ = ("alone", "code", "error", "first_at", "last_at", "not_before", "state", "tries")

    def __init__(self) -> None:
        self.state = File.QUEUED
        self.tries = 0
        self.alone = 0  # times that it failed while others were answered
        self.first_at: float | None = None
        self.last_at: float | None = None
        self.code: int | None = None
        self.error: str | None = None
        self.not_before = 0.0


def pause(limits: Backoff, count: int) -> float:
    """Seconds after the `count`th failure in a row."""
    return min(limits.first * limits.factor ** min(count - 1, 60), limits.max)
