"""Figures that cannot be true, looked for in everything that a snapshot holds, whatever its fields are called tomorrow. Pure."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from backends.snapshots import Data, Offsets

COUNTED = frozenset(
    {"lag", "offset", "start", "end", "partitions", "bytes", "value_bytes", "moved", "read", "left", "bad_pairs", "consumers"}
)
TIMES = frozenset({"time_lag_s", "catch_up_s"})
TOLERANCE_S = 0.05  # between our clock reading and the source's

KINDS = (
    "negative_lags", "negative_time_lags", "negative_rates", "negative_counts", "not_finite", "time_lags_beyond_what_was_watched",
    "lags_of_offsets_beyond_the_end",
)  # fmt: skip


def doubts(data: Data, watched_s: float) -> Counter[str]:
    """By kind. `watched_s`: how long this source has known these logs; a longer time lag was extrapolated."""
    found: Counter[str] = Counter(kind for path, value in figures(data) if (kind := doubt(path, value, watched_s)))
    if isinstance(data, Offsets):
        details = (part for consumer in data.consumers for part in consumer.detail)
        found["lags_of_offsets_beyond_the_end"] += sum(
            part.lag is not None and part.offset is not None and part.end is not None and part.offset > part.end for part in details
        )
    return found


def doubt(path: tuple[str, ...], value: float, watched_s: float) -> str | None:
    name = path[-1]
    if not math.isfinite(value):
        return "not_finite"
    if name == "time_lag_s" and value > watched_s + TOLERANCE_S:
        return "time_lags_beyond_what_was_watched"
    if value >= 0:
        return None
    if name == "lag":
        return "negative_lags"
    if name in TIMES:
        return "negative_time_lags"
    if name == "records_per_s" or "records_per_min" in path:
        return "negative_rates"
    return "negative_counts" if name in COUNTED else None


def figures(data: Data) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every number, by the names that lead to it."""
    yield from _walk(("",), msgspec.to_builtins(data))


def _walk(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], float]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _walk((*path, str(name)), each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _walk(path, each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value
