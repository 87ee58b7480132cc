"""Brokers of the demonstration: dead letters gather in one, the other one goes away for a while."""

from backends.demo.scene import BROKER_AWAY, CONSUMER_STALLED, DEAD_LETTERS, noise, wave, within
from backends.snapshots import Broker, Queue, Queues, QueueVerdict
from backends.source import Unavailable

QUEUES_A = ("orders.in", "orders.out", "orders.dlq", "payments.in", "payments.dlq", "settlement.in", "refunds.in", "mail.out", "알림.대기")
QUEUES_B = ("edge.in", "edge.out", "edge.dlq", "sensor.raw")


def broker_a(at: float, now: float) -> Queues:
    return Queues(_broker("broker-a", "5.18.6", at), tuple(_queue(name, at) for name in QUEUES_A), 4)


def broker_b(at: float, now: float) -> Queues:
    if within(BROKER_AWAY, at) is not None:
        raise Unavailable("connection refused by 10.40.0.2:8161 (Jolokia); is the broker running?")
    return Queues(_broker("broker-b", "6.3.1", at), tuple(_queue(name, at) for name in QUEUES_B), 0)


def _broker(name: str, version: str, at: float) -> Broker:
    can: dict[str, bool | str] = {"browse": True, "send": True, "purge": True if name == "broker-a" else "denied: jolokia-access.xml"}
    return Broker(name, f"ID:{name}-1", version, 86_400 * 12 + at, round(wave(name, at, 31), 1), round(wave(name, at, 12), 1), 0.0, can)


def _queue(name: str, at: float) -> Queue:
    dead = within(DEAD_LETTERS, at) if name == "orders.dlq" else None
    rate = 0.0 if "dlq" in name else 20 + 200 * noise(name, 1)
    enqueue = round(wave(name, at, rate), 1)
    dequeue = enqueue
    pending = int(noise(name, int(at / 5)) * 12) if rate else 0
    word: QueueVerdict = "OK"
    reason = "drains as fast as it fills"
    if dead is not None:
        pending, enqueue, dequeue, word = int(1 + dead * 1.2), 1.2, 0.0, "DLQ"
        reason = f"{pending} dead letters, from orders.in"
    elif "dlq" in name:
        reason = "no dead letters"
    elif name == "settlement.in" and within(CONSUMER_STALLED, at) is not None:
        since = within(CONSUMER_STALLED, at) or 0.0
        pending, dequeue, word = int(40 + since * 60), round(enqueue * 0.4, 1), "GROWING"
        reason = f"{pending - 40:,} more in {since:.0f}s though 4 consumers work"
    consumers = 0 if "dlq" in name else 4
    done = int(rate * (at + 86_400))
    return Queue(
        name=name,
        pending=pending,
        consumers=consumers,
        producers=2 if rate else 0,
        enqueued=done + pending,
        dequeued=done,
        in_flight=min(pending, 4) if consumers else 0,
        enqueue_per_s=enqueue,
        dequeue_per_s=dequeue,
        oldest_age_s=dead if dead is not None else None,
        paused=False,
        dlq="dlq" in name,
        verdict=word,
        reason=reason,
    )
