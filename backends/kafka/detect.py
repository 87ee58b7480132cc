"""How the times in a topic's values are written, found out from its newest records. Pure.

Each value is looked at once and leaves a short finding: which columns, at which delimiter, or which well-known names of a JSON document
hold a credible time. `choose` makes one layout out of the findings of many, and says so where they leave a choice:

1. JSON when there are more documents than lines, else columns. The delimiter is the one that shows times in the most values.
2. Columns: 5 is loaded and 6 is sent where both hold times (the platform's own convention). Else the two columns with times most often;
   the later of the two times is loaded, as nothing is loaded before it is sent. A single one is sent, unless it is column 5.
3. JSON: by names only, since any number may look like an epoch; the best known name counts, then the shallowest.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from itertools import islice
from typing import Any, Final, Literal, NamedTuple

from msgspec import Struct

from backends.kafka.config import AUTO
from backends.kafka.payload import Layout, Place, spell_place
from backends.kafka.timestamps import Format, parse_time, spelling_of
from backends.kafka.values import (
    MAX_READ,
    NoDocument,
    Pointer,
    document_of,
    is_utf8,
    looks_like_document,
    not_text,
    row_of,
    text_of,
    time_text,
)

DELIMITERS: Final = (",", "|", "\t", ";")
CONVENTION: Final = (5, 6)  # loaded, sent
MAX_COLUMNS = 64  # of a line that are looked at for times
MAX_DEPTH = 4  # of a document
MAX_NODES = 256  # of a document: names of times stand near its beginning
NEAR_S = 86400.0  # a time this near to the record's own is rather one of this record than one of what it tells
ENOUGH = 0.5  # of the texts: what fits fewer is no form of this topic
ALWAYS = 0.8  # of the values in which one time is later than the other: then it always is

LOADED_NAMES: Final = ("loadedat", "loadtime", "loaded", "loadts", "loadtimestamp", "ingestedat", "ingesttime", "ingestiontime", "storedat")
SENT_NAMES: Final = (
    "sentat", "sendtime", "sent", "sentts", "eventtime", "eventtimestamp", "eventat", "timestamp", "ts", "tsms", "time", "createdat",
    "producedat", "occurredat", "datetime", "date",
)  # fmt: skip

Kind = Literal["csv", "json", "binary"]
Asked = Place | Literal["auto"] | None


class Wanted(Struct, frozen=True):
    """What the configuration says, "auto" where it leaves it to us. A column or a delimiter makes it csv, a pointer json."""

    format: Literal["auto", "csv", "json"]
    delimiter: str
    loaded: Asked
    sent: Asked
    time: Format
    zone: tzinfo


class Sighting(NamedTuple):
    at: float
    written: Format
    is_near: bool  # to the record's own time


class Finding(Struct, frozen=True):
    """`times` by delimiter (None: JSON) and place."""

    kind: Kind
    times: Mapping[tuple[str | None, Place], Sighting] = {}
    binary: str | None = None  # what it is, when it is no text


class Choice(Struct, frozen=True):
    """`layout` None: the values have no times that we know of."""

    kind: Kind
    layout: Layout | None
    fits: int
    written: str | None = None
    note: str | None = None  # what the records leave open


def look(value: bytes, wanted: Wanted, record_at: float | None, now: float) -> Finding:
    """What one value may be. Takes a bounded time whatever it is."""
    sight = _Eye(wanted, record_at, now).sight
    if wanted.format != "csv" and looks_like_document(value):
        try:
            document = document_of(value)
        except NoDocument:
            pass
        else:
            named = _named(document)
            return Finding("json", {(None, place): seen for place, text in named if (seen := sight(text)) is not None})
    text = text_of(value)
    times: dict[tuple[str | None, Place], Sighting] = {}
    for delimiter in DELIMITERS if wanted.delimiter == AUTO else (wanted.delimiter,):
        if delimiter in text:
            row = row_of(text, delimiter, 0, cut=len(value) > MAX_READ)[:MAX_COLUMNS]
            times.update({(delimiter, n): seen for n, each in enumerate(row, 1) if (seen := sight(each)) is not None})
    if not times and (other := not_text(value) or (None if is_utf8(value) else "no UTF-8")):
        return Finding("binary", binary=other)
    return Finding("csv", times)


class _Eye:
    def __init__(self, wanted: Wanted, record_at: float | None, now: float) -> None:
        self._wanted, self._record_at, self._now = wanted, record_at, now

    def sight(self, text: str) -> Sighting | None:
        text = text.strip()
        if len(text) < 10 or not text[0].isdecimal():  # no time is shorter; most columns end here
            return None
        at = parse_time(text, self._wanted.time, self._wanted.zone, self._now)
        written = spelling_of(text)
        if at is None or written is None:
            return None
        return Sighting(at, written, self._record_at is not None and abs(at - self._record_at) < NEAR_S)


def _named(document: Any) -> list[tuple[Pointer, str]]:
    """The values with a name of a time, breadth first."""
    found: list[tuple[Pointer, str]] = []
    level: list[tuple[Pointer, Any]] = [((), document)]
    left = MAX_NODES
    for _ in range(MAX_DEPTH):
        children = list(islice((((*steps, name), child) for steps, node in level for name, child in _children(node)), left))
        left -= len(children)
        level = [(steps, child) for steps, child in children if isinstance(child, dict | list)]
        texts = [(steps, time_text(child)) for steps, child in children if _plain(steps[-1]) in _RANKS]
        found += [(steps, text) for steps, text in texts if text is not None]
    return found


def _children(node: Any) -> Iterable[tuple[str, Any]]:
    """Of a list only the first item is looked at."""
    if isinstance(node, dict):
        return node.items()
    return [("0", node[0])] if isinstance(node, list) and node else ()


def _plain(name: str) -> str:
    return "".join(letter for letter in name[:64].lower() if letter.isalnum())


_RANKS: Final = {name: rank for names in (LOADED_NAMES, SENT_NAMES) for rank, name in enumerate(names)}


def choose(findings: Sequence[Finding], wanted: Wanted) -> Choice:
    """One layout for all of them, newest values first or last alike."""
    kinds = Counter(finding.kind for finding in findings)
    if wanted.format == "auto" and kinds["binary"] > len(findings) / 2:
        return Choice("binary", None, kinds["binary"])
    is_json = wanted.format == "json" or (wanted.format == "auto" and kinds["json"] > kinds["csv"])
    return _json(findings, wanted) if is_json else _csv(findings, wanted)


def _csv(findings: Sequence[Finding], wanted: Wanted) -> Choice:
    texts = [finding for finding in findings if finding.kind != "binary"]
    delimiter = wanted.delimiter if wanted.delimiter != AUTO else _delimiter(texts)
    seen = [{place: one for (by, place), one in finding.times.items() if by == delimiter} for finding in texts]
    places = _often(seen)
    if wanted.loaded == AUTO == wanted.sent:
        loaded, sent, note = _pair(places, seen)
    else:
        loaded, sent, note = _fill(places, wanted)
    return _choice("csv", delimiter or ",", loaded, sent, seen, wanted, note)


def _delimiter(texts: Iterable[Finding]) -> str | None:
    """The one that shows times in the most values, then the most times. None: there is no time at all."""
    values: Counter[str] = Counter()
    times: Counter[str] = Counter()
    for finding in texts:
        by = [delimiter for delimiter, _ in finding.times if delimiter is not None]
        times.update(by)
        values.update(set(by))
    ranked = sorted(values, key=lambda each: (-values[each], -times[each], DELIMITERS.index(each)))
    return ranked[0] if ranked else None


def _often(seen: Sequence[Mapping[Place, Sighting]]) -> list[Place]:
    """Places that hold a time in enough of the values; first those that do so most often, near the record's own time, and as a text."""
    hits = Counter(place for each in seen for place in each)
    near = Counter(place for each in seen for place, one in each.items() if one.is_near)
    texts = Counter(place for each in seen for place, one in each.items() if one.written in ("iso", "compact"))
    often = [place for place in hits if hits[place] > len(seen) * ENOUGH or hits[place] == len(seen)]
    return sorted(often, key=lambda place: (-near[place], -hits[place], -texts[place], str(place).zfill(4)))


def _pair(places: Sequence[Place], seen: Sequence[Mapping[Place, Sighting]]) -> tuple[Place | None, Place | None, str | None]:
    if not places:
        return None, None, None
    if set(CONVENTION) <= set(places):
        return *CONVENTION, None
    if len(places) == 1:
        return (places[0], None, None) if places[0] == CONVENTION[0] else (None, places[0], None)
    first, second = sorted(places[:2], key=lambda place: str(place).zfill(4))
    both = [(each[first].at, each[second].at) for each in seen if first in each and second in each]
    later = sum(a > b for a, b in both), sum(b > a for a, b in both)
    loaded, sent = (second, first) if later[1] > later[0] else (first, second)
    if len(places) > 2:
        rest = ", ".join(str(place) for place in sorted(places, key=str))
        return loaded, sent, f"columns {rest} hold times; {loaded} is taken for loaded and {sent} for sent"
    if max(later) < len(both) * ALWAYS:
        return loaded, sent, f"neither of columns {first} and {second} is always the later; {loaded} is taken for loaded"
    return loaded, sent, None


def _fill(places: Sequence[Place], wanted: Wanted) -> tuple[Place | None, Place | None, str | None]:
    """One is given: the other is found out, if it is asked for."""
    given = {wanted.loaded, wanted.sent}
    rest = [place for place in places if place not in given]
    found = [each if each != AUTO else (rest[0] if rest else None) for each in (wanted.loaded, wanted.sent)]
    note = f"columns {', '.join(str(place) for place in sorted(rest, key=str))} hold times; {rest[0]} is taken" if len(rest) > 1 else None
    return _place(found[0]), _place(found[1]), note if AUTO in given else None


def _place(asked: Asked) -> Place | None:
    return None if isinstance(asked, str) else asked


def _json(findings: Sequence[Finding], wanted: Wanted) -> Choice:
    seen = [{place: one for (by, place), one in finding.times.items() if by is None} for finding in findings if finding.kind != "binary"]
    often = _often(seen)
    loaded, unsure = _best(often, LOADED_NAMES) if wanted.loaded == AUTO else (_place(wanted.loaded), None)
    sent, unsure_too = _best(often, SENT_NAMES) if wanted.sent == AUTO else (_place(wanted.sent), None)
    return _choice("json", "", loaded, sent, seen, wanted, "; ".join(note for note in (unsure, unsure_too) if note) or None)


def _best(places: Iterable[Place], names: Sequence[str]) -> tuple[Place | None, str | None]:
    """The place with the best known name, and a note when another one is as good."""
    ranked = sorted((names.index(name), len(p), p) for p in places if not isinstance(p, int) and (name := _plain(p[-1])) in names)
    if not ranked:
        return None, None
    best = ranked[0][2]
    equal = [spell_place(place) for rank, depth, place in ranked if (rank, depth) == ranked[0][:2]]
    return best, f"{' and '.join(equal[:3])} hold times; {spell_place(best)} is taken" if len(equal) > 1 else None


def _choice(
    kind: Literal["csv", "json"], delimiter: str, loaded: Place | None, sent: Place | None,
    seen: Sequence[Mapping[Place, Sighting]], wanted: Wanted, note: str | None,
) -> Choice:  # fmt: skip
    if loaded is None and sent is None:
        return Choice(kind, None, 0)
    fits = sum(any(place in each for place in (loaded, sent)) for each in seen)
    written = [_spelling(place, seen) for place in (loaded, sent) if place is not None]
    spelled = ", ".join(dict.fromkeys(each for each in written if each))
    return Choice(kind, Layout(kind, delimiter, loaded, sent, wanted.time, wanted.zone), fits, spelled or None, note)


def _spelling(place: Place, seen: Iterable[Mapping[Place, Sighting]]) -> Format | None:
    found = Counter(each[place].written for each in seen if place in each)
    return found.most_common(1)[0][0] if found else None
