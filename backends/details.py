"""A snapshot with and without its details. Pure.

Partitions of every topic and consumer are most of what a monitor knows: 1,000 znodes of 32 partitions are 4 MB every few seconds, for
each console. So they stay with the monitor, and who looks at one row asks for its details (questions.WholeOf).
"""

from typing import Any

from msgspec.structs import replace

from backends.questions import Found, History
from backends.snapshots import Data, Offsets, Snapshot


def brief(snapshot: Snapshot) -> Snapshot:
    """Without the details of its rows. One that has none is itself."""
    if snapshot.data is None:
        return snapshot
    kept = {name: tuple(map(_without, rows)) for name, rows in lists(snapshot.data).items() if rows and hasattr(rows[0], "detail")}
    return replace(snapshot, data=replace(snapshot.data, **kept)) if kept else snapshot


def of_name(data: Data, name: str) -> Data:
    """Only the rows of that name, in every list."""
    return replace(data, **{key: tuple(row for row in rows if getattr(row, "name", None) == name) for key, rows in lists(data).items()})


def with_detail(found: Found, data: Data | None) -> Found:
    """A consumer's history with its partitions as they were last judged."""
    if not isinstance(found, History) or not isinstance(data, Offsets):
        return found
    mine = (each.detail for each in data.consumers if (each.name, each.topic) == (found.consumer, found.topic))
    return replace(found, detail=next(mine, ()))


def has_details(data: Data | None) -> bool:
    return data is not None and any(rows and hasattr(rows[0], "detail") for rows in lists(data).values())


def put_in(data: Data, name: str, whole: Data) -> Data:
    """With the rows of that name as they are in `whole`."""
    new = lists(of_name(whole, name))
    kept = {key: tuple(row for row in rows if getattr(row, "name", None) != name) for key, rows in lists(data).items()}
    return replace(data, **{key: (*rows, *new.get(key, ())) for key, rows in kept.items()})


def lists(data: Data) -> dict[str, tuple[Any, ...]]:
    """What stands in the rows of a pane, by its field."""
    values = {name: getattr(data, name) for name in data.__struct_fields__}
    return {name: value for name, value in values.items() if isinstance(value, tuple)}


def _without(row: Any) -> Any:
    return replace(row, detail=()) if row.detail else row
