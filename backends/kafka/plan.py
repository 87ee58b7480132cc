"""Which partitions are read in a cycle, and in which order. Pure.

The longest unread come first; of those never read, the first partition of every topic before the second of any. Those with huge records
come after all others, one of them in each cycle whatever the budget is, and those that did not answer last time come last: so no topic
starves another, and none starves.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct

from backends.kafka.client import Key
from backends.kafka.config import Budget
from backends.kafka.fetch import Span
from backends.kafka.freshness import Reading

HUGE: Final = 1 << 20  # bytes of a record that is read after all smaller ones
USUAL: Final = 1 << 10  # bytes of a record nobody has seen yet; when it is more, the bytes that came end the cycle


class Plan(Struct, frozen=True):
    spans: dict[Key, Span]  # in their order
    room: int  # bytes


def plan(moved: Mapping[Key, Span], readings: Mapping[Key, Reading], silent: Collection[Key], budget: Budget) -> Plan:
    def size(key: Key) -> int:
        return readings[key].taken if key in readings else USUAL

    def rank(key: Key) -> tuple[bool, float, int, str]:
        return (key in silent, readings[key].read_at if key in readings else 0.0, key[1], key[0])

    order = sorted((key for key in moved if size(key) < HUGE), key=rank)
    huge = sorted((key for key in moved if size(key) >= HUGE), key=rank)
    chosen = _fitting(order, size, budget.bytes, budget.partitions) + huge[:1]
    needed = sum(map(size, chosen))
    chosen += _fitting(huge[1:], size, budget.bytes - needed, budget.partitions - len(chosen))
    return Plan({key: moved[key] for key in chosen}, max(budget.bytes, needed))


def _fitting(keys: Sequence[Key], size: Callable[[Key], int], room: int, most: int) -> list[Key]:
    """As many of the first ones as there is room for."""
    fitting: list[Key] = []
    for key in keys[: max(most, 0)]:
        room -= size(key)
        if room < 0:
            break
        fitting.append(key)
    return fitting
