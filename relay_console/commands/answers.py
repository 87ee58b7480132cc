"""``status``, ``relays``, ``topics``, ``offsets``, ``queues``: one answer on stdout, from the daemon or from the sources."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from backends.snapshots import Kind, Snapshot
from relay_console import answers, tables
from relay_console.answers import Filter, Gathered
from relay_console.asking import detailed, gather
from relay_console.cli import say
from relay_console.options import DurationType, Shared, config_option
from relay_console.output import is_coloured, write_bytes, write_lines
from relay_console.tables import Title, Word
from tui.format import visible

_STATUS: Final = (Title("STATE"), Title("SOURCE"), Title("KIND"), Title("AGE", "right"), Title("WHAT"), Title("ERROR"))
_ALWAYS_DETAILED: Final = ("offsets",)  # in JSON: partitions are what scripts ask offsets for; topics have theirs when named
_STATUS_ROLES: Final = {"ok": "ok", "stale": "warn", "down": "crit", "denied": "crit", "unconfigured": "dim"}


def answer_options(function: Any) -> Any:
    for option in (
        click.option("--no-color", is_flag=True, help="No colours, not even on a terminal."),
        click.option("--wait", type=DurationType(), metavar="60s", help="Without a daemon: look twice, so that there are rates."),
        click.option("--json", "is_json", is_flag=True, help="One JSON object."),
        config_option,
        click.argument("filters", nargs=-1, metavar="[FILTER]..."),
    ):
        function = option(function)
    return function


@click.command()
@answer_options
@click.pass_obj
def status(shared: Shared, /, filters: Sequence[str], **given: Any) -> None:
    """One line for each source; FILTER: regular expressions on the names of sources."""
    gathered = gather(shared.over(given).path, None, given["wait"])
    wanted = filter_of(filters, frozenset(snapshot.source for snapshot in gathered.snapshots))
    snapshots = [snapshot for snapshot in gathered.snapshots if wanted.fits(snapshot.source)]
    now = time.time()
    if given["is_json"]:
        sources = [answers.source(snapshot, answers.summary(snapshot.data), now) for snapshot in snapshots]
        return _write_json(gathered, sources, now)
    write_lines(_status_lines(snapshots, now, is_coloured(given["no_color"])))
    if not snapshots and wanted.is_narrow:
        say("no name fits the filter")
    if not gathered.attached:
        say("no daemon runs for this configuration; the sources were asked directly")


def _status_lines(snapshots: Sequence[Snapshot], now: float, is_coloured: bool) -> list[str]:
    from tui.format import age

    rows = [
        (
            Word(snapshot.state, _STATUS_ROLES[snapshot.state]),
            Word(visible(snapshot.source)),
            Word(snapshot.kind),
            Word(age(answers.age(snapshot, now))),
            Word(visible(answers.counted(snapshot.data))),
            Word(visible(snapshot.error or "")),
        )
        for snapshot in snapshots
    ]
    return list(tables.table(_STATUS, rows, is_coloured))


def _question(name: str, kind: Kind, text: str) -> click.Command:
    """All the others: the rows of one pane."""

    @click.command(name, help=text)
    @answer_options
    @click.pass_obj
    def ask(shared: Shared, /, filters: Sequence[str], **given: Any) -> int:
        path = shared.over(given).path
        return answer(path, gather(path, kind, given["wait"]), kind, filters, given)

    return ask


def answer(path: Path, gathered: Gathered, kind: Kind, filters: Sequence[str], given: dict[str, Any]) -> int:
    found = answers.of_kind(gathered.snapshots, kind)
    wanted = filter_of(filters, answers.names(found))
    if gathered.attached:
        everything = given["is_json"] and kind in _ALWAYS_DETAILED
        found = [detailed(path, snapshot, wanted.exact & answers.names([snapshot]), everything=everything) for snapshot in found]
    snapshots = [answers.select(snapshot, wanted) for snapshot in found]
    now = time.time()
    if given["is_json"]:
        sources = [answers.source(snapshot, answers.whole(snapshot.data, wanted), now) for snapshot in snapshots]
        _write_json(gathered, sources, now)
    else:
        write_pane(snapshots, kind, wanted, now, is_coloured(given["no_color"]))
    return 69 if answers.has_nothing(found) else 0


def write_pane(snapshots: Sequence[Snapshot], kind: Kind, wanted: Filter, now: float, is_coloured: bool) -> None:
    """The same rows as on the screen; what was asked for by its exact name is shown with its detail."""
    from monitor.store import Store
    from tui.pane import panes

    store = Store()
    for snapshot in snapshots:
        store.apply(snapshot)
    pane = next(pane for pane in panes() if pane.kind == kind)
    sections = pane.sections(store, now)
    if wanted.exact:
        entries = [entry for entry in pane.entries(store) if _is_asked_for(entry.item, wanted)]
        details = [section for entry in entries for section in pane.detail(store, entry.key, now)]
        sections.extend(section for index, section in enumerate(details) if section not in details[index + 1 :])  # the relay's once, last
    write_lines(list(tables.render(sections, is_coloured)))
    for snapshot in snapshots:
        if snapshot.error:
            say(f"{snapshot.source}: {snapshot.error}" + ("" if snapshot.data is None else " (the last rows are shown)"))
    if not sections and not any(snapshot.error for snapshot in snapshots):
        say(pane.empty(store) if not wanted.is_narrow else "no name fits the filter")


def _is_asked_for(item: object, wanted: Filter) -> bool:
    """A connection has the name of its receiver or sender, and all that is to be said of it in its row."""
    return getattr(item, "name", None) in wanted.exact and not hasattr(item, "peer")


def filter_of(words: Sequence[str], names: frozenset[str]) -> Filter:
    try:
        return Filter(words, names)
    except ValueError as error:
        raise click.UsageError(f"FILTER: {error}") from None


def _write_json(gathered: Gathered, sources: list[dict[str, Any]], now: float) -> None:
    write_bytes(answers.as_json(gathered, sources, now))


relays = _question("relays", "relay", "Receivers, senders and connections; FILTER: regular expressions on their names.")
topics = _question("topics", "topics", "Age of the newest record of every topic; a topic named exactly is shown with its partitions.")
offsets = _question("offsets", "offsets", "Records a minute, lag and verdict of every consumer; FILTER: regular expressions on names.")
queues = _question("queues", "queues", "Queues of every broker and what is wrong with them; FILTER: regular expressions on names.")
