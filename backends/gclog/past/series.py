"""Figures over time, thinned while they come: any number of points in bounded memory. Pure.

Time is cut into buckets of one width, which doubles whenever there are too many of them. A bucket keeps its highest point, and its highest
full collection besides: neither a peak nor a full collection is ever left out for something smaller.
"""

from typing import Final

BUCKETS: Final = 1024  # of two points each at most: as many as MAX_HEAP_POINTS
FINEST_S: Final = 1 / 1024  # the clocks of logs have milliseconds

Point = tuple[float, float, bool]  # time, figure, whether it is that of a full collection
Bucket = list[Point | None]  # of what is no full collection, and of what is


class Series:
    def __init__(self) -> None:
        self._width = FINEST_S
        self._begin = 0.0
        self._buckets: dict[int, Bucket] = {}

    def __bool__(self) -> bool:
        return bool(self._buckets)

    def add(self, at: float, figure: float, is_full: bool) -> None:
        if not self._buckets:
            self._begin = at
        place = int((at - self._begin) // self._width)
        bucket = self._buckets.get(place)
        if bucket is None:
            bucket = self._buckets[place] = [None, None]
            if len(self._buckets) > BUCKETS:
                self._coarsen()
                return self.add(at, figure, is_full)
        known = bucket[is_full]
        if known is None or figure >= known[1]:
            bucket[is_full] = (at, figure, is_full)

    def _coarsen(self) -> None:
        while len(self._buckets) > BUCKETS:
            former, self._buckets = self._buckets, {}
            self._width *= 2
            for place, bucket in former.items():
                self._buckets[place // 2] = _merged(self._buckets.get(place // 2), bucket)

    def points(self) -> list[Point]:
        """All that are kept, oldest first."""
        return sorted(point for bucket in self._buckets.values() for point in bucket if point is not None)


def thinned(points: list[Point], most: int) -> list[Point]:
    """At most so many of these, which are sorted; by the same rule, and the newest as it is."""
    if len(points) <= most:
        return points
    if most < 3:
        return points[-most:]
    *rest, newest = points
    columns = (most - 1) // 2
    begin, width = rest[0][0], (rest[-1][0] - rest[0][0]) / columns or FINEST_S
    buckets: dict[int, Bucket] = {}
    for point in rest:
        place = min(columns - 1, int((point[0] - begin) / width))
        one: Bucket = [None, None]
        one[point[2]] = point
        buckets[place] = _merged(buckets.get(place), one)
    return [*sorted(point for bucket in buckets.values() for point in bucket if point is not None), newest]


def _merged(one: Bucket | None, other: Bucket) -> Bucket:
    return other if one is None else [_higher(former, later) for former, later in zip(one, other, strict=True)]


def _higher(one: Point | None, other: Point | None) -> Point | None:
    if one is None or other is None:
        return one or other
    return other if other[1] >= one[1] else one
