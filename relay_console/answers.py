"""One-shot answers: snapshots in, the fixed shapes of ``--json`` out, and the rows that a filter leaves. Pure; time is an argument.

Nothing here lists the kinds: a list is a tuple of structs, a name is its `name`, a state its `state` or `verdict`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from backends import details
from backends.snapshots import Data, Kind, Offsets, Snapshot
from tui.filter import parse_filter

SCHEMA: Final = 1


class Gathered(NamedTuple):
    """What the daemon, or the sources themselves, said at one moment."""

    snapshots: tuple[Snapshot, ...]
    attached: bool  # a daemon answered
    version: str
    pid: int
    started_at: float | None  # None: nobody runs for longer than this answer
    write: bool | None = None  # the daemon allows actions; None: it does not say


class Filter:
    """On names, in the language of the console's `/`; any may fit. A word that is exactly a name means that one alone."""

    def __init__(self, words: Sequence[str], names: frozenset[str]) -> None:
        """Raises ValueError."""
        self.exact = {word for word in words if word in names}
        patterns = [parse_filter(word) for word in words if word not in self.exact]
        self._patterns = [pattern for pattern in patterns if pattern is not None]
        self.is_narrow = bool(words)

    def fits(self, name: str) -> bool:
        return not self.is_narrow or name in self.exact or any(pattern(name) for pattern in self._patterns)

    def takes(self, item: Struct) -> bool:
        """An application that is named exactly means its nodes, too."""
        return self.fits(name_of(item)) or getattr(item, "application", None) in self.exact


def names(snapshots: Sequence[Snapshot]) -> frozenset[str]:
    """Of everything that stands in a list."""
    return frozenset(name for snapshot in snapshots for items in lists(snapshot.data).values() for item in items if (name := name_of(item)))


def select(snapshot: Snapshot, wanted: Filter) -> Snapshot:
    """The same snapshot with the rows that fit. A total over all of them is not one of those."""
    if snapshot.data is None:
        return snapshot
    kept: dict[str, Any] = {key: tuple(item for item in items if wanted.takes(item)) for key, items in lists(snapshot.data).items()}
    if wanted.is_narrow and isinstance(snapshot.data, Offsets):
        kept["total"] = None
    return msgspec.structs.replace(snapshot, data=msgspec.structs.replace(snapshot.data, **kept))


def as_json(gathered: Gathered, sources: Sequence[Mapping[str, Any]], now: float) -> bytes:
    """One object."""
    answer = {
        "schema": SCHEMA,
        "generated_at": now,
        "monitor": {
            "version": gathered.version,
            "pid": gathered.pid,
            "attached": gathered.attached,
            "started_at": gathered.started_at,
        },
        "sources": sources,
    }
    return pretty(answer)


def pretty(value: Any) -> bytes:
    """Readable, with a last newline. NaN and infinity, should a source let one through, are null."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def source(snapshot: Snapshot, data: Any, now: float) -> dict[str, Any]:
    return {
        "name": snapshot.source,
        "kind": snapshot.kind,
        "state": snapshot.state,
        "observed_at": snapshot.observed_at,
        "age_s": age(snapshot, now),
        "error": snapshot.error,
        "next_try_at": snapshot.next_try_at,
        "data": data,
    }


def age(snapshot: Snapshot, now: float) -> float | None:
    """Never negative: the daemon's clock is ours, and an observation is not from the future."""
    return None if snapshot.observed_at is None else round(max(0.0, now - snapshot.observed_at), 3)


def whole(data: Data | None, wanted: Filter) -> dict[str, Any] | None:
    """Topics carry their partitions only when asked for by name: 1,000 topics of 12 partitions are 5 MB."""
    if data is None:
        return None
    shown = _plain(data)
    for topic in shown.get("topics", ()):
        if topic["name"] not in wanted.exact:
            del topic["detail"]
    return shown


def summary(data: Data | None) -> dict[str, Any] | None:
    """Without the lists; what they hold is counted, in total and by state."""
    if data is None:
        return None
    found = lists(data)
    shown = _plain(msgspec.structs.replace(data, **dict.fromkeys(found, ())))
    for key in found:
        del shown[key]
    return {**shown, "counts": {key: count(items, _total(data, key)) for key, items in found.items()}}


def count(items: Sequence[Any], total: int | None = None) -> dict[str, int]:
    """`total`: there are so many, of which these are some."""
    states = Counter(state for item in items if (state := getattr(item, "verdict", None) or getattr(item, "state", None)))
    return {"total": len(items) if total is None else total, **dict(sorted(states.items()))}


def _total(data: Data, key: str) -> int | None:
    """Of a list that is bounded."""
    totals: Mapping[str, int] = getattr(data, "totals", {})
    return totals.get(key)


def counted(data: Data | None) -> str:
    """``7 topics (5 ok, 1 warn, 1 crit), …`` in the order of the snapshot; empty lists are left out."""
    if data is None:
        return ""
    parts = []
    for key, items in lists(data).items():
        states = count(items, _total(data, key))
        total = states.pop("total")
        if total:
            words = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in sorted(states.items(), key=lambda pair: -pair[1]))
            noun = key.replace("_", " ").removesuffix("s" if total == 1 else "\0")
            parts.append(f"{total} {noun}" + (f" ({words})" if words else ""))
    return "; ".join(parts) or "nothing"


def has_nothing(snapshots: Sequence[Snapshot]) -> bool:
    """No source could say anything, and at least one should have."""
    return all(snapshot.data is None for snapshot in snapshots) and any(snapshot.state in ("down", "denied") for snapshot in snapshots)


def of_kind(snapshots: Sequence[Snapshot], kind: Kind) -> list[Snapshot]:
    return [snapshot for snapshot in snapshots if snapshot.kind == kind]


def lists(data: Data | None) -> dict[str, tuple[Struct, ...]]:
    """What stands in the rows of a pane, by the key of ``--json``."""
    return {} if data is None else details.lists(data)


_NAMES: Final = ("name", "sender", "queue", "destination", "client_id")  # a failed file goes with its sender, a job with its queue


def name_of(item: Struct) -> str:
    """The first that it has; "" where it has none."""
    return next((str(name) for key in _NAMES if (name := getattr(item, key, None))), "")


def _plain(data: Data) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(data)
    shown.pop("kind", None)
    return shown
