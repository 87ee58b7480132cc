"""What partners sent and heard, beside every line that is there: one line of figures after each scenario."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct


class Audit(Struct, frozen=True):
    """Counts of records. `lost`, `duplicates` and `torn` must be 0; `stored` may be more than `acknowledged`, never less."""

    scenario: str
    rounds: int
    sent: int
    acknowledged: int
    stored: int  # different ones
    duplicates: int  # copies beyond the first
    torn: int  # lines that nobody sent
    lost: int  # acknowledged and not stored
    misanswered: int = 0  # answers out of order, or of a code that the scenario does not allow
    notes: dict[str, float] = {}

    @property
    def is_clean(self) -> bool:
        return not (self.duplicates or self.torn or self.lost or self.misanswered)

    def __str__(self) -> str:
        names = ("sent", "acknowledged", "stored", "duplicates", "torn", "lost", "misanswered")
        figures = " ".join(f"{name}={getattr(self, name)}" for name in names)
        notes = " ".join(f"{name}={value:g}" for name, value in self.notes.items())
        return f"audit {self.scenario} rounds={self.rounds} {figures} {notes}".rstrip()

    def plain(self) -> dict[str, object]:
        found: dict[str, object] = msgspec.to_builtins(self)
        return found


def audit(
    scenario: str,
    rounds: int,
    sent: Iterable[bytes],
    acknowledged: Iterable[bytes],
    lines: Iterable[bytes],
    *,
    misanswered: int = 0,
    notes: Mapping[str, float] | None = None,
) -> Audit:
    """All are whole lines with their newline; a line is a record's identity. Printed, for whoever reads the output of the tests."""
    known, acked = set(sent), set(acknowledged)
    stored: Counter[bytes] = Counter()
    torn = 0
    for line in lines:
        if line in known:
            stored[line] += 1
        else:
            torn += 1
    found = Audit(
        scenario,
        rounds,
        len(known),
        len(acked),
        len(stored),
        sum(stored.values()) - len(stored),
        torn,
        sum(line not in stored for line in acked),
        misanswered,
        dict(notes or {}),
    )
    print(found, flush=True)
    return found


def lines_below(*places: Path) -> Iterator[bytes]:
    """Of all minute files, hidden ones too; a tail without newline is a line that nobody sent."""
    for place in places:
        for path in sorted(place.rglob("*_request*")):
            if path.is_file():
                yield from path.read_bytes().splitlines(keepends=True)
