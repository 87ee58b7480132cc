"""What is usual: the longest pause that was nothing. Pure.

A verdict on a pause needs to know how long pauses are when all is well, and that differs by a thousand between a consumer that commits each
second and one that does each hour. The longest of the last one to two hours is taken and not the mean, because a pause that was met before
is no news. A pause that we called trouble is not learned, or a consumer that often hangs would be given ever more time; but the third of
the same length in a row is taken for a habit.
"""

ERA_S = 3600.0
AS_LONG = 2.0  # times as long: still the same length
ALIKE = 3


class Habit:
    __slots__ = ("_alike", "_before", "_began", "_doubted", "_longest")

    def __init__(self) -> None:
        self._longest: float | None = None
        self._before: float | None = None
        self._began = float("-inf")
        self._doubted, self._alike = 0.0, 0

    def learn(self, pause: float, now: float, was_trouble: bool) -> None:
        if was_trouble and pause > AS_LONG * (self.usual or 0.0) and not self._is_habit(pause):
            return
        if now - self._began > max(ERA_S, AS_LONG * pause):
            self._before, self._longest, self._began = self._longest, None, now
        self._longest = max(pause, self._longest or 0.0)

    @property
    def usual(self) -> float | None:
        """Seconds; None: no pause ended yet."""
        if self._longest is None or self._before is None:
            return self._longest if self._before is None else self._before
        return max(self._longest, self._before)

    def _is_habit(self, pause: float) -> bool:
        is_alike = self._doubted / AS_LONG <= pause <= self._doubted * AS_LONG
        self._doubted, self._alike = pause, self._alike + 1 if is_alike else 1
        return self._alike >= ALIKE
