"""What no single value of a configuration can know: names that must differ, places that collide, columns that must be there.

Pure, but for `options_asked`, which looks at files and asks librdkafka.
"""

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Final, NamedTuple

import msgspec

from backends.kafka import options as kafka_options
from backends.kafka.options import Use, Value
from relay.config import Receiver, Records, RequestLayout, Sender
from relay.sinks import choice as sinks
from settings.convert import BROKEN, Converter
from settings.forms import split_address
from settings.secret import Secret
from settings.wording import Path, spell

OWN_FOLDERS: Final = ("run", "seen", "quarantine", "conflicts", "archive", "failed")  # the relay's, below its directory


class Fault(NamedTuple):
    path: Path
    text: str
    is_key: bool = False  # not the value is wrong but that it stands there


def faults(found: Converter, sections: Sequence[str], directory: PurePath) -> Iterator[Fault]:
    """`sections`: every key of the whole file; `directory`: the relay's, absolute."""
    for rule in (_names, _layouts, _records, _sinks, _listeners, _backoffs, _watched, _options):
        yield from rule(found)
    yield from _references(found, sections)
    yield from _places(found, directory)


def options_asked(found: Converter) -> Iterator[Fault]:
    """What librdkafka and the files that its options name say. Imports it when there are options, and reads no secret."""
    for path, options, use in _kafka_options(found):
        if options:
            yield from _at(path, kafka_options.asked(options, use))


def _names(found: Converter) -> Iterator[Fault]:
    """Unique within each list: the sources of a section, the receivers, the senders."""
    first: dict[tuple[Path, str], Path] = {}
    for path, struct in found.made:
        name = getattr(struct, "name", None)
        if not isinstance(name, str) or not path or not isinstance(path[-1], int):
            continue
        if (path[:-1], name) in first:
            yield Fault((*path, "name"), f"{name!r} is taken by {spell(first[path[:-1], name])}; names differ within a list")
        first.setdefault((path[:-1], name), path)


def _layouts(found: Converter) -> Iterator[Fault]:
    for path, layout in found.of(RequestLayout):
        if layout.key not in layout.columns:
            yield Fault((*path, "key"), f"{layout.key!r} is not one of the columns")
        if layout.max_bytes >= 10**layout.length.digits:
            yield Fault((*path, "max_bytes"), f"{layout.max_bytes} does not fit the {layout.length.digits} digits of the length")
    for path, records in found.of(Records):
        for name, columns in (("request", records.request.columns), ("response", records.response.columns)):
            yield from _columns((*path, name, "columns"), columns, ("length", "type"))
        if records.request.key in records.request.columns and records.request.key not in records.response.columns:
            yield Fault((*path, "response", "columns"), f"the answer has no column {records.request.key!r} (records.request.key)")
        if "code" not in records.response.columns:
            yield Fault((*path, "response", "columns"), "the answer has no column 'code'")


def _columns(path: Path, columns: list[str], needed: tuple[str, ...]) -> Iterator[Fault]:
    for index, column in enumerate(columns):
        if column in columns[:index]:
            yield Fault((*path, index), f"the column {column!r} stands twice")
    for place, name in enumerate(needed):
        if columns[place : place + 1] != [name]:
            yield Fault(path, f"column {place + 1} is {name!r} in every record")
            break


def _records(found: Converter) -> Iterator[Fault]:
    both: list[tuple[Path, Receiver | Sender]] = [*found.of(Receiver), *found.of(Sender)]
    for path, struct in both:
        if struct.record != "request":
            yield Fault((*path, "record"), f"{struct.record!r} is not described under relay.records; known here: request")


def _sinks(found: Converter) -> Iterator[Fault]:
    records = [records for _, records in found.of(Records)]
    columns = (records[0] if records else Records()).request.columns
    for path, receiver in found.of(Receiver):
        for keys, text in sinks.faults(receiver, columns):
            yield Fault((*path, *keys), text)


def _listeners(found: Converter) -> Iterator[Fault]:
    taken: dict[tuple[str, int], Path] = {}
    for path, receiver in found.of(Receiver):
        address = split_address(receiver.listen)
        if address in taken:
            yield Fault((*path, "listen"), f"{receiver.listen} is taken by {spell(taken[address])}")
        taken.setdefault(address, path)


def _backoffs(found: Converter) -> Iterator[Fault]:
    for path, sender in found.of(Sender):
        if sender.backoff.max < sender.backoff.first:
            yield Fault((*path, "backoff", "max"), "smaller than backoff.first")


def _references(found: Converter, sections: Sequence[str]) -> Iterator[Fault]:
    """A key that is called like another section names one of its entries: ``kafka: main`` of offsets is a kafka[].name."""
    for path, struct in found.made:
        for key in set(struct.__struct_fields__).intersection(sections) - set(path):
            wanted = getattr(struct, key)
            names = [entry.name for place, entry in found.made if place[:1] == (key,) and len(place) == 2 and hasattr(entry, "name")]
            is_whole = not any(mistake.path.startswith(key) for mistake in found.mistakes)  # else the entry may only be misspelt there
            if isinstance(wanted, str) and wanted not in names and is_whole:
                yield Fault((*path, key), f"there is no {wanted!r} under {key}; known there: {', '.join(names) or 'none'}")


def _places(found: Converter, directory: PurePath) -> Iterator[Fault]:
    """No folder is used twice, nor inside of another: what one publishes the other would send."""
    taken: list[tuple[PurePath, str]] = [(directory / name, f"the relay's own folder {name}") for name in OWN_FOLDERS]
    used = [(path, "inbox", each.inbox or f"inbox/{each.name}") for path, each in found.of(Receiver)]
    used += [(path, "outbox", each.outbox or f"outbox/{each.name}") for path, each in found.of(Sender)]
    for path, key, folder in used:
        place = directory / folder
        for other, owner in taken:
            if place == other or other in place.parents or place in other.parents:
                yield Fault((*path, key), f"{place} collides with {owner}")
                break
        taken.append((place, f"{spell(path)}.{key}"))


def _watched(found: Converter) -> Iterator[Fault]:
    """The same znodes or groups twice, under two names: each would be read twice, and every figure stand twice on the screen."""
    first: dict[bytes, Path] = {}
    for path, watched in found.made:
        if path[:1] != ("offsets",) or len(path) != 2:
            continue
        plain = {**msgspec.to_builtins(watched), "name": None, "interval": None}
        key = msgspec.json.encode(plain, order="sorted")
        if key in first:
            yield Fault(path, f"the same is watched by {spell(first[key])} already")
        first.setdefault(key, path)


def _options(found: Converter) -> Iterator[Fault]:
    for path, options, use in _kafka_options(found):
        yield from _at(path, kafka_options.faults(options, use))


def _at(path: Path, faults: Iterator[kafka_options.Fault]) -> Iterator[Fault]:
    for name, text, is_name in faults:
        yield Fault((*path, name) if name else path, text, is_name)


def _kafka_options(found: Converter) -> Iterator[tuple[Path, dict[str, Value], Use]]:
    """Also those of a cluster in which something else is wrong. What is broken stands there and has a value that is not known."""
    for path, values in found.mappings.items():
        if path[-2:] == ("kafka", "options") or (path[0] == "kafka" and path[2:] == ("options",)):
            yield (
                path,
                {name: Secret() if value is BROKEN else value for name, value in values.items()},
                "read" if path[0] == "kafka" else "write",
            )
