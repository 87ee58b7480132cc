"""A feed keeps one server moving: it is opened, stepped once a second, and opened again after trouble.

Servers are killed and hung on purpose in tests, so trouble is expected: it is counted and shown, never the end.
"""

import threading
import time
import traceback
from dataclasses import dataclass
from typing import Protocol

STEP_S = 1.0
PAUSE_S = 2.0  # between trouble and the next try
LATE_S = 5.0  # more than this is not caught up: the server hung


class Feed(Protocol):
    name: str

    def open(self) -> None:
        """Connects and sets up what is missing; what is there already stays. Raises when the server does not answer."""

    def step(self, now: float) -> None:
        """What one second brings. `now`: epoch seconds."""

    def close(self) -> None:
        """Lets go of everything; never raises."""


@dataclass
class State:
    steps: int = 0
    opened: int = 0
    error: str | None = None


def keep(feed: Feed, state: State, stop: threading.Event) -> None:
    """Runs until `stop` is set."""
    while not stop.is_set():
        try:
            feed.open()
            state.opened += 1
            _play(feed, state, stop)
        except Exception as error:  # a feed's server is allowed every kind of failure
            state.error = f"{type(error).__name__}: {error}"
            traceback.print_exc()
        finally:
            feed.close()
        stop.wait(PAUSE_S)


def _play(feed: Feed, state: State, stop: threading.Event) -> None:
    due = time.monotonic()
    while not stop.is_set():
        feed.step(time.time())
        state.steps += 1
        state.error = None
        due = max(due + STEP_S, time.monotonic() - LATE_S)
        stop.wait(max(0.0, due - time.monotonic()))
