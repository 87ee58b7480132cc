"""Durations and sizes as operators write them. Pure: text in, number out.

A configuration struct declares ``timeout: Duration = 5.0`` and holds seconds; the reader of the file turns ``5s`` into them.
"""

import re
from typing import Annotated

from msgspec import Meta

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

_DURATION = r"^[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h|d)$"
_SIZE = r"^[0-9]{1,15}(B|KiB|MiB|GiB|TiB)?$"

Duration = Annotated[float, Meta(extra_json_schema={"type": "string", "pattern": _DURATION, "examples": ["500ms", "5s"]})]
Size = Annotated[int, Meta(extra_json_schema={"type": ["string", "integer"], "pattern": _SIZE, "examples": ["64KiB"]})]


def parse_duration(text: str) -> float:
    """Seconds of ``500ms``, ``5s``, ``2m``, ``1h``, ``7d``. Raises ValueError with a sentence for the operator."""
    found = re.fullmatch(_DURATION.strip("^$"), text)
    if not found:
        raise ValueError(f"{text!r} is no duration; write a number and a unit, such as 500ms, 5s, 2m, 1h or 7d")
    return float(text.removesuffix(found[2])) * SECONDS[found[2]]


def parse_size(text: str) -> int:
    """Bytes of ``4096``, ``64KiB``, ``1MiB``. Raises ValueError with a sentence for the operator."""
    found = re.fullmatch(_SIZE.strip("^$"), text)
    if not found:
        raise ValueError(f"{text!r} is no size; write a whole number and a unit, such as 4096, 64KiB or 1MiB")
    return int(text.removesuffix(found[1] or "")) * BYTES[found[1] or "B"]


def format_duration(seconds: float) -> str:
    """The shortest exact spelling that `parse_duration` reads back: 0.5 is ``500ms``, 90 is ``90s``, 7200 is ``2h``."""
    for unit in ("d", "h", "m", "s"):
        if seconds and seconds % SECONDS[unit] == 0:
            return f"{seconds / SECONDS[unit]:.0f}{unit}"
    return f"{seconds * 1000:.0f}ms"


def format_size(size: int) -> str:
    """The shortest exact spelling that `parse_size` reads back: 65536 is ``64KiB``."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size and size % BYTES[unit] == 0:
            return f"{size // BYTES[unit]}{unit}"
    return str(size)
