"""What the statistics plugin answers, `{"map": {"entry": [{"string": "size", "long": 8}, {"string": ["brokerName", "b"]}]}}`. Pure."""

from collections.abc import Iterator
from typing import Any

import msgspec

Statistics = dict[str, str | int | float]


def parse(body: bytes) -> Statistics:
    """Empty for the mark at the end of a list. Raises ValueError and nothing else."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"no JSON: {error}") from None
    inside = decoded.get("map") if isinstance(decoded, dict) else None
    if inside == "":
        return {}
    entries = inside.get("entry") if isinstance(inside, dict) else None
    if isinstance(entries, dict):  # a list of one is written without its brackets
        entries = [entries]
    if not isinstance(entries, list):
        raise ValueError("no map with entries")
    return dict(pair for entry in entries for pair in _pair(entry))


def _pair(entry: Any) -> Iterator[tuple[str, str | int | float]]:
    """Name and value; nothing for a value that is neither text nor number."""
    if not isinstance(entry, dict):
        raise ValueError("an entry that is none")
    text = entry.get("string")
    others = [value for key, value in entry.items() if key != "string"]
    name, value = text if isinstance(text, list) and len(text) == 2 else (text, others[0] if others else None)
    if not isinstance(name, str):
        raise ValueError("an entry without a name")
    if isinstance(value, str | int | float):
        yield name, value
