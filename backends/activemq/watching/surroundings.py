"""What there is on a broker beside its queues: topics, subscribers, connections, networks of brokers. `surroundings` is pure; `Around` at
the end only decides when to ask, and asks.

They are read less often than queues, for they cost as much and matter less. Temporary destinations are left out: a program that asks and
waits for an answer has one for a moment. So are advisory topics and those who listen to them, of which there is one a queue or connection.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nlargest
from typing import Any, Final, Literal, TypeVar, get_args

from msgspec import Struct
from msgspec.structs import replace

from backends.activemq.figures import BROKERS, Count, Reading, table, typed
from backends.activemq.jolokia import HttpReply, JolokiaError, Read, Reply, failure, has_no_match, object_name, parse, requests, shown
from backends.activemq.station import Station
from backends.broker import BrokerConnection, BrokerTopic, Network, Subscriber
from settings.secret import SecretUnavailable

AROUND_S: Final = 30.0
SHARE: Final = 0.02  # of the time, at most, the broker works for this: 10,000 consumers take 5.18 0.6 s
MAX_RETRY_S: Final = 600.0
MAX_ROWS: Final = 2000  # of each list: more than anybody scrolls through, and less than half a MiB for the link
STOMP_SELECTOR: Final = "convert_string_expressions:"  # what the broker writes before a selector that came over STOMP
NOT_CONNECTED: Final = "NOTSET"  # what it writes for the connection of a durable subscriber that is offline
ADVISORY: Final = "ActiveMQ.Advisory."

Part = Literal["topics", "subscribers", "connections", "networks"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)


class TopicFigures(Struct, frozen=True, rename="pascal"):
    name: str
    consumer_count: Count
    producer_count: Count
    enqueue_count: Count
    dequeue_count: Count


class SubscriberFigures(Struct, frozen=True, rename="pascal"):
    destination_name: str
    client_id: str | None = None
    connection_id: str | None = None
    subscription_name: str | None = None  # only a durable one has it; `Durable` is false while it is offline
    selector: str | None = None
    active: bool | None = None
    slow_consumer: bool | None = None
    pending_queue_size: Count | None = None
    dispatched_queue_size: Count | None = None
    dequeue_counter: Count | None = None
    prefetch_size: Count | None = None


class ConnectionFigures(Struct, frozen=True, rename="pascal"):
    """Named one by one: all attributes of a connection cannot be read from 6.3 on."""

    remote_address: str
    client_id: str | None = None
    user_name: str | None = None
    active: bool | None = None
    slow: bool | None = None
    blocked: bool | None = None
    dispatch_queue_size: Count | None = None
    connected_timestamp: Count | None = None  # ms of the epoch


class ConnectorFigures(Struct, frozen=True, rename="pascal"):
    """Of a network connector. Its URI may hold a password and is not read."""

    name: str | None = None
    duplex: bool | None = None


class BridgeFigures(Struct, frozen=True, rename="pascal"):
    remote_broker_name: str | None = None
    remote_address: str | None = None
    created_by_duplex: bool | None = None
    enqueue_counter: Count | None = None
    dequeue_counter: Count | None = None


class VersionReply(Struct, frozen=True):
    agent: str | None = None


_CONSUMER = "endpoint=Consumer,clientId=*,consumerId=*"
_CLIENTS = "connector=clientConnectors,connectorName=*"
READS: Final = (
    Read(f"{BROKERS},destinationType=Topic,destinationName=*", TopicFigures.__struct_encode_fields__),
    Read(f"{BROKERS},destinationType=Queue,destinationName=*,{_CONSUMER}", SubscriberFigures.__struct_encode_fields__),
    Read(f"{BROKERS},destinationType=Topic,destinationName=*,{_CONSUMER}", SubscriberFigures.__struct_encode_fields__),
    # each connection has a second MBean by its remote address
    Read(f"{BROKERS},{_CLIENTS},connectionViewType=clientId,connectionName=*", ConnectionFigures.__struct_encode_fields__),
    Read(f"{BROKERS},connector=networkConnectors,networkConnectorName=*", ConnectorFigures.__struct_encode_fields__),
    # of a duplex connector the other broker has only a bridge, below connector=duplexNetworkConnectors
    Read(f"{BROKERS},connector=*,networkConnectorName=*,networkBridge=*", BridgeFigures.__struct_encode_fields__),
)
REQUEST: Final = requests(READS, and_version=True)

T = TypeVar("T", bound=Struct)
Keys = Mapping[str, str]  # of an ObjectName
Rows = list[tuple[Keys, T]]


class Surroundings(Struct, frozen=True):
    """As in snapshots.Queues. `why_not`: by part, why it is missing or as old as it is."""

    topics: tuple[BrokerTopic, ...] = ()
    subscribers: tuple[Subscriber, ...] = ()
    connections: tuple[BrokerConnection, ...] = ()
    networks: tuple[Network, ...] = ()
    totals: dict[str, int] = {}
    at: float | None = None  # epoch seconds; None: never read
    agent: str | None = None  # the version of Jolokia
    why_not: Mapping[str, str] = {}


def surroundings(
    replies: Sequence[Reply], broker: str, is_shown: Callable[[str], bool], before: Surroundings, at: float, over_s: float | None
) -> Surroundings:
    """What the replies to REQUEST say, of this `broker`. A part that failed keeps the rows it had. `over_s`: since `before` was read."""
    topics, queue_consumers, topic_consumers, connections, connectors, bridges, version = replies
    wanted: Mapping[Part, Callable[[], list[Any]]] = {
        "topics": lambda: _topics(_rows(topics, TopicFigures, broker), is_shown, before.topics, over_s),
        "subscribers": lambda: [
            *_subscribers("queue", _rows(queue_consumers, SubscriberFigures, broker), is_shown),
            *_subscribers("topic", _rows(topic_consumers, SubscriberFigures, broker), is_shown),
        ],
        "connections": lambda: [_connection(*row) for row in _rows(connections, ConnectionFigures, broker)],
        "networks": lambda: _networks(_rows(connectors, ConnectorFigures, broker), _rows(bridges, BridgeFigures, broker)),
    }
    found: dict[str, Any] = {}
    totals: dict[str, int] = {}
    why_not: dict[str, str] = {}
    for part, make in wanted.items():
        try:
            rows = make()
        except JolokiaError as error:
            found[part] = getattr(before, part)
            if part in before.totals:
                totals[part] = before.totals[part]
            why_not[part] = ("denied: " if error.trouble == "policy" else "") + error.detail
            continue
        found[part] = tuple(sorted(nlargest(MAX_ROWS, rows, _WORTH[part]), key=_ORDER[part]))
        if len(rows) > MAX_ROWS:
            totals[part] = len(rows)
    agent: VersionReply | None = typed(version.value, VersionReply) if version.status == 200 else None
    return Surroundings(**found, totals=totals, at=at, agent=None if agent is None else agent.agent, why_not=why_not)


def _rows(reply: Reply, kind: type[T], broker: str) -> Rows[T]:
    """Raises JolokiaError."""
    if has_no_match(reply):
        return []
    if reply.status == 404:
        raise JolokiaError("broken", "one of them went while all were read")
    if reply.status != 200:
        raise failure(reply)
    found = ((object_name(mbean), row) for mbean, row in table(reply.value, kind).items())
    return [(keys, row) for keys, row in found if row is not None and keys.get("brokerName") == broker]


def _is_wanted(name: str, is_shown: Callable[[str], bool]) -> bool:
    return is_shown(name) and not name.startswith(ADVISORY)


def _topics(
    rows: Rows[TopicFigures], is_shown: Callable[[str], bool], before: Iterable[BrokerTopic], over_s: float | None
) -> list[BrokerTopic]:
    known = {topic.name: topic.enqueued for topic in before}

    def rate(topic: TopicFigures) -> float | None:
        """A counter that went back is a gap."""
        old = known.get(topic.name)
        return None if old is None or not over_s or topic.enqueue_count < old else (topic.enqueue_count - old) / over_s

    return [
        BrokerTopic(row.name, row.consumer_count, row.producer_count, row.enqueue_count, row.dequeue_count, rate(row))
        for _, row in rows
        if _is_wanted(row.name, is_shown)
    ]


def _subscribers(kind: Literal["queue", "topic"], rows: Rows[SubscriberFigures], is_shown: Callable[[str], bool]) -> list[Subscriber]:
    return [
        Subscriber(
            destination=row.destination_name,
            kind=kind,
            client_id=row.client_id or keys.get("clientId", ""),
            subscription=row.subscription_name,
            active=row.active is not False,
            selector=None if row.selector is None else row.selector.removeprefix(STOMP_SELECTOR),
            pending=row.pending_queue_size if kind == "topic" else None,
            in_flight=row.dispatched_queue_size,
            dequeued=row.dequeue_counter,
            prefetch=row.prefetch_size,
            slow=bool(row.slow_consumer),
            connection_id=None if row.connection_id == NOT_CONNECTED else row.connection_id,
        )
        for keys, row in rows
        if _is_wanted(row.destination_name, is_shown)
    ]


def _connection(keys: Keys, row: ConnectionFigures) -> BrokerConnection:
    return BrokerConnection(
        client_id=row.client_id or keys.get("connectionName", ""),
        address=row.remote_address.removeprefix("tcp://"),
        connector=keys.get("connectorName", ""),
        user=row.user_name,
        active=bool(row.active),
        slow=bool(row.slow),
        blocked=bool(row.blocked),
        waiting=row.dispatch_queue_size,
        since=row.connected_timestamp / 1000 if row.connected_timestamp else None,
    )


def _networks(connectors: Rows[ConnectorFigures], bridges: Rows[BridgeFigures]) -> list[Network]:
    """A row a bridge, and one for each connector that has none: what it connects to does not answer."""
    names = {keys.get("networkConnectorName", ""): row for keys, row in connectors}
    bridged = {keys.get("networkConnectorName", "") for keys, _ in bridges}
    found = [_bridge(names.get(keys.get("networkConnectorName", "")), keys, row) for keys, row in bridges]
    return found + [
        Network(row.name or name, None, None, row.duplex, False, None, None) for name, row in names.items() if name not in bridged
    ]


def _bridge(connector: ConnectorFigures | None, keys: Keys, row: BridgeFigures) -> Network:
    return Network(
        name=(connector.name if connector is not None else None) or keys.get("networkConnectorName", ""),
        remote_broker=row.remote_broker_name,
        remote_address=row.remote_address,
        duplex=connector.duplex if connector is not None else row.created_by_duplex,
        active=True,
        enqueued=row.enqueue_counter,
        dequeued=row.dequeue_counter,
    )


# What stays where there are too many: those somebody should look at, then the busy ones.
_WORTH: Final[Mapping[Part, Callable[[Any], Any]]] = {
    "topics": lambda row: (row.consumers > 0 or row.producers > 0, row.enqueued),
    "subscribers": lambda row: (row.slow, not row.active, row.pending or 0, row.in_flight or 0),
    "connections": lambda row: (row.blocked, row.slow, row.waiting or 0),
    "networks": lambda row: (not row.active, row.enqueued or 0),
}
_ORDER: Final[Mapping[Part, Callable[[Any], Any]]] = {
    "topics": lambda row: row.name,
    "subscribers": lambda row: (row.destination, row.kind, row.client_id, row.subscription or ""),
    "connections": lambda row: (row.client_id, row.address),
    "networks": lambda row: (row.name, row.remote_address or ""),
}


class Around:
    """`seen` is what was read last, replaced as a whole. Made without I/O."""

    def __init__(self, station: Station, is_shown: Callable[[str], bool]) -> None:
        self._station, self._is_shown = station, is_shown
        self.seen = Surroundings()
        self._of: str | None = None  # the id of the broker that was read last
        self._read_at: float | None = None
        self._next_at = 0.0
        self._is_hurried = True
        self._failures = 0

    def capabilities(self) -> dict[str, bool | str]:
        """The parts that cannot be told, and why."""
        return {**self.seen.why_not}

    def due(self, at: float) -> bool:
        """`at`: seconds of the loop's clock. Another broker, or one that was restarted, is asked at once."""
        reading = self._station.reading
        return reading is not None and (self._is_hurried or at >= self._next_at or reading.broker.broker_id != self._of)

    def hurry(self) -> None:
        """Something was done to the broker."""
        self._is_hurried = True

    async def read(self) -> None:
        """Only where it is due. Trouble is kept as the reason of what is missing; the queues say what there is to say of it."""
        clock, reading = asyncio.get_running_loop().time, self._station.reading
        if reading is None:
            return
        began = clock()
        if reading.broker.broker_id != self._of:
            self.seen, self._of, self._read_at, self._failures = Surroundings(), reading.broker.broker_id, None, 0
        self._is_hurried = False
        try:
            reply = await self._station.client.read(REQUEST)
            at = clock()
            self.seen = await asyncio.to_thread(self._digest, reply, reading, None if self._read_at is None else at - self._read_at)
        except (JolokiaError, SecretUnavailable) as error:
            self._failures += 1
            self._next_at = clock() + min(MAX_RETRY_S, AROUND_S * 2.0 ** min(self._failures, 10))
            said = error.detail if isinstance(error, JolokiaError) else shown(str(error))
            self.seen = replace(self.seen, why_not=dict.fromkeys(PARTS, said))
        else:
            self._failures, self._read_at = 0, at
            self._next_at = began + max(AROUND_S, (at - began) / SHARE)

    def _digest(self, reply: HttpReply, reading: Reading, over_s: float | None) -> Surroundings:
        broker = object_name(reading.mbean).get("brokerName", "")
        return surroundings(parse(reply, len(READS) + 1), broker, self._is_shown, self.seen, self._station.clock(), over_s)
