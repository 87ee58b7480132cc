"""A topic looked into: its clocks, how its times are read, what the last cycle over its cluster cost, and its partitions.

A partition opens into its newest records, and the row above all partitions into the newest of the whole topic.
"""

from collections.abc import Sequence

from backends.questions import Found, RecordsOf, Whole
from backends.snapshots import PayloadForm, Reading, Snapshot, Topic, TopicPartition, Topics
from tui.format import UNKNOWN, age, count, moment, number, rate, size, span, visible
from tui.pane import Cell, Column, Entry, Opening, Role, Row, Section
from tui.panes.records import records_page
from tui.words import verdict

AHEAD = -1.0  # seconds: a record this much in the future means that a clock is wrong
ALL = "all"  # the row above the partitions

PARTITIONS = (
    Column("partition", "PART", 5, "right"),
    Column("state", "STATE", 13),
    Column("records", "RECORDS", 11, "right"),
    Column("end", "END", 14, "right", keep=3),
    Column("leader", "LEAD", 4, "right", keep=5),
    Column("loaded", "LOADED", 7, "right"),
    Column("sent", "SENT", 7, "right"),
    Column("record", "RECORD", 7, "right", keep=4),
    Column("kind", "TIME", 6, keep=7),
    Column("size", "SIZE", 8, "right", keep=6),
    Column("reason", "REASON", 12, least=12, keep=2, grow=True),
    Column("sample", "NEWEST RECORD", 20, least=12, keep=1, grow=True),
)


def since(at: float | None, read_at: float | None, now: float) -> Cell:
    """An age as it was when the record was read."""
    if at is None:
        return Cell(UNKNOWN, "dim")
    seconds = (read_at or now) - at
    role: Role = "warn" if seconds <= AHEAD else ""
    return Cell(age(seconds), role, seconds)


def _leader(part: TopicPartition) -> Cell:
    return Cell("none", "crit") if part.leader is None else Cell(number(part.leader), "dim", part.leader)


def _partition(topic: Topic, part: TopicPartition, now: float) -> Row:
    held = None if part.start is None or part.end is None else part.end - part.start
    cells = (
        Cell(str(part.partition), "", part.partition),
        verdict(part.state),
        Cell(number(held), "", held),
        Cell(number(part.end), "dim", part.end),
        _leader(part),
        since(part.loaded_at, part.read_at, now),
        since(part.sent_at, part.read_at, now),
        since(part.record_at, part.read_at, now),
        Cell(part.record_time or UNKNOWN, "dim"),
        Cell(size(part.value_bytes), "dim" if part.value_bytes is None else "", part.value_bytes),
        Cell(visible(part.reason or ""), "dim"),
        Cell(visible(part.sample or ""), "dim"),
    )
    question = RecordsOf(topic.name, part.partition)
    return Row(str(part.partition), cells, opens=Opening(f"partition {part.partition}", question, records_page(question)))


def _all_partitions(topic: Topic, parts: Sequence[TopicPartition]) -> Row:
    """Opens into the newest records wherever they are."""
    held = [part.end - part.start for part in parts if part.start is not None and part.end is not None]
    texts = {"partition": "all", "records": number(sum(held)) if len(held) == len(parts) else UNKNOWN, "state": "  newest"}
    cells = tuple(Cell(texts.get(column.key, ""), "accent" if column.key in texts else "") for column in PARTITIONS)
    question = RecordsOf(topic.name)
    return Row(ALL, cells, opens=Opening("all partitions", question, records_page(question)))


def payload(form: PayloadForm | None) -> str:
    """`csv ',' loaded column 5, sent column 6, YYYY-MM-DD HH:MM:SS Asia/Seoul; detected, on 12 of 12 records`."""
    if form is None:
        return "nothing was read yet"
    if form.format == "binary":
        tried = f" ({count(form.samples, 'record')} looked at)" if form.samples else ""
        return f"not text, so no times are read from it{tried}"
    where = "column" if form.format == "csv" else "at"
    places = [f"{name} {where} {value}" for name, value in (("loaded", form.loaded), ("sent", form.sent)) if value is not None]
    delimiter = f" {form.delimiter!r}" if form.delimiter else ""
    written = " ".join(part for part in (WRITTEN.get(form.written or "", form.written), form.timezone) if part)
    text = ", ".join(part for part in (f"{form.format}{delimiter} " + (", ".join(places) or "no times in it"), written) if part)
    return visible(f"{text}; {_found_out(form)}{_samples(form)}")


WRITTEN = {
    "auto": "times of any spelling",
    "iso": "YYYY-MM-DD HH:MM:SS",
    "compact": "YYYYMMDDHHMMSS",
    **{f"epoch_{unit}": f"epoch in {unit}" for unit in ("s", "ms", "us", "ns")},
}


def _found_out(form: PayloadForm) -> str:
    named = [name for name, value in (("loaded", form.loaded), ("sent", form.sent), ("written", form.written)) if value is not None]
    if not form.detected:
        return "configured"
    return "detected" if set(named) <= set(form.detected) else f"{', '.join(form.detected)} detected"


def _samples(form: PayloadForm) -> str:
    return f", on {form.fits:,} of {count(form.samples, 'record')}" if form.samples else ""


def reading(made: Reading | None, now: float) -> str:
    """What the last cycle over the cluster cost, and what it left for the next."""
    if made is None:
        return UNKNOWN
    parts = [f"{number(made.moved)} of {count(made.partitions, 'partition')} moved", f"{number(made.read)} read, {size(made.bytes)}"]
    if made.left:
        old = "" if made.oldest_read_at is None else f" (the oldest from {age(now - made.oldest_read_at)} ago)"
        parts.append(f"{number(made.left)} left for the next{old}")
    return f"took {span(made.took_s)}: " + ", ".join(parts)


def _ago(seconds: float | None) -> Cell:
    if seconds is None:
        return Cell(UNKNOWN, "dim")
    return Cell(f"{age(seconds)}: in the future, a clock is wrong", "warn") if seconds <= AHEAD else Cell(f"{age(seconds)} ago")


def _delay(seconds: float | None) -> Cell:
    return Cell(span(seconds), "dim" if seconds is None else "warn" if seconds <= AHEAD else "")


def _cluster(snapshot: Snapshot, now: float) -> list[tuple[str, Cell]]:
    if not isinstance(snapshot.data, Topics):
        return []
    facts = [("Cluster", Cell(visible(f"{snapshot.source}  {snapshot.data.cluster}".strip())))]
    if (made := snapshot.data.reading) is not None:
        facts.append(("Last cycle", Cell(reading(made, now), "warn" if made.left else "")))
    return facts


def detail(entry: Entry, now: float, told: Found | None = None) -> list[Section]:
    topic: Topic = entry.item
    facts = [
        ("State", verdict(topic.state)),
        ("Why", Cell(visible(topic.reason or "within its limits"), "" if topic.reason else "dim")),
        ("Loaded", _ago(topic.loaded_age_s)),
        ("Sent", _ago(topic.sent_age_s)),
        ("Kafka record time", _ago(topic.record_age_s)),
        ("Loaded after sent", _delay(topic.load_delay_s)),
        ("Records a second", Cell(rate(topic.records_per_s))),
        ("Worst partition", Cell(number(topic.worst_partition))),
        ("Read", Cell(moment(entry.snapshot.observed_at))),
        *([("Topic id", Cell(visible(topic.topic_id), "dim"))] if topic.topic_id else []),
        ("Times in values", Cell(payload(topic.payload))),
        *_cluster(entry.snapshot, now),
    ]
    found = [Section(visible(topic.name), facts=tuple(facts), exports=(topic,))]
    if parts := _parts(topic, told):
        rows = tuple(_partition(topic, part, now) for part in parts)
        found.append(Section(f"Partitions {len(rows)}", columns=PARTITIONS, rows=(_all_partitions(topic, parts), *rows)))
    return found


def _parts(topic: Topic, told: Found | None) -> tuple[TopicPartition, ...]:
    """Those that the monitor was asked for; a snapshot has them only where it was not on its way to a console."""
    if isinstance(told, Whole) and isinstance(told.data, Topics):
        return next((each.detail for each in told.data.topics if each.name == topic.name), ())
    return topic.detail
