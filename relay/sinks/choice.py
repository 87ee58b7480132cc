"""Which sink a receiver has: what must fit together in its configuration, and the outlet of the broker it names."""

from collections.abc import Iterator, Sequence

from relay.config import Broker, Codes, Receiver, Sink
from relay.sinks.activemq import ActiveMQOutlet
from relay.sinks.kafka import KafkaOutlet
from relay.sinks.outlet import Outlet


def faults(receiver: Receiver, columns: Sequence[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Keys below the receiver that do not go together, and a sentence. `columns` of a request."""
    sink = receiver.sink
    if sink == "file":
        return
    where, broker = (("sink", "forward"), sink.forward) if sink.forward is not None else (("sink",), sink)
    if broker.kafka is not None and broker.kafka.key not in columns:
        yield (*where, "kafka", "key"), f"{broker.kafka.key!r} is not one of the columns of a request"
    if receiver.publish == "in_place":
        yield ("publish",), "in_place is for consumers that read the inbox while it is written; with this sink there are none"
    if receiver.inbox and sink.forward is None:
        yield ("inbox",), "with this sink there is no inbox; leave it out"


def outlet(broker: Sink | Broker, columns: Sequence[str], codes: Codes) -> Outlet:
    if broker.kafka is not None:
        return KafkaOutlet(broker.kafka, columns, codes)
    assert broker.activemq is not None  # their Broker is one of the two
    return ActiveMQOutlet(broker.activemq, codes)


def timeout(broker: Sink | Broker) -> float:
    """Seconds that one delivery may take."""
    found = broker.kafka or broker.activemq
    assert found is not None
    return found.timeout
