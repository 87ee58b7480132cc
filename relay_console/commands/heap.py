"""``heap``: the agents of the configuration, or GC logs named one by one; as a table, as JSON, as a report, as a picture of one of them."""

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click
from msgspec import Struct
from msgspec.structs import replace

from backends.agent import HeapFile
from backends.questions import MAX_HEAP_EVENTS, MAX_HEAP_POINTS, HeapOf, HeapPast
from backends.snapshots import Heap, Snapshot
from relay_console import answers, asking, heappage, tables
from relay_console.answers import Filter
from relay_console.cli import say
from relay_console.commands.answers import answer, answer_options, filter_of, write_pane
from relay_console.errors import ActionFailed, ServiceUnavailable
from relay_console.options import Shared
from relay_console.output import is_coloured, write_bytes, write_lines

STDIO: Final = "-"
EVERYTHING: Final = Filter((), frozenset())
LISTED: Final = 20  # events in a report
OURS: Final = {"svg": b"<svg", "html": b"<!doctype html"}  # how such a file begins


class Report(Struct, frozen=True):
    """What is known of one log. `why`: why there is no past, or nothing at all."""

    file: HeapFile
    past: HeapPast | None
    why: str = ""


@click.command()
@answer_options
@click.option("--ascii", "is_ascii", is_flag=True, help="Draw with ASCII characters alone.")
@click.option("--html", metavar="OUT", help="Write a page about one of them, with its chart and its events.")
@click.option("--svg", metavar="OUT", help="Write a picture of one of them: the old generation over time, and its pauses.")
@click.option("--unknown", "is_unknown", is_flag=True, help="Of files: the lines that are not understood, and how many there are.")
@click.option("--report", "is_report", is_flag=True, help="All about each: figures, the old generation over time, pauses, events.")
@click.pass_obj
def heap(shared: Shared, /, filters: Sequence[str], **given: Any) -> int:
    """Old generation of every agent; or of the GC log files named here, without any configuration."""
    is_whole = given["is_report"] or given["svg"] is not None or given["html"] is not None
    if is_whole and given["is_json"]:
        raise click.UsageError("--json excludes --report, --svg and --html")
    if given["is_unknown"]:
        if is_whole or given["is_json"] or not filters:
            raise click.UsageError("--unknown is about files named here, and goes with no other form")
        return _list_unknown(filters)
    path = shared.over(given).path
    is_files = any(_is_path(word, path) for word in filters)
    if not is_whole:
        if is_files:
            return _read(filters, given)
        return answer(path, asking.gather(path, "heap", given["wait"]), "heap", filters, given)
    if is_files:
        _require_one(len(filters), given)
    return _tell(_of_files(filters, _events(given)) if is_files else _of_agents(path, filters, given), given)


def _events(given: dict[str, Any]) -> int:
    """A page has room for all."""
    return LISTED if given["html"] is None else MAX_HEAP_EVENTS


def _require_one(number: int, given: dict[str, Any]) -> None:
    if number > 1 and (given["svg"] is not None or given["html"] is not None):
        raise click.UsageError(f"--svg and --html show one log; {number} are meant")


def _is_path(word: str, configuration: Path) -> bool:
    """`-` is standard input. Agents of a glob have a `/` in their names, too, but only a configuration has agents."""
    if word == STDIO or word.startswith(("/", "./", "../", "~")) or Path(word).exists():
        return True
    return "/" in word and not configuration.exists()


# Rows


def _read(files: Sequence[str], given: dict[str, Any]) -> int:
    """No configuration, no daemon."""
    from backends.heap import read_files

    now = time.time()
    found = read_files(files, now)
    if given["is_json"]:
        write_bytes(answers.pretty(answers.whole(Heap(tuple(found)), EVERYTHING)))
    elif well := tuple(file for file in found if not file.error):
        write_pane([Snapshot("heap", "heap", "ok", now, data=Heap(well))], "heap", EVERYTHING, now, is_coloured(given["no_color"]))
    return _complain(found)


def _complain(files: Sequence[HeapFile]) -> int:
    for file in files:
        if file.error:
            say(file.error if file.file in file.error else f"{file.file}: {file.error}")
        elif file.gap:
            say(file.gap if file.file in file.gap else f"{file.file}: {file.gap}")
    return 1 if any(file.error or file.gap for file in files) else 0


def _list_unknown(files: Sequence[str]) -> int:
    """What of each file says nothing of collections: the application's own words, other programs', torn events."""
    from backends.gclog.files.family import UNREADABLE
    from backends.gclog.rows import not_understood
    from tui.format import count, visible

    code = 0
    for word in files:
        try:
            number, samples = not_understood(word)
        except UNREADABLE as trouble:
            say(f"{word} cannot be read: {getattr(trouble, 'strerror', None) or trouble}")
            code = 1
            continue
        shown = "" if number <= len(samples) else f", the first {len(samples):,}"
        lines = (f"  {visible(sample.decode(errors='replace'))}" for sample in samples)
        write_lines([f"{visible(word)}: {count(number, 'line')} not understood{shown}", *lines])
    return code


# Reports


def _of_files(files: Sequence[str], events: int) -> Iterator[Report]:
    """One after the other: a large one is not kept while the next one is read."""
    from backends.gclog.past.fold import Past
    from backends.gclog.rows import read

    for word in files:
        past = Past()
        file = read(word, also=past.note)
        told = None if file.error else past.told(word, MAX_HEAP_POINTS, events)
        yield Report(file, told, file.error or file.gap or "")


def _of_agents(path: Path, words: Sequence[str], given: dict[str, Any]) -> Iterator[Report]:
    """Of the agents that fit, through the daemon or directly. Raises Trouble."""
    gathered = asking.gather(path, "heap", given["wait"])
    found = answers.of_kind(gathered.snapshots, "heap")
    wanted = filter_of(words, answers.names(found))
    for snapshot in found:
        if snapshot.error:
            say(f"{snapshot.source}: {snapshot.error}")
    files = [(s.source, file) for s in found if isinstance(s.data, Heap) for file in s.data.files if wanted.fits(file.name)]
    if not files:
        raise ServiceUnavailable(
            "no name fits the filter, and there is no such file"
            if words
            else "no agent is known; name a GC log, or add `heap:` to config.yaml"
        )
    _require_one(len(files), given)
    questions = [HeapOf(file.name, MAX_HEAP_POINTS, _events(given)) for _, file in files]
    if gathered.attached:
        for (source, file), question in zip(files, questions, strict=True):
            yield _told(path, source, file, question)
        return
    from relay_console.config import load
    from relay_console.direct import ask_heap

    for (_, file), told in zip(files, ask_heap(load(path), questions), strict=True):
        yield Report(file, None, told) if isinstance(told, str) else Report(file, told)


def _told(path: Path, source: str, file: HeapFile, question: HeapOf) -> Report:
    try:
        found = asking.tell(path, source, question)
    except ServiceUnavailable as trouble:
        return Report(file, None, "; ".join(trouble.lines))
    return Report(file, found) if isinstance(found, HeapPast) else Report(file, None, f"{source}: the daemon tells no past; restart it")


def _tell(reports: Iterator[Report], given: dict[str, Any]) -> int:
    code = 0
    for number, report in enumerate(reports):
        if report.why:
            say(report.why if report.file.file in report.why else f"{report.file.file}: {report.why}")
            code = 1
        if report.file.error and report.past is None:
            continue
        if given["is_report"]:
            write_lines([*([""] if number else []), *_lines(report, given)])
        _write(report, given)
    return code


def _lines(report: Report, given: dict[str, Any]) -> Iterator[str]:
    from tui.format import to_ascii

    cells = shutil.get_terminal_size((tables.WIDE, 24)).columns if sys.stdout.isatty() else tables.WIDE
    past = None if report.past is None else replace(report.past, events=report.past.events[:LISTED])
    for line in tables.render(heappage.sections(report.file, past, time.time()), is_coloured(given["no_color"]), cells):
        yield to_ascii(line) if given["is_ascii"] else line


def _write(report: Report, given: dict[str, Any]) -> None:
    now = time.time()
    if given["svg"] is not None:
        _write_file(given["svg"], "svg", heappage.svg(report.file, report.past))
    if given["html"] is not None:
        _write_file(given["html"], "html", heappage.html(report.file, report.past, now))


def _write_file(name: str, kind: str, text: str) -> None:
    """Replaces only what was such a file: OUT is easily mistaken for the log. Raises ActionFailed."""
    data = text.encode(errors="replace")
    if name == STDIO:
        return write_bytes(data)
    path = Path(name)
    try:
        if path.exists():
            if not path.is_file():
                raise ActionFailed(f"{name} is no regular file; give another name, or - for standard output")
            with path.open("rb") as file:
                start = file.read(len(OURS[kind]))
            if start and start.lower() != OURS[kind]:
                raise ActionFailed(f"{name} is there and is no {kind.upper()} file; give another name")
        path.write_bytes(data)
    except OSError as error:
        raise ActionFailed(f"{name} cannot be written: {error.strerror or error}") from None
