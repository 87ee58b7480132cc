"""What a trace is: commits and log ends as they happened, readings as we made them, and when there really was trouble. JSON lines on disk.

Readings are what our sources see; commits and log ends are what Burrow sees, which reads every commit from Kafka's own topic.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from msgspec import Struct, to_builtins
from msgspec.json import decode

Layout = Literal["csv", "consumers", "group"]
RECORDED = Path(__file__).parent / "recorded"


class Reading(Struct, frozen=True, array_like=True):
    """One look at one consumer. No offsets: it could not be read."""

    at: float
    offsets: dict[int, int]
    committed_at: dict[int, float] = {}  # znodes only
    ends: dict[int, int] = {}
    has_members: bool = True
    siblings_moving: int = 0
    siblings_gap: float | None = None
    siblings_at: float | None = None  # their newest commit, by the server's clock


class Commit(Struct, frozen=True, array_like=True):
    at: float
    partition: int
    offset: int


class Trouble(Struct, frozen=True):
    """From `begin` to `end` something is wrong; `words` are the verdicts that name it. An alarm up to `settles` seconds after the end is
    not false: it takes readings to see that it is over."""

    begin: float
    end: float
    words: tuple[str, ...]
    settles: float = 120.0


class Trace(Struct, frozen=True):
    name: str
    kind: str  # what it shows, in some words: a line of the table
    layout: Layout
    interval_s: float
    readings: tuple[Reading, ...]
    commits: tuple[Commit, ...]
    ends: tuple[Commit, ...]  # log ends as they grew: the offset is the end
    troubles: tuple[Trouble, ...] = ()
    begins_at: float = 0.0  # of what is judged: before it, the habits are learned


def save(trace: Trace, path: Path) -> None:
    """A head, and then a line for each reading, commit and log end."""
    head = {key: value for key, value in to_builtins(trace).items() if key not in ("readings", "commits", "ends")}
    lines = [json.dumps(head)]
    for key, items in (("r", trace.readings), ("c", trace.commits), ("e", trace.ends)):
        lines += [json.dumps([key, *to_builtins(item, str_keys=True)], separators=(",", ":")) for item in items]
    path.write_text("\n".join(lines) + "\n")


def load(path: Path) -> Trace:
    head, *lines = path.read_text().splitlines()
    items: dict[str, list[object]] = {"r": [], "c": [], "e": []}
    for line in lines:
        kind, *fields = json.loads(line)
        items[kind].append(fields)
    whole = {**json.loads(head), "readings": items["r"], "commits": items["c"], "ends": items["e"]}
    return decode(json.dumps(whole), type=Trace)


def recorded() -> list[Trace]:
    return [load(path) for path in sorted(RECORDED.glob("*.jsonl"))]


def troubled(trace: Trace, at: float) -> Iterable[Trouble]:
    return (trouble for trouble in trace.troubles if trouble.begin <= at <= trouble.end)
