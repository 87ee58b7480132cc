"""An agent looked into: its verdict and what it rests on, its old generation over time, its pauses, its last collections.

The snapshot knows the figures and the evidence; the curve, the pauses and the events come with the answer to the pane's inquiry. An event
opens into the lines of the log around it.
"""

from collections.abc import Iterator, Sequence

from backends.agent import HangSeen, HeapFile, HeapPoint, PauseBucket
from backends.questions import Found, HeapPast
from tui.chart import Bar, Bars, Curve, clock_over
from tui.format import UNKNOWN, age, bar, count, moment, number, percent, span, visible
from tui.pane import Cell, Entry, Section
from tui.panes.heap_cells import basis, flow, gauge, kib, last_full, pause, role_of, share_cell
from tui.panes.heap_events import event_table
from tui.words import verdict

BAR = 20  # cells
TITLES = {"heap": "Whole heap", "regions": "Old regions"}  # of the curve, by its basis


def detail(entry: Entry, now: float, told: Found | None = None) -> list[Section]:
    file: HeapFile = entry.item
    found = [Section(visible(file.name), facts=tuple(_facts(file, now)), exports=(file,))]
    past = told if isinstance(told, HeapPast) else None
    if past is not None:
        found.append(_course(past))
    if file.evidence:
        title = f"Evidence: {count(len(file.evidence), 'event')} that the verdict came from, newest first"
        found.append(event_table(title, file.name, file.evidence[::-1], file.old_basis, now))
    found.append(_log(file))
    if past is not None:
        found += [_pauses(past.pauses), *_events(past, now)]
    return found


def _facts(file: HeapFile, now: float) -> Iterator[tuple[str, Cell]]:
    yield "Verdict", verdict(file.verdict if file.state == "ok" else file.state)
    yield "Why", Cell(visible(file.error or file.reason))
    if (until := _until(file, now)) is not None:
        yield "Will be full", until
    if file.hang is not None:
        yield ("Hang seen" if file.hang.is_over else "Hangs since"), _hang(file, file.hang, now)
    found = gauge(file)
    share = found.share
    left = f"{kib(found.used_kib)} of {'?' if found.capacity_kib is None else kib(found.capacity_kib)}, {found.basis or 'not told'}"
    yield "Old generation", Cell(f"{bar(share, BAR)} {percent(share, 1.0)}  {left}", role_of(share))
    if file.humongous_kib:
        yield "Of it humongous", Cell(kib(file.humongous_kib))
    yield "Last full", _last_full(file, now)
    yield "Full collections", Cell(f"{number(file.full)}, {number(file.full_last_hour)} in the last hour")
    script = UNKNOWN if file.old_script_pct is None else f"{file.old_script_pct:.0f}%  (after of before)"
    yield "Old script", Cell(script, "dim" if file.old_script_pct is None else "")
    yield "World stopped", _stopped(file)
    yield "Last event", Cell(_ago(file.last_event_at, now), "dim" if file.last_event_at is None else "")


def _log(file: HeapFile) -> Section:
    """What one looks for less often."""
    facts = (
        ("Young collections", Cell(number(file.young))),
        ("Pauses", Cell(f"{number(file.pauses)}, {pause(file.pause_total_s)} together, longest {pause(file.pause_max_s)}")),
        ("Allocated", _per_second(flow(file.allocated_kib_per_s))),
        ("Promoted", _per_second(flow(file.promoted_kib_per_s))),
        ("Collector", Cell(visible(f"{file.collector or UNKNOWN}  {file.style or ''}".strip()))),
        ("Lines not understood", Cell(number(file.unknown_lines), "dim")),
        ("File", Cell(visible(file.file))),
    )
    lost = () if file.gap is None else (("Lost, perhaps", Cell(f"{visible(file.gap)} ({count(file.gaps, 'time')})", "warn")),)
    return Section("Log", facts=(*lost, *facts))


def _until(file: HeapFile, now: float) -> Cell | None:
    """When the old generation will be full, if it goes on so."""
    if file.full_at is None and file.full_in_s is None:
        return None
    sure = "" if file.confidence is None else f", confidence {file.confidence:.0%}"
    if file.full_at is None:
        return Cell(f"{age(file.full_in_s)} after its last event{sure}", "warn")
    left = file.full_at - now
    when = f"in {age(left)}" if left >= 0 else f"{age(-left)} ago, if it went on so"
    return Cell(f"{when}, at {moment(file.full_at)[:19]}{sure}", "warn" if left >= 0 else "crit")


def _hang(file: HeapFile, hang: HangSeen, now: float) -> Cell:
    """Why is told where the verdict does not tell it."""
    when = _ago(hang.at, now) if hang.at is not None else UNKNOWN if hang.uptime_s is None else f"an uptime of {age(hang.uptime_s)}"
    how = f", at the {_nth(hang.after_full)} futile full collection" if hang.after_full else ""
    why = f"{', over now' if hang.is_over else ''}: {visible(hang.reason)}" if hang.is_over or file.verdict != "HANG" else ""
    return Cell(f"{when}{how}{why}", "dim" if hang.is_over else "crit")


def _nth(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _ago(at: float | None, now: float) -> str:
    return UNKNOWN if at is None else f"{moment(at)[:19]}, {age(now - at)} ago"


def _last_full(file: HeapFile, now: float) -> Cell:
    text = last_full(file)
    if file.last_full_at is not None:
        text += f", {age(now - file.last_full_at)} ago"
    what = "" if file.last_full is not None or file.last_full_heap is None else " (whole heap)"
    return Cell(text + what, "dim" if text == UNKNOWN else "")


def _stopped(file: HeapFile) -> Cell:
    cell = share_cell(file.pause_share)
    of = "" if file.window_s is None or file.pause_share is None else f" of the last {span(file.window_s)} of the log"
    return cell._replace(text=cell.text + of)


def _per_second(cell: Cell) -> Cell:
    return cell if cell.text == UNKNOWN else cell._replace(text=f"{cell.text} a second")


def _course(past: HeapPast) -> Section:
    """The curve of what was in use after each collection."""
    facts = (("Note", Cell(visible(past.note), "dim")),) if past.note else ()
    if not past.points:
        return Section("Over time", facts=facts, text="The log has no collection with sizes and a time yet.", exports=(past,))
    spread = past.points[-1].at - past.points[0].at
    how = "" if past.basis in TITLES or past.basis is None else f", {basis(past.basis)}"
    title = f"After each collection, over {span(spread)} of the log{how}"
    return Section(title, facts=facts, curves=(_curve(past, spread),), exports=(past,))


def _curve(past: HeapPast, spread: float) -> Curve:
    return Curve(
        TITLES.get(past.basis or "", "Old generation"),
        tuple((point.at, float(point.used_kib)) for point in past.points),
        write=kib,
        marks=_fulls(past.points),
        marked="full collection",
        upper=past.capacity_kib,
        bound="capacity",
        is_level=True,
        when=clock_over(spread) if past.is_clock else _uptime,
    )


def _fulls(points: Sequence[HeapPoint]) -> frozenset[int]:
    return frozenset(index for index, point in enumerate(points) if point.is_full)


def _uptime(at: float) -> str:
    """Of the log's own clock."""
    return f"+{age(at)}"


def _pauses(buckets: Sequence[PauseBucket]) -> Section:
    """Buckets that nothing is in are left out before the first and after the last one that holds something."""
    total, took = sum(bucket.pauses for bucket in buckets), sum(bucket.total_s for bucket in buckets)
    if not total:
        return Section("Pauses", text="The log states no pause.")
    held = [index for index, bucket in enumerate(buckets) if bucket.pauses]
    bars = tuple(_bar(buckets, index, total, took) for index in range(held[0], held[-1] + 1))
    return Section(f"Pauses: {number(total)}, {pause(took)} together", bars=Bars(bars))


def _bar(buckets: Sequence[PauseBucket], index: int, total: int, took: float) -> Bar:
    bucket = buckets[index]
    before = buckets[index - 1].up_to_s if index else None
    label = f"up to {span(bucket.up_to_s)}" if bucket.up_to_s is not None else "any" if before is None else f"over {span(before)}"
    told = f"{number(bucket.pauses):>{len(number(total))}}"
    if bucket.pauses:
        told += f"  {pause(bucket.total_s):>6}  {percent(bucket.total_s, took):>4} of the time"
    return Bar(label, bucket.pauses, told)


def _events(past: HeapPast, now: float) -> list[Section]:
    if not past.events:
        return []
    of = f" of {number(past.of)}" if past.of > len(past.events) else ""
    return [event_table(f"Events {len(past.events)}{of}, newest first", past.name, past.events, past.basis, now)]
