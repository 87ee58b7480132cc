"""Cells of the relay's pane: what its table and its detail have in common. Pure."""

from relay.status import ConnectionStatus, ForwardStatus
from tui.format import UNKNOWN, age, rate, size, visible
from tui.pane import Cell, Column, Field
from tui.words import look, verdict


def codes(counts: dict[str, int]) -> str:
    """`401:3 409:1`, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return " ".join(f"{code}:{count}" for code, count in ordered if count) or "0"


def waiting(forward: ForwardStatus | None) -> Cell:
    """What a broker has not yet taken: records, or bytes while they are not counted."""
    if forward is None:
        return Cell(UNKNOWN, "dim")
    seen = look(forward.state)
    shown = f"{forward.records:,}" if forward.records is not None else size(forward.bytes)
    return Cell(f"{seen.glyph} {shown}".strip(), seen.role if seen.role else "" if forward.bytes else "dim", forward.bytes)


def counted(value: int, role: str = "") -> Cell:
    return Cell(f"{value:,}", "dim" if not value else "crit" if role == "crit" else "warn" if role == "warn" else "", value)


def a_minute(value: float | None) -> Cell:
    return Cell(rate(value), "dim" if not value else "", value)


def by_code(counts: dict[str, int]) -> Cell:
    total = sum(counts.values())
    return Cell(codes(counts), "warn" if total else "dim", total)


def refused(counts: dict[str, int]) -> Cell:
    """`4: 401:3 409:1`: of several codes the sum comes first, because a narrow column has no room for all of them."""
    cell = by_code(counts)
    several = sum(1 for count in counts.values() if count) > 1
    return cell._replace(text=f"{sum(counts.values()):,}: {cell.text}") if several else cell


def since(at: float | None, now: float) -> Cell:
    return Cell(UNKNOWN, "dim") if at is None else Cell(age(now - at), "", now - at)


def text(text: str | None, role: str = "dim") -> Cell:
    return Cell(visible(text or ""), "dim" if role == "dim" else "", text or "")


def source_field() -> Field:
    return Field(Column("source", "RELAY", 8, keep=9), lambda e, now: text(e.snapshot.source))


def direction(connection: ConnectionStatus) -> Cell:
    name = visible(connection.name)
    return Cell(f"in  {name}" if connection.direction == "in" else f"out {name}", "dim", name)


FILE_FIELDS = (
    Field(Column("state", "STATE", 12, least=9), lambda e, now: verdict("failed")),
    Field(Column("file", "FILE", 30, least=16, grow=True), lambda e, now: text(e.item.file, "")),
    source_field(),
    Field(Column("sender", "SENDER", 16, least=8, keep=2), lambda e, now: text(e.item.sender)),
    Field(Column("tries", "TRIES", 5, "right", keep=3), lambda e, now: counted(e.item.tries)),
    Field(Column("code", "CODE", 4, "right"), lambda e, now: Cell(str(e.item.last_code or UNKNOWN), "", e.item.last_code)),
    Field(Column("last", "LAST TRY", 8, "right", keep=1), lambda e, now: since(e.item.last_try_at, now)),
    Field(Column("error", "ERROR", 20, least=14, keep=1, grow=True), lambda e, now: text(e.item.last_error)),
)
