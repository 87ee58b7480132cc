"""What one partition of a consumer did while it was watched: curves of its lag and its rate, and the newest readings. Pure.

A rate is that between two readings; an offset that went back is a gap in it, never a negative rate.
"""

import itertools
from collections.abc import Callable, Sequence

from backends.questions import Found, History, Point
from backends.snapshots import Consumer, ConsumerPartition
from tui.chart import Curve
from tui.format import UNKNOWN, age, count, moment, number, rate, visible
from tui.pane import Cell, Column, Row, Section
from tui.panes.offset_cells import duration, lag, rates
from tui.words import verdict

READINGS = 40  # in the table, the newest first; the curves have all of them

COLUMNS = (
    Column("at", "READ AT", 19),
    Column("age", "AGE", 7, "right"),
    Column("offset", "OFFSET", 15, "right"),
    Column("end", "END", 15, "right", keep=2),
    Column("lag", "LAG", 10, "right"),
    Column("moved", "MOVED BY", 10, "right", keep=1),
    Column("rate", "/min", 9, "right"),
)


def lags(points: Sequence[Point]) -> list[tuple[float, float | None]]:
    """An offset beyond the log end has no lag: it is of another log, or the end was read a little earlier."""
    return [(point.at, None if point.end is None or point.end < point.offset else point.end - point.offset) for point in points]


def speeds(points: Sequence[Point]) -> list[tuple[float, float | None]]:
    """Records a minute since the reading before."""
    return [(after.at, _speed(before, after)) for before, after in itertools.pairwise(points)]


def _speed(before: Point, after: Point) -> float | None:
    if after.at <= before.at or after.offset < before.offset:
        return None
    return (after.offset - before.offset) * 60 / (after.at - before.at)


def history_page(consumer: Consumer, part: ConsumerPartition) -> Callable[[Found | None, float], list[Section]]:
    def page(found: Found | None, now: float) -> list[Section]:
        mine = found.partitions if isinstance(found, History) else ()
        points = next((each.points for each in mine if each.partition == part.partition), ())
        title = f"Partition {part.partition} of {visible(consumer.topic or consumer.name)}, read by {visible(consumer.name)}"
        facts = (
            ("Verdict", verdict(part.verdict)),
            ("Why", Cell(visible(part.reason or "nothing is to be said of it"), "" if part.reason else "dim")),
            ("Records a minute", Cell(rates(part.records_per_min))),
            ("Lag", Cell(f"{number(part.lag)}{'' if part.time_lag_s is None else f', {age(part.time_lag_s)} behind'}")),
            ("Offset", Cell(f"{number(part.offset)} of {number(part.end)}")),
            ("Owner", Cell(visible(part.owner or UNKNOWN))),
        )
        head = Section(title, facts=facts, exports=(found,) if found is not None else ())
        return [head] if found is None else [head, *_sections(points, now)]

    return page


def _sections(points: Sequence[Point], now: float) -> list[Section]:
    if not points:
        return [Section("History", text="No reading of this partition is kept yet: the next ones make its history.")]
    curves = (Curve("Lag", tuple(lags(points)), "records"), Curve("Records a minute", tuple(speeds(points)), "", write=rate))
    watched = f"{count(len(points), 'reading')} over {age(points[-1].at - points[0].at)}"
    pairs = list(itertools.pairwise((None, *points)))[::-1][:READINGS]
    rows = tuple(_reading(before, after, now) for before, after in pairs if after is not None)
    return [Section(f"History: {watched}", curves=curves), Section(f"Newest readings {len(rows)}", columns=COLUMNS, rows=rows)]


def _reading(before: Point | None, point: Point, now: float) -> Row:
    moved = None if before is None else point.offset - before.offset
    per_minute = None if before is None else _speed(before, point)
    cells = (
        Cell(moment(point.at)[:19], "dim", point.at),
        duration(now - point.at),
        Cell(number(point.offset), "", point.offset),
        Cell(number(point.end), "dim", point.end),
        lag(None if point.end is None else max(0, point.end - point.offset)),
        Cell(f"{moved:+,}" if moved else number(moved), "crit" if moved is not None and moved < 0 else "", moved),
        Cell(rate(per_minute), "dim" if not per_minute else "", per_minute),
    )
    return Row(f"{point.at}", cells)
