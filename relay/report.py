"""What the relay says of itself, made once a second while somebody watches.

Of 10,000 connections a screen shows a window: those in trouble, then the newest. Choosing them looks at every connection once (a
millisecond); only the chosen ones are written out.
"""

import heapq
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final

from relay.receiving.connection import Connection
from relay.receiving.receiver import Receiver
from relay.sending.sender import Sender
from relay.status import ConnectionStatus

MAX_CONNECTIONS_SHOWN: Final = 1000  # a snapshot of them is 0.2 MiB
MAX_IN_TROUBLE: Final = MAX_CONNECTIONS_SHOWN // 2  # so that a flood of bad partners does not hide everybody else

_Known = tuple[Receiver, Connection]


def window(receivers: Sequence[Receiver], senders: Sequence[Sender], now: float) -> tuple[int, tuple[ConnectionStatus, ...]]:
    """How many connections there are, and those that are shown, newest first. `now`: the loop's clock."""
    outgoing = [found for sender in senders for found in sender.connection_statuses()][:MAX_CONNECTIONS_SHOWN]
    total = len(outgoing) + sum(len(receiver.connections) for receiver in receivers)
    room = MAX_CONNECTIONS_SHOWN - len(outgoing)
    if total <= MAX_CONNECTIONS_SHOWN:
        chosen = [known for receiver in receivers for known in _newest_first(receiver)]
    else:
        first = list(islice(_merged(map(_in_trouble, receivers)), min(MAX_IN_TROUBLE, room)))
        numbers = {connection.id for _, connection in first}
        others = (known for known in _merged(map(_newest_first, receivers)) if known[1].id not in numbers)
        chosen = [*first, *islice(others, room - len(first))]
    shown = chain(outgoing, (connection.status(receiver.config.name, now) for receiver, connection in chosen))
    return total, tuple(sorted(shown, key=lambda found: found.id, reverse=True))


def _newest_first(receiver: Receiver) -> Iterator[_Known]:
    return ((receiver, connection) for connection in reversed(receiver.connections.values()))


def _in_trouble(receiver: Receiver) -> list[_Known]:
    found = [(receiver, connection) for connection in receiver.connections.values() if connection.session.is_in_trouble]
    found.reverse()
    return found


def _merged(each: "Iterator[Sequence[_Known] | Iterator[_Known]]") -> Iterator[_Known]:
    return heapq.merge(*each, key=lambda known: -known[1].id)
