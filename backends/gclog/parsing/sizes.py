"""Sizes as the JVM prints them. Pure."""

import re

from backends.agent import Occupancy

SIZE = rb"(\d+(?:[.,]\d+)?)([BKMGT])"
CHANGE = re.compile(SIZE + rb"(?:\(%b\))?->" % SIZE + SIZE + rb"(?:\(%b\))?" % SIZE)
UNITS = {b"B": 1 / 1024, b"K": 1.0, b"M": 1024.0, b"G": 1024.0**2, b"T": 1024.0**3}


def kib(digits: bytes, unit: bytes) -> float:
    return (float(digits) if b"," not in digits else float(digits.replace(b",", b"."))) * UNITS[unit]


def change(found: "re.Match[bytes]") -> Occupancy:
    """`before[(capacity)]->after[(capacity)]`: the capacity is the one afterwards."""
    before, after = kib(found[1], found[2]), kib(found[5], found[6])
    capacity = None if found[7] is None else round(kib(found[7], found[8]))
    return Occupancy(round(before), round(after), capacity)
