"""A consumer, or several as one, looked into: its figures, its group and members, and its partitions with what they did lately.

The trends come from the answer to the pane's inquiry; until it is there their columns are empty. A partition opens into its history.
"""

from backends.questions import MAX_POINTS, Found, History, HistoryOf, PartitionHistory
from backends.snapshots import Consumer, ConsumerPartition, GroupStatus, Member, Offsets, Total
from tui.format import UNKNOWN, age, count, moment, number, sparkline, visible
from tui.pane import Cell, Column, Entry, Opening, Row, Section
from tui.panes.offset_cells import WINDOWS, duration, lag, rates, speed
from tui.panes.offset_history import history_page, lags, speeds
from tui.words import verdict

TREND = 12  # cells
APPLICATION, TOTAL = "/application/", "/total/"  # beginnings of keys: no source has an empty name, and totals come after applications

PARTITIONS = (
    Column("partition", "PART", 5, "right"),
    Column("verdict", "VERDICT", 16),
    Column("offset", "OFFSET", 15, "right", keep=7),
    Column("end", "END", 15, "right", keep=9),
    Column("lag", "LAG", 10, "right"),
    Column("lags", "LAG LATELY", TREND, keep=2),
    Column("rate1", "/min 1m", 8, "right"),
    Column("rates", "RATE LATELY", TREND, keep=1),
    Column("rate5", "/min 5m", 8, "right", keep=8),
    Column("rate15", "/min 15m", 8, "right", keep=10),
    Column("behind", "BEHIND", 7, "right", keep=3),
    Column("committed", "COMMITTED", 10, "right", keep=6),
    Column("owner", "OWNER", 12, least=8, keep=5, grow=True),
    Column("reason", "REASON", 16, least=16, keep=4, grow=True),
)

MEMBERS = (
    Column("client", "CLIENT", 16, least=10, grow=True),
    Column("host", "HOST", 16),
    Column("count", "PART", 5, "right"),
    Column("partitions", "PARTITIONS", 20, keep=1, grow=True),
    Column("id", "MEMBER", 20, least=12, keep=2, grow=True),
)


def _partition(consumer: Consumer, part: ConsumerPartition, seen: PartitionHistory | None, now: float) -> Row:
    committed = Cell(UNKNOWN, "dim") if part.committed_at is None else Cell(age(now - part.committed_at), "", now - part.committed_at)
    points = seen.points if seen is not None else ()
    cells = (
        Cell(str(part.partition), "", part.partition),
        verdict(part.verdict),
        Cell(number(part.offset), "", part.offset),
        Cell(number(part.end), "dim", part.end),
        lag(part.lag),
        Cell(sparkline([value for _, value in lags(points)], TREND), "accent"),
        speed(part.records_per_min, WINDOWS[0]),
        Cell(sparkline([value for _, value in speeds(points)], TREND), "accent"),
        *(speed(part.records_per_min, window) for window in WINDOWS[1:]),
        duration(part.time_lag_s),
        committed,
        Cell(visible(part.owner or ""), "dim"),
        Cell(visible(part.reason), "dim"),
    )
    question = HistoryOf(consumer.name, consumer.topic, part.partition, MAX_POINTS)
    page = history_page(consumer, part)
    return Row(str(part.partition), cells, opens=Opening(f"partition {part.partition}", question, page, is_live=True))


def _member(member: Member) -> Row:
    cells = (
        Cell(visible(member.client_id)),
        Cell(visible(member.host), "dim"),
        Cell(number(len(member.partitions)), "" if member.partitions else "dim"),
        Cell(ranges(member.partitions) or "none of this topic", "" if member.partitions else "dim"),
        Cell(visible(member.id), "dim"),
    )
    return Row(member.id, cells)


def ranges(partitions: tuple[int, ...]) -> str:
    """`0-3, 7`."""
    found: list[list[int]] = []
    for partition in sorted(partitions):
        if found and partition == found[-1][1] + 1:
            found[-1][1] = partition
        else:
            found.append([partition, partition])
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in found)


def _lag(item: Consumer | Total) -> Cell:
    parts = [number(item.lag)]
    if item.time_lag_s is not None:
        parts.append(f"{age(item.time_lag_s)} behind")
    if item.catch_up_s is not None and item.lag:
        parts.append(f"caught up in {age(item.catch_up_s)}")
    return Cell(", ".join(parts), "dim" if item.lag is None else "")


def _group(group: GroupStatus, now: float) -> list[tuple[str, Cell]]:
    state = verdict(group.state)
    described = f"{state.text.strip()}, {count(len(group.members), 'member')}, asked {age(now - group.described_at)} ago"
    kind = f"{group.type} protocol" + (f", assignor {group.assignor}" if group.assignor else "")
    return [("Group", Cell(described, state.role)), ("Protocol", Cell(visible(kind), "dim"))]


def _consumer(consumer: Consumer, entry: Entry, now: float, told: Found | None) -> list[Section]:
    facts = [
        ("Verdict", verdict(consumer.verdict)),
        ("Why", Cell(visible(consumer.reason))),
        ("Records a minute", Cell(rates(consumer.records_per_min))),
        ("Lag", _lag(consumer)),
        ("Topic", Cell(visible(consumer.topic or UNKNOWN) + (f"  in {visible(consumer.cluster)}" if consumer.cluster else ""))),
        ("Layout", Cell(consumer.layout + (f", application {visible(consumer.application)}" if consumer.application else ""))),
        ("Last commit", Cell(moment(consumer.committed_at))),
        ("Source", Cell(visible(entry.snapshot.source))),
        *(_group(consumer.group, now) if consumer.group is not None else []),
    ]
    if consumer.bad_pairs:
        facts.append(("Unreadable", Cell(f"{consumer.bad_pairs} pairs, such as {visible(consumer.bad_sample or '')!r}", "warn")))
    found = [Section(visible(consumer.name), facts=tuple(facts), exports=(consumer,))]
    history = told if isinstance(told, History) else History(consumer.name, consumer.topic, ())
    if parts := history.detail or consumer.detail:
        seen = {each.partition: each for each in history.partitions}
        rows = tuple(_partition(consumer, part, seen.get(part.partition), now) for part in parts)
        found.append(Section(f"Partitions {len(rows)}", columns=PARTITIONS, rows=rows))
    if consumer.group is not None and consumer.group.members:
        members = tuple(_member(member) for member in consumer.group.members)
        found.append(Section(f"Members {len(members)}", columns=MEMBERS, rows=members))
    return found


PARTS = (
    Column("verdict", "VERDICT", 16),
    Column("name", "CONSUMER", 18, least=13, grow=True),
    Column("topic", "TOPIC", 16, least=8, keep=1, grow=True),
    Column("rate1", "/min 1m", 8, "right"),
    Column("rate5", "/min 5m", 8, "right", keep=2),
    Column("rate15", "/min 15m", 8, "right", keep=3),
    Column("lag", "LAG", 10, "right"),
    Column("behind", "BEHIND", 7, "right", keep=1),
)


def _part(consumer: Consumer) -> Row:
    cells = (
        verdict(consumer.verdict),
        Cell(visible(consumer.name)),
        Cell(visible(consumer.topic or UNKNOWN)),
        *(speed(consumer.records_per_min, window) for window in WINDOWS),
        lag(consumer.lag),
        duration(consumer.time_lag_s),
    )
    return Row(f"{consumer.name}/{consumer.topic or ''}", cells)


def _total(total: Total, entry: Entry) -> list[Section]:
    is_whole = entry.key.startswith(TOTAL)
    facts = (
        ("Verdict", verdict(total.verdict)),
        ("Why", Cell(visible(total.reason))),
        ("Records a minute", Cell(rates(total.records_per_min))),
        ("Lag", _lag(total)),
        ("Together", Cell(f"{count(total.consumers, 'consumer')}, {count(total.partitions, 'partition')}")),
        ("Source", Cell(visible(entry.snapshot.source))),
    )
    title = f"all of {visible(entry.snapshot.source)}" if is_whole else visible(total.name)
    data = entry.snapshot.data
    consumers = data.consumers if isinstance(data, Offsets) else ()
    parts = tuple(_part(each) for each in consumers if is_whole or total.name in (each.application, each.name))
    found = [Section(title, facts=facts, exports=(total,))]
    return [*found, Section(f"Consumers {len(parts)}", columns=PARTS, rows=parts)] if parts else found


def detail(entry: Entry, now: float, told: Found | None = None) -> list[Section]:
    if isinstance(entry.item, Total):
        return _total(entry.item, entry)
    return _consumer(entry.item, entry, now, told)
