"""Queues: which ActiveMQ queues pile up; beside them, one tab each, what else there is on the brokers."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from backends.broker import Broker, BrokerConnection, BrokerTopic, Network, Queue, Subscriber
from backends.snapshots import Queues, Snapshot
from tui.format import count, visible
from tui.listpane import ListPane
from tui.pane import Cell, Crossing, Entry, Group
from tui.panes.queue_cells import BROKERS, CONNECTIONS, NETWORKS, QUEUES, SUBSCRIBERS, TOPICS
from tui.panes.queue_detail import detail

QUEUE, TOPIC, SUBSCRIBER, CONNECTION, NETWORK, BROKER = range(6)  # groups
WORDS = ("name", "destination", "client_id", "subscription", "selector", "address", "user", "remote_broker", "remote_address", "id")
Matches = Callable[[Entry], bool]
LATER = "Not read yet: topics, subscribers, connections and networks are read less often than queues."


def entries(snapshot: Snapshot) -> Iterable[Entry]:
    source, data = snapshot.source, snapshot.data
    if isinstance(data, Queues):
        for queue in data.queues:
            yield Entry(f"{source}/{queue.name}", QUEUE, queue, snapshot)
        yield from _around(data, snapshot)
        yield Entry(f"{source}|broker", BROKER, data.broker, snapshot)
    elif snapshot.state != "unconfigured":
        yield Entry(f"{source}|broker", BROKER, Broker(source, None, None, None, None, None, None), snapshot)


def _around(data: Queues, snapshot: Snapshot) -> Iterator[Entry]:
    """Two consumers of one client may look the same in everything: then they are numbered."""
    seen: Counter[str] = Counter()
    named: list[tuple[int, str, BrokerTopic | Subscriber | BrokerConnection | Network]] = [
        *((TOPIC, f"topic|{item.name}", item) for item in data.topics),
        *((SUBSCRIBER, f"subscriber|{item.destination}|{item.client_id}|{item.subscription}", item) for item in data.subscribers),
        *((CONNECTION, f"connection|{item.client_id}|{item.address}", item) for item in data.connections),
        *((NETWORK, f"network|{item.name}|{item.remote_address}", item) for item in data.networks),
    ]
    for group, key, item in named:
        seen[key] += 1
        yield Entry(f"{snapshot.source}|{key}|{seen[key]}", group, item, snapshot)


def words(entry: Entry) -> str:
    item = entry.item
    if isinstance(item, Queue):
        return f"{item.name} {item.verdict} {item.reason} {entry.snapshot.source}"
    parts = [getattr(item, name, None) for name in WORDS]
    return " ".join(part for part in (*parts, entry.snapshot.source) if part)


def crossing(entry: Entry) -> Crossing | str:
    """From a destination to who reads it, from a subscriber to what it reads, from a connection to what it subscribed to."""
    item, source = entry.item, entry.snapshot.source
    if isinstance(item, Queue | BrokerTopic):
        kind = "queue" if isinstance(item, Queue) else "topic"
        nobody = f"no consumer of {visible(item.name)} is told" if item.consumers else f"nobody reads {visible(item.name)}"
        return Crossing("queues", f"of {kind} {item.name}", _reads(item.name, kind, source), nobody, tab="subscribers")
    if isinstance(item, Subscriber):
        tab = "queues" if item.kind == "queue" else "topics"
        found = _is_named(item.destination, source, QUEUE if item.kind == "queue" else TOPIC)
        return Crossing("queues", f"read by {item.client_id}", found, f"{visible(item.destination)} is not shown", narrows=False, tab=tab)
    if isinstance(item, BrokerConnection):
        return Crossing("queues", f"of {item.client_id}", _is_of(item.client_id, source), "it has no subscriptions", tab="subscribers")
    return "nothing belongs to it in another tab"


def _reads(name: str, kind: str, source: str) -> Matches:
    wanted = (name, kind, source)
    return lambda other: isinstance(other.item, Subscriber) and (other.item.destination, other.item.kind, other.snapshot.source) == wanted


def _is_named(name: str, source: str, group: int) -> Matches:
    return lambda other: other.group == group and (other.item.name, other.snapshot.source) == (name, source)


def _is_of(client: str, source: str) -> Matches:
    return lambda other: isinstance(other.item, Subscriber) and (other.item.client_id, other.snapshot.source) == (client, source)


def adapt(group: Group, snapshots: Sequence[Snapshot]) -> Group:
    """How many there are where not all of them are told, and whether they were looked at yet."""
    data = [snapshot.data for snapshot in snapshots if isinstance(snapshot.data, Queues)]
    of = sum(max(each.totals.get(group.name, 0), len(getattr(each, group.name, ()))) for each in data)
    if group.name in ("topics", "subscribers", "connections", "networks") and data and all(each.around_at is None for each in data):
        group = group._replace(nothing=LATER)
    return group._replace(of=of if any(group.name in each.totals for each in data) else 0)


def notices(group: Group, snapshots: Sequence[Snapshot]) -> tuple[Cell, ...]:
    """Queues that exist and have no row."""
    if group.name != "queues":
        return ()
    hidden = [(each.source, each.data.hidden) for each in snapshots if isinstance(each.data, Queues) and each.data.hidden]
    return tuple(
        Cell(f"▴ {visible(source)}: {count(many, 'queue')} hidden by JMX naming: no name of their own there", "warn")
        for source, many in hidden
    )


PANE = ListPane(
    name="queues",
    kind="queues",
    key="5",
    title="Queues",
    groups=(
        Group("queues", "Queues", QUEUES),
        Group("topics", "Topics", TOPICS, nothing="The broker has no topics but its own advisory ones."),
        Group("subscribers", "Subscribers", SUBSCRIBERS, nothing="Nobody reads from a queue or a topic."),
        Group("connections", "Connections", CONNECTIONS, nothing="Nobody is connected to the broker."),
        Group("networks", "Networks", NETWORKS, nothing="The broker has no network connectors."),
        Group("brokers", "Brokers", BROKERS),
    ),
    entries=entries,
    words=words,
    detail=detail,
    crossing=crossing,
    adapt=adapt,
    notices=notices,
    is_tabbed=True,
    nothing="The broker has no queues that the configuration includes; see activemq[].queues in config.yaml.",
)
