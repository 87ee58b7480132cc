"""What Enter shows of a queue, and of what else there is on a broker. The broker's card is the last section of each. Pure."""

from collections.abc import Iterable, Sequence

from backends.broker import BROWSE_PAGE, Broker, BrokerConnection, BrokerTopic, Job, Network, Queue, Subscriber
from backends.questions import Found, MessagesOf
from backends.snapshots import Queues, Snapshot
from tui.format import UNKNOWN, age, count, moment, number, rate, size, visible
from tui.pane import Cell, Column, Entry, Field, Row, Section
from tui.panes.messages import messages_opening
from tui.panes.queue_cells import (
    SUBSCRIBERS,
    connection_state,
    network_state,
    of_limit,
    queue_verdict,
    read_ago,
    share,
    subscriber_state,
    trend,
)
from tui.words import verdict

MESSAGES = "messages"  # the row that leads to them
MAX_SUBSCRIBERS = 200  # rows of them in the detail of a queue; the tab has them all

_MESSAGES = (Column("messages", "MESSAGES", 40, least=12, grow=True),)
_JOBS = (
    Column("state", "STATE", 11),
    Column("what", "WHAT", 24, least=12, grow=True),
    Column("done", "DONE", 16, "right"),
    Column("began", "BEGAN", 8, "right", keep=1),
    Column("text", "WHAT CAME OF IT", 20, least=12, grow=True),
)

Facts = tuple[tuple[str, Cell], ...]


def detail(entry: Entry, now: float, told: Found | None = None) -> list[Section]:
    item, data = entry.item, entry.snapshot.data
    if isinstance(item, Queue):
        found = _queue(item, entry, now)
    elif isinstance(item, BrokerTopic):
        found = [Section(visible(item.name), facts=_topic(item)), *_readers(entry, item.name, "topic", now)]
    elif isinstance(item, Subscriber):
        found = [Section(visible(item.client_id), facts=_subscriber(item))]
    elif isinstance(item, BrokerConnection):
        found = [Section(visible(item.client_id), facts=_connection(item, now)), *_subscriptions(entry, item, now)]
    elif isinstance(item, Network):
        found = [Section(visible(item.name), facts=_network(item))]
    else:
        found = []
    if isinstance(data, Queues):
        return [*found, broker_card(data, entry.snapshot, now), *(_jobs(data.jobs, now, None) if isinstance(item, Broker) else ())]
    facts = (("State", verdict(entry.snapshot.state)), ("Error", _text(entry.snapshot.error)))
    return [*found, Section(f"Broker {visible(entry.snapshot.source)}", facts=facts)]


def _text(value: str | None) -> Cell:
    return Cell(visible(value), "") if value else Cell(UNKNOWN, "dim")


def _queue(queue: Queue, entry: Entry, now: float) -> list[Section]:
    facts = (
        ("Verdict", queue_verdict(queue)),
        ("Why", Cell(visible(queue.reason))),
        ("Pending", Cell(f"{number(queue.pending)}, {number(queue.in_flight)} of them in flight")),
        ("Trend", trend(queue)),
        ("Oldest", Cell(oldest(queue, now))),
        ("Consumers", Cell(number(queue.consumers))),
        ("Producers", Cell(number(queue.producers))),
        ("Enqueued", Cell(f"{number(queue.enqueued)}  {rate(queue.enqueue_per_s)}/s")),
        ("Dequeued", Cell(f"{number(queue.dequeued)}  {rate(queue.dequeue_per_s)}/s")),
        ("Expired", Cell(number(queue.expired))),
        ("Memory", share(queue.memory_pct)),
        ("A message", Cell(f"{size(queue.message_bytes)} on average" if queue.message_bytes is not None else UNKNOWN)),
        ("Dead letters", Cell("yes" if queue.dlq else "no", "warn" if queue.dlq and queue.pending else "")),
        ("Paused", Cell("yes" if queue.paused else "no", "accent" if queue.paused else "")),
        *_held(queue),
    )
    how_many = f"browse {count(queue.pending, 'message')}, the oldest first" if queue.pending else "browse: nothing waits in it now"
    row = Row(MESSAGES, (Cell(how_many, "accent"),), opens=messages_opening(MessagesOf(queue.name)))
    own = Section(visible(queue.name), facts=facts, columns=_MESSAGES, rows=(row,), exports=(queue,))
    data = entry.snapshot.data
    jobs = _jobs(data.jobs, now, queue.name) if isinstance(data, Queues) else []
    return [own, *jobs, *_readers(entry, queue.name, "queue", now)]


def _held(queue: Queue) -> Facts:
    if queue.cached is not False or queue.pending <= BROWSE_PAGE:
        return ()
    return (("Browsing", Cell("the broker holds only the first messages in memory: no browse and no selector sees the others", "warn")),)


def oldest(queue: Queue, now: float) -> str:
    """With how it was found out."""
    if queue.oldest_age_s is None:
        return UNKNOWN
    ago = "" if queue.oldest_read_at is None else f" {read_ago(queue.oldest_read_at, now)}"
    how = {"browse": f", its first message was looked at{ago}", "statistics": f", by the statistics plugin{ago}", None: ""}
    return f"{age(queue.oldest_age_s)}{how[queue.oldest_basis]}"


def _rows(items: Iterable[object], fields: Sequence[Field], entry: Entry, now: float) -> tuple[Row, ...]:
    made = (Entry(str(index), entry.group, item, entry.snapshot) for index, item in enumerate(items))
    return tuple(Row(each.key, tuple(field.cell(each, now) for field in fields)) for each in made)


def _without(*left_out: str) -> tuple[Field, ...]:
    return tuple(field for field in SUBSCRIBERS if field.column.key not in ("source", *left_out))


def _readers(entry: Entry, destination: str, kind: str, now: float) -> list[Section]:
    data = entry.snapshot.data
    if not isinstance(data, Queues):
        return []
    found = [each for each in data.subscribers if (each.destination, each.kind) == (destination, kind)]
    return _subscribers_section("Consumers" if kind == "queue" else "Subscribers", found, _without("destination", "kind"), entry, now)


def _subscriptions(entry: Entry, connection: BrokerConnection, now: float) -> list[Section]:
    data = entry.snapshot.data
    found = [each for each in data.subscribers if each.client_id == connection.client_id] if isinstance(data, Queues) else []
    return _subscribers_section("Subscriptions", found, _without("name"), entry, now)


def _subscribers_section(title: str, found: Sequence[Subscriber], fields: Sequence[Field], entry: Entry, now: float) -> list[Section]:
    if not found:
        return []
    many = f"{title} {len(found):,}" if len(found) <= MAX_SUBSCRIBERS else f"{title} {MAX_SUBSCRIBERS} of {len(found):,}"
    rows = _rows(found[:MAX_SUBSCRIBERS], fields, entry, now)
    return [Section(many, columns=tuple(field.column for field in fields), rows=rows)]


def _jobs(jobs: Iterable[Job], now: float, queue: str | None) -> list[Section]:
    found = [job for job in jobs if queue is None or queue in (job.queue, job.to)]
    if not found:
        return []
    return [Section(f"Done to it lately {len(found)}", columns=_JOBS, rows=tuple(_job(job, now) for job in found))]


def _job(job: Job, now: float) -> Row:
    what = f"{job.verb} {job.queue}" + (f" → {job.to}" if job.to else "")
    done = number(job.done) if job.of is None else f"{number(job.done)} of {number(job.of)}"
    cells = (verdict(job.state), Cell(visible(what)), Cell(done), Cell(read_ago(job.began_at, now)), Cell(visible(job.text), "dim"))
    return Row(f"job {job.id}", cells)


def _topic(topic: BrokerTopic) -> Facts:
    return (
        ("Subscribers", Cell(number(topic.consumers))),
        ("Producers", Cell(number(topic.producers))),
        ("Enqueued", Cell(f"{number(topic.enqueued)}  {rate(topic.enqueue_per_s)}/s")),
        ("Dequeued", Cell(number(topic.dequeued))),
    )


def _subscriber(item: Subscriber) -> Facts:
    return (
        ("State", subscriber_state(item)),
        ("Reads", Cell(f"{item.kind} {visible(item.destination)}")),
        ("Subscription", _text(item.subscription and f"durable, {item.subscription}")),
        ("Selector", _text(item.selector)),
        ("Pending", Cell(number(item.pending))),
        ("In flight", Cell(number(item.in_flight))),
        ("Acknowledged", Cell(number(item.dequeued))),
        ("Prefetch", Cell(number(item.prefetch))),
        ("Connection", _text(item.connection_id)),
    )


def _connection(item: BrokerConnection, now: float) -> Facts:
    return (
        ("State", connection_state(item)),
        ("From", _text(item.address)),
        ("Through", _text(item.connector)),
        ("User", _text(item.user)),
        ("On their way to it", Cell(number(item.waiting))),
        ("Since", Cell(UNKNOWN if item.since is None else f"{age(now - item.since)}  {moment(item.since)}")),
    )


def _network(item: Network) -> Facts:
    return (
        ("State", network_state(item)),
        ("To broker", _text(item.remote_broker)),
        ("At", _text(item.remote_address)),
        ("Both ways", _text({True: "yes", False: "no", None: None}[item.duplex])),
        ("Enqueued", Cell(number(item.enqueued))),
        ("Dequeued", Cell(number(item.dequeued))),
    )


def broker_card(data: Queues, snapshot: Snapshot, now: float) -> Section:
    broker = data.broker
    facts = [
        ("Version", Cell(visible(broker.version or UNKNOWN) + (f", Jolokia {visible(broker.agent)}" if broker.agent else ""))),
        ("Up", Cell(age(broker.uptime_s) + (", a standby: its master serves" if broker.standby else ""))),
        ("Store", share(broker.store_pct)._replace(text=of_limit(broker.store_pct, broker.store_limit_bytes))),
        ("Memory", share(broker.memory_pct)._replace(text=of_limit(broker.memory_pct, broker.memory_limit_bytes))),
        ("Temporary", share(broker.temp_pct)._replace(text=of_limit(broker.temp_pct, broker.temp_limit_bytes))),
        ("Queues", Cell(number(len(data.queues)))),
        ("Messages", Cell(number(broker.messages))),
        ("Connections", Cell(number(broker.connections))),
        ("Read", Cell(moment(snapshot.observed_at))),
        ("Id", _text(broker.id)),
    ]
    if broker.persistent is False:
        facts.append(("Persistence", Cell("off: what it holds is lost when it stops", "warn")))
    if data.around_at is not None:
        facts.append(("Topics and more read", Cell(read_ago(data.around_at, now))))
    if data.hidden:
        facts.append(("Hidden", Cell(f"{count(data.hidden, 'queue')} that JMX cannot name or read", "dim")))
    return Section(f"Broker {visible(broker.name)}", facts=(*facts, *_capabilities(broker)))


def _capabilities(broker: Broker) -> list[tuple[str, Cell]]:
    """What it allows, and the rest by the reason why not."""
    if not broker.capabilities:
        return []
    allowed = [name for name, why in broker.capabilities.items() if why is True]
    by_reason: dict[str, list[str]] = {}
    for name, why in broker.capabilities.items():
        if why is not True:
            by_reason.setdefault(why or "no", []).append(name)
    found = [("Can", Cell(visible(", ".join(allowed)), "dim"))] if allowed else []
    return found + [("Cannot", Cell(visible(f"{', '.join(names)}: {why}"), "dim")) for why, names in by_reason.items()]
