"""``quarantine``: the lines that the relay refused, read from its files. Works whether or not it runs."""

import heapq
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from relay.storage.quarantine import STEMS, Entry, newest
from relay_console import answers, quick, tables
from relay_console.cli import say
from relay_console.errors import ActionFailed, BadConfiguration
from relay_console.options import Shared, config_option
from relay_console.tables import Title, Word
from tui.format import moment, visible

SHOWN: Final = 200  # characters of a line; --json has all that is kept of it
_TITLES: Final = (Title("TIME"), Title("RECEIVER"), Title("PEER"), Title("CODE"), Title("REASON"), Title("LINE"))


class Found(NamedTuple):
    receiver: str
    entry: Entry


@click.command()
@click.argument("name", required=False)
@click.option("--conflicts", is_flag=True, help="Those whose process number was stored with other content (409).")
@click.option("--limit", type=click.IntRange(min=1), default=50, metavar="N", show_default=True, help="The newest N lines.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object.")
@config_option
@click.pass_obj
def quarantine(shared: Shared, /, name: str | None, conflicts: bool, limit: int, is_json: bool, **given: Any) -> None:
    """Lines that the relay refused, of receiver NAME or of all: when, from whom, why. The newest comes last."""
    path = shared.over(given).path
    directory = quick.directory(path) / ("conflicts" if conflicts else "quarantine")
    receivers = _receivers(directory, name, path)
    try:
        found = list(islice(_newest(directory, receivers, limit), limit))
    except OSError as error:
        raise ActionFailed(f"{error.filename}: {error.strerror}; the relay's files are for its user and group") from None
    found.reverse()
    if is_json:
        sys.stdout.buffer.write(answers.pretty({"schema": answers.SCHEMA, "generated_at": time.time(), "refused": [*map(_plain, found)]}))
        return
    for line in _lines(found, is_one=name is not None):
        click.echo(line)
    if not found:
        say(f"nothing is kept in {directory / name if name else directory}")


def _receivers(directory: Path, name: str | None, path: Path) -> Sequence[str]:
    """Those that have files, also of receivers that are configured no more. Raises ActionFailed for a name that nobody knows."""
    try:
        kept = sorted(place.name for place in directory.iterdir() if place.is_dir())
    except FileNotFoundError:
        kept = []
    except OSError as error:
        raise ActionFailed(f"{directory}: {error.strerror}; the relay's files are for its user and group") from None
    if name is None or name in kept:
        return kept if name is None else [name]
    known = sorted({*kept, *_configured(path)})
    if name not in known:
        raise ActionFailed(f"no receiver has the name {name!r}; there are: {', '.join(known) or 'none'}")
    return []


def _configured(path: Path) -> Iterable[str]:
    """A file with mistakes is no reason to say nothing of what lies on the disk."""
    from relay_console.config import load

    try:
        return [receiver.name for receiver in load(path, asks_librdkafka=False).relay.receivers]
    except BadConfiguration:
        return []


def _newest(directory: Path, receivers: Sequence[str], limit: int) -> Iterator[Found]:
    """Of all of them, newest first. Raises OSError."""
    each = (map(partial(Found, name), newest(directory / name, STEMS[directory.name], limit)) for name in receivers)
    return heapq.merge(*each, key=lambda found: -found.entry.at.timestamp())


def _plain(found: Found) -> dict[str, Any]:
    entry = found.entry
    return {
        "receiver": found.receiver,
        "at": entry.at.timestamp(),
        "peer": entry.peer,
        "code": entry.code,
        "reason": entry.reason,
        "line": entry.line,
        "hex": entry.hex,
    }


def _lines(found: Sequence[Found], *, is_one: bool) -> Iterator[str]:
    titles = tuple(title for title in _TITLES if not (is_one and title.title == "RECEIVER"))
    rows = []
    for receiver, entry in found:
        line = entry.line if len(entry.line) <= SHOWN else f"{entry.line[: SHOWN - 1]}…"
        cells = (moment(entry.at.timestamp()), receiver, entry.peer, str(entry.code), entry.reason, line)
        rows.append(tuple(Word(visible(text)) for title, text in zip(_TITLES, cells, strict=True) if title in titles))
    return tables.table(titles, rows, False) if rows else iter(())
