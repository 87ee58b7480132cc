"""When did this line happen: the stamps before a message. Pure; both families."""

import re
from collections.abc import Sequence
from datetime import datetime

WALL = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?:[+-]\d\d:?\d\d|Z)?")
SECONDS = re.compile(rb"\[ *(\d{1,12}[.,]\d{1,9})s\]")
UPTIME_FIRST = re.compile(rb"\[(\d+\.\d+)s\](?!\[\d)")  # the default decorations; no other stamp after it
TICKS = re.compile(rb"\[ *(\d+)(ms|ns)\]")
UPTIME = re.compile(rb"(\d{1,12}[.,]\d{1,9}): ?(?:#\d{1,12}: ?)?$")
EPOCH_MS = 10**12  # milliseconds: larger is a date, smaller an uptime; no JVM runs for 31 years

BACKWARDS_S = 1.0  # threads write a few milliseconds out of order; a clock that falls by more is another JVM's

Stamps = tuple[float | None, float | None]


def number(text: bytes) -> float:
    """A decimal number with a point, or with the comma that some builds of JDK 6-8 write."""
    return float(text) if b"," not in text else float(text.replace(b",", b"."))


def of_ms(text: bytes) -> float:
    """Seconds of printed milliseconds, as near as a number comes: 11.870 ms are 0.01187 s, without the dust of a division."""
    return float(text + b"e-3") if b"," not in text else float(text.replace(b",", b".") + b"e-3")


def all_of_ms(texts: Sequence[bytes]) -> list[float]:
    """The same of many, with points."""
    return list(map(float, (b"e-3 ".join(texts) + b"e-3").split()))


def wall_of(text: bytes) -> float | None:
    """Epoch seconds of an ISO stamp; one without a zone is local time, as the JVM writes it."""
    if b"T" not in text or (found := WALL.search(text)) is None:
        return None
    try:
        return datetime.fromisoformat(found[0].decode().replace(",", ".")).timestamp()
    except (ValueError, OverflowError):
        return None


def unified(text: bytes, start: int, end: int) -> Stamps:
    """(at, wall) from the bracketed fields before a message of unified logging, which stand in `text` from `start` to `end`."""
    if (uptime := UPTIME_FIRST.match(text, start, end)) is not None:
        return float(uptime[1]), None
    decorations = text[start:end]
    wall = wall_of(decorations)
    if (seconds := SECONDS.search(decorations)) is not None:
        return number(seconds[1]), wall
    at = None
    for digits, unit in TICKS.findall(decorations):
        ticks = int(digits[:18])
        if unit == b"ms" and ticks > EPOCH_MS:
            wall = ticks / 1e3 if wall is None else wall
        else:
            at = ticks / (1e3 if unit == b"ms" else 1e9)
    return (wall if at is None else at), wall


def legacy(prefix: bytes) -> Stamps:
    """(at, wall) from `2016-08-02T10:00:00.123+0200: 12.345: #7: ` before an event of JDK 6-8."""
    wall = wall_of(prefix)
    found = UPTIME.search(prefix)
    return (wall if found is None else number(found[1])), wall
