"""What else there is on the brokers of the demonstration: topics, subscribers, connections, and the bridge between the two. Pure."""

from typing import Final, NamedTuple

from backends.broker import BrokerConnection, BrokerTopic, Network, Subscriber
from backends.demo.scene import BROKER_AWAY, noise, wave, within
from backends.demo.stock import Stock
from backends.demo.traffic import DAY

READ_EVERY: Final = 30.0  # seconds


class Subscription(NamedTuple):
    """Of a topic. `behind`: messages that wait for it; those of one that is offline grow."""

    topic: str
    client: str
    name: str | None = None
    is_online: bool = True
    selector: str | None = None
    behind: int = 0


TOPICS: Final = {
    "broker-a": (("prices", 38.0), ("audit.events", 6.5), ("config.changes", 0.01), ("공지", 0.0)),
    "broker-b": (("sensor.alarms", 0.4),),
}
SUBSCRIPTIONS: Final = {
    "broker-a": (
        Subscription("prices", "pricing-cache-1"),
        Subscription("prices", "pricing-cache-2", selector="currency = 'KRW' AND change > 0.5"),
        Subscription("audit.events", "audit-archive", "archive"),
        Subscription("audit.events", "audit-report", "monthly-report", is_online=False, behind=4_120),
        Subscription("config.changes", "audit-archive", "config"),
    ),
    "broker-b": (Subscription("sensor.alarms", "alarm-desk", "desk"),),
}
BRIDGE: Final = "to-edge"
ADDRESSES: Final = {"broker-a": "10.40.0.1", "broker-b": "10.40.0.2"}


def topics(broker: str, at: float) -> tuple[BrokerTopic, ...]:
    return tuple(_topic(broker, name, rate, at) for name, rate in TOPICS[broker])


def _topic(broker: str, name: str, rate: float, at: float) -> BrokerTopic:
    subscribed = [each for each in SUBSCRIPTIONS[broker] if each.topic == name]
    came = int(rate * (at + DAY))
    return BrokerTopic(
        name=name,
        consumers=sum(each.is_online for each in subscribed),
        producers=1 if rate else 0,
        enqueued=came,
        dequeued=came * sum(each.is_online for each in subscribed),
        enqueue_per_s=round(wave(name, at, rate), 2),
    )


def subscribers(stock: Stock, at: float) -> tuple[Subscriber, ...]:
    """As many of each queue as it has consumers, and those of the topics."""
    found = [_consumer(stock, queue, number, at) for queue in stock.names() for number in range(stock.consumers(queue))]
    rates = dict(TOPICS[stock.broker])
    return (*found, *(_subscriber(each, rates[each.topic], at) for each in SUBSCRIPTIONS[stock.broker]))


def _consumer(stock: Stock, queue: str, number: int, at: float) -> Subscriber:
    flow, in_flight = stock.flow(queue), stock.in_flight(queue, at)
    client = _worker(queue, number)
    return Subscriber(
        destination=queue,
        kind="queue",
        client_id=client,
        subscription=None,
        active=True,
        selector=None,
        pending=None,
        in_flight=in_flight // 4 + (number < in_flight % 4),
        dequeued=max(0, stock.enqueued(queue, at) - stock.pending(queue, at)) // 4,
        prefetch=10,
        slow=flow is not None and flow.stalled(at) is not None,
        connection_id=_connection_id(client),
    )


def _subscriber(each: Subscription, rate: float, at: float) -> Subscriber:
    return Subscriber(
        destination=each.topic,
        kind="topic",
        client_id=each.client,
        subscription=each.name,
        active=each.is_online,
        selector=each.selector,
        pending=each.behind if each.is_online else each.behind + int(rate * at),
        in_flight=int(noise(each.client, int(at)) * 3) if each.is_online else 0,
        dequeued=int(rate * (at + DAY)) if each.is_online else 0,
        prefetch=100 if each.name else 32_766,
        slow=False,
        connection_id=_connection_id(each.client) if each.is_online else None,
    )


def _worker(queue: str, number: int) -> str:
    return f"{queue.partition('.')[0]}-worker-{number + 1}"


def _connection_id(client: str) -> str:
    return f"ID:{client}-4{int(noise(client, 1) * 9_000) + 1_000}-1762700000000-3:1"


def connections(stock: Stock, at: float, now: float) -> tuple[BrokerConnection, ...]:
    """One of each client, whatever it consumes; a worker of a queue that was deleted is gone."""
    workers = [_worker(queue, number) for queue in stock.names() for number in range(stock.consumers(queue))]
    readers = [each.client for each in SUBSCRIPTIONS[stock.broker] if each.is_online]
    return tuple(_connection(client, stock, at, now) for client in dict.fromkeys([*workers, *readers, "gateway-1", "gateway-2"]))


def _connection(client: str, stock: Stock, at: float, now: float) -> BrokerConnection:
    port = 40_000 + int(noise(client, 2) * 20_000)
    is_stomp = client.startswith(("gateway", "알림"))
    is_behind = client.startswith("settlement") and any(
        flow.stalled(at) is not None for queue in stock.names() if (flow := stock.flow(queue)) is not None
    )
    return BrokerConnection(
        client_id=client,
        address=f"tcp://10.50.{int(noise(client, 3) * 4)}.{int(noise(client, 4) * 250) + 2}:{port}",
        connector="stomp" if is_stomp else "openwire",
        user="gateway" if is_stomp else "worker",
        active=True,
        slow=is_behind,
        blocked=False,
        waiting=40 if is_behind else 0,
        since=now - at - DAY * (1 + 9 * noise(client, 5)),
    )


def networks(broker: str, at: float) -> tuple[Network, ...]:
    """One bridge in both directions, which broker-a opens."""
    other = "broker-b" if broker == "broker-a" else "broker-a"
    is_up = within(BROKER_AWAY, at) is None
    sent, came = int(2.2 * (at + DAY)), int(0.3 * (at + DAY))
    return (
        Network(
            name=BRIDGE,
            remote_broker=other if is_up else None,
            remote_address=f"tcp://{ADDRESSES[other]}:61616" if is_up else None,
            duplex=True,
            active=is_up,
            enqueued=sent if broker == "broker-a" else came,
            dequeued=sent if broker == "broker-a" else came,
        ),
    )
