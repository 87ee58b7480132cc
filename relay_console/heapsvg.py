"""The past of an agent as vectors: the old generation over time with its full collections and its capacity, and how long pauses were. Pure.

No script, no reference to anything outside; colours follow the reader's light or dark. Text that comes from a log is escaped.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Final

from backends.agent import HeapPoint, PauseBucket
from backends.questions import HeapPast
from tui.format import count, size, span, visible

WIDTH: Final = 960
CHART, HISTOGRAM = 300, 200  # pixels high
LEFT, RIGHT, TOP, BOTTOM = 84, 16, 28, 34  # around what is drawn
DAY_S: Final = 86400
STEPS_S: Final = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 3 * 3600, 6 * 3600, 12 * 3600),
    *(DAY_S, 2 * DAY_S, 7 * DAY_S, 14 * DAY_S, 28 * DAY_S, 91 * DAY_S, 364 * DAY_S),
)
TICKS: Final = 8  # of time, at most
COLOURS: Final = {  # of each class, on light paper and on dark; written out, for not every viewer knows variables
    "paper": ("fill", "#ffffff", "#12181e"),
    "ink": ("fill", "#1c2733", "#e4eaf0"),
    "faint": ("fill", "#5c6b7a", "#9aa8b5"),
    "ok": ("fill", "#1b7a3d", "#63c98a"),
    "warn": ("fill", "#a15c00", "#f0b357"),
    "crit": ("fill", "#c62828", "#ff6b61"),
    "bar": ("fill", "#1f6fb2", "#5fb0f0"),
    "grid": ("stroke", "#dfe5ea", "#2f3a44"),
    "used": ("stroke", "#1f6fb2", "#5fb0f0"),
    "bound": ("stroke", "#8a5a00", "#e0b050"),
}
SHAPES: Final = (
    ".gc text{font:12px system-ui,sans-serif}.gc .head{font-size:13px;font-weight:600}.gc .under{fill-opacity:.14}"
    ".gc .used{fill:none;stroke-width:1.5;stroke-linejoin:round}.gc .bound{stroke-width:1.5;stroke-dasharray:6 4}"
)


def _rules(number: int) -> str:
    return "".join(f".gc .{name}{{{colours[0]}:{colours[number]}}}" for name, colours in COLOURS.items())


STYLE: Final = f"{SHAPES}{_rules(1)}@media (prefers-color-scheme:dark){{{_rules(2)}}}"


def document(height: float, parts: Sequence[str], title: str, *, is_alone: bool) -> str:
    """One picture; alone it brings its own paper and is read by whatever shows pictures."""
    lead = f'<rect class="paper" width="{WIDTH}" height="{height:g}"/>' if is_alone else ""
    box = f'viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="gc" role="img" {box}>'
        f"<title>{safe(title)}</title><style>{STYLE}</style>{lead}{''.join(parts)}</svg>\n"
    )


def safe(text: str) -> str:
    """Of a log: nothing in it is markup, or a control character."""
    return escape(visible(text))


def text(x: float, y: float, words: str, kind: str = "ink", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{safe(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


# The old generation


def chart(past: HeapPast, top: float = 0) -> str:
    """`CHART` pixels high, from `top` on."""
    points, what = past.points, "Heap" if past.basis == "heap" else "Old generation"
    head = [text(LEFT, top + 16, f"{what} after each collection", "head ink"), *_legend(past, top + 16)]
    if not points:
        return "".join([*head, text(LEFT, top + TOP + 30, "the log does not say how full it was", "faint")])
    most = max([*(point.used_kib for point in points), past.capacity_kib or 0, 1]) * 1.04
    first, last = points[0].at, points[-1].at
    length = last - first
    floor = top + CHART - BOTTOM

    def x(at: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((at - first) / length if length > 0 else 0.5)

    def y(kib: float) -> float:
        return floor - (CHART - TOP - BOTTOM) * kib / most

    parts = [*head, *_sizes(most, y), *_times(first, last, past.is_clock, x, floor)]
    path = _path([(x(point.at), y(point.used_kib)) for point in points])
    parts.append(
        f'<path class="under bar" d="{path}L{x(last):.1f} {floor:.1f}L{x(first):.1f} {floor:.1f}Z"/><path class="used" d="{path}"/>'
    )
    if past.capacity_kib:
        parts.append(line(LEFT, y(past.capacity_kib), WIDTH - RIGHT, y(past.capacity_kib), "bound"))
    parts += [_full(point, x(point.at), y(point.used_kib), past.is_clock) for point in points if point.is_full or len(points) == 1]
    return "".join(parts)


def _legend(past: HeapPast, y: float) -> Iterator[str]:
    right = WIDTH - RIGHT
    if past.capacity_kib:
        words = f"capacity {size(past.capacity_kib * 1024)}"
        yield text(right, y, words, "faint", "end")
        right -= 7 * len(words) + 40
        yield line(right + 4, y - 4, right + 30, y - 4, "bound")
    if any(point.is_full for point in past.points):
        yield text(right - 8, y, "full collection", "faint", "end")
        yield f'<circle class="crit" cx="{right - 8 - 7 * 15:.1f}" cy="{y - 4:.1f}" r="3"/>'


def _path(places: Sequence[tuple[float, float]]) -> str:
    """What a collection left is what there was until the next one."""
    (x, y), *rest = places
    made = [f"M{x:.1f} {y:.1f}"]
    for x, y in rest:
        made.append(f"H{x:.1f}V{y:.1f}")
    return "".join(made)


def _full(point: HeapPoint, x: float, y: float, is_clock: bool) -> str:
    told = f"{'full collection, ' if point.is_full else ''}{_moment(point.at, is_clock)}: {size(point.used_kib * 1024)}"
    return f'<circle class="{"crit" if point.is_full else "bar"}" cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{safe(told)}</title></circle>'


def _moment(at: float, is_clock: bool) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) if is_clock else f"{at:,.3f} s"


def _sizes(most: float, y: Callable[[float], float]) -> Iterator[str]:
    step = 2.0 ** math.ceil(math.log2(most / 5))
    for number in range(int(most / step) + 1):
        yield line(LEFT, y(number * step), WIDTH - RIGHT, y(number * step), "grid")
        yield text(LEFT - 8, y(number * step) + 4, size(number * step * 1024) if number else "0", "faint", "end")


def _times(first: float, last: float, is_clock: bool, x: Callable[[float], float], floor: float) -> Iterator[str]:
    step = next((step for step in STEPS_S if (last - first) / step <= TICKS), STEPS_S[-1])
    shift = time.localtime(first).tm_gmtoff if is_clock else 0  # days begin at midnight here
    for number in range(math.ceil((first + shift) / step), math.floor((last + shift) / step) + 1):
        at = number * step - shift
        yield line(x(at), floor, x(at), floor + 4, "grid")
        yield text(x(at), floor + 18, _tick(at, step, is_clock, last - first), "faint", "middle")


def _tick(at: float, step: float, is_clock: bool, length: float) -> str:
    if not is_clock:
        return span(at) if step >= 1 else f"{at:.3f}".rstrip("0").rstrip(".") + "s"
    if step < 1:
        return time.strftime("%H:%M:%S", time.localtime(at)) + f"{at % 1:.3f}"[1:].rstrip("0").rstrip(".")
    form = "%m-%d" if step >= DAY_S else "%m-%d %H:%M" if length > DAY_S else "%H:%M" if step >= 60 else "%H:%M:%S"
    return time.strftime(form, time.localtime(at))


# Pauses


def histogram(pauses: Sequence[PauseBucket], top: float = 0) -> str:
    """`HISTOGRAM` pixels high, from `top` on: how many pauses were how long."""
    total = sum(bucket.pauses for bucket in pauses)
    told = f"{count(total, 'pause')}, {span(sum(bucket.total_s for bucket in pauses))} together" if total else "no pauses are told"
    parts = [text(LEFT, top + 16, "Pauses", "head ink"), text(LEFT + 60, top + 16, told, "faint")]
    if not total:
        return "".join(parts)
    most = max(bucket.pauses for bucket in pauses)
    floor, wide = top + HISTOGRAM - BOTTOM, (WIDTH - LEFT - RIGHT) / max(len(pauses), 8)
    parts.append(line(LEFT, floor, WIDTH - RIGHT, floor, "grid"))
    for number, bucket in enumerate(pauses):
        high = max(2.0, (HISTOGRAM - TOP - BOTTOM - 16) * bucket.pauses / most) if bucket.pauses else 0.0
        x, middle = LEFT + number * wide, LEFT + (number + 0.5) * wide
        before = pauses[number - 1].up_to_s if number else None
        label = f"≤ {span(bucket.up_to_s)}" if bucket.up_to_s is not None else f"> {span(before)}"
        told = f"{label}: {count(bucket.pauses, 'pause')}, {span(bucket.total_s)} together"
        box = f'x="{x + 3:.1f}" y="{floor - high:.1f}" width="{wide - 6:.1f}" height="{high:.1f}"'
        parts.append(f'<rect class="bar" {box}><title>{safe(told)}</title></rect>')
        parts.append(text(middle, floor + 18, label, "faint", "middle"))
        if bucket.pauses:
            parts.append(text(middle, floor - high - 5, f"{bucket.pauses:,}", "ink", "middle"))
    return "".join(parts)
