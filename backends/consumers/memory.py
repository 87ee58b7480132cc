"""Every consumer of one source over time: a fold over observations into the snapshot, its totals and what happened. No I/O, no clock.

Nothing is summed of which a part is unknown, but for rates: those say of how many partitions they are.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct

from backends.consumers.consumption import Consumption, Observation, Siblings, all_known
from backends.consumers.steady import ALARMS
from backends.consumers.verdicts import overall
from backends.questions import History, HistoryOf
from backends.rates import total
from backends.snapshots import Consumer, Offsets, Total, Verdict
from backends.source import Unavailable
from backends.wording import count, listed

T = TypeVar("T")
Key = tuple[str, str | None]  # consumer, topic

BREATH = 200  # partitions between two looks at the loop's other work: 5 ms
MAX_TOLD = 20  # events of one reading told one by one; a thousand nodes that vanish must not push out every other event
MAX_BLAMED = 3  # consumers named in the reason of a total


class News(Struct, frozen=True):
    severity: str
    text: str


async def gently(items: Iterable[T], weigh: Mapping[int, int] | None = None) -> AsyncIterator[T]:
    """The same items, with room for the loop's other work: a thousand nodes of 32 partitions are a second of arithmetic. `weigh` has the
    partitions of each item by its place."""
    load = 0
    for number, item in enumerate(items):
        load += 1 + (weigh.get(number, 0) if weigh else 0)
        if load >= BREATH:
            load = 0
            await asyncio.sleep(0)
        yield item


class Memory:
    def __init__(self, allowed_lag: int) -> None:
        self._allowed = allowed_lag
        self._consumers: dict[Key, Consumption] = {}
        self._has_begun = False

    async def take(self, seen: Sequence[Observation], now: float) -> tuple[Offsets, list[News]]:
        """The snapshot and what happened since the one before. What is no longer there is forgotten."""
        before, keys = self._consumers, [(each.name, each.topic) for each in seen]
        news = _came_and_went(before.keys(), keys) if self._has_begun else []
        self._consumers, self._has_begun = {key: before.get(key) or Consumption(self._allowed) for key in keys}, True
        partitions = sum(len(each.offsets) for each in seen)
        weigh = {number: len(each.offsets) for number, each in enumerate(seen)}
        async for key, observation in gently(zip(keys, seen, strict=True), weigh):
            told = self._consumers[key].feed(observation, now, partitions)
            news += [News("warning" if "went back" in text or "another log" in text else "info", f"{_named(key)}: {text}") for text in told]
        groups = {key: (each.application or "", self._consumers[key]) for key, each in zip(keys, seen, strict=True)}
        siblings = await _siblings(groups, weigh, now)
        consumers = tuple([each.consumer(now, siblings[key]) async for key, each in gently(self._consumers.items(), weigh)])
        await asyncio.sleep(0)
        applications = _applications(consumers)
        await asyncio.sleep(0)
        return Offsets(consumers, applications, total_of("all", consumers) if consumers else None), _bounded(news)

    def history(self, question: HistoryOf) -> History:
        """Raises Unavailable."""
        key = question.consumer, question.topic
        if key not in self._consumers and question.topic is None:
            key = next((known for known in self._consumers if known[0] == question.consumer), key)
        if key not in self._consumers:
            raise Unavailable(f"nothing is known of a consumer {_named(key)!r}; it may be gone, or was not read yet")
        return History(*key, self._consumers[key].history(question.partition, question.points))


def _named(key: Key) -> str:
    return " ".join(filter(None, key))


def _came_and_went(before: Iterable[Key], after: Iterable[Key]) -> list[News]:
    old, new = set(before), set(after)
    came = [News("info", f"{_named(key)}: a new consumer") for key in after if key not in old]
    return came + [News("info", f"{_named(key)}: is no longer there") for key in before if key not in new]


def _bounded(news: list[News]) -> list[News]:
    """The worse ones first when there are too many."""
    if len(news) <= MAX_TOLD:
        return news
    ordered = sorted(news, key=lambda each: each.severity != "warning")
    return [*ordered[:MAX_TOLD], News(ordered[MAX_TOLD].severity, f"and {count(len(news) - MAX_TOLD, 'more change')} at once")]


async def _siblings(consumers: Mapping[Key, tuple[str, Consumption]], weigh: Mapping[int, int], now: float) -> dict[Key, Siblings]:
    """Nodes of the same application; where there are no applications, all other consumers."""
    of: dict[str, Siblings] = {}
    moves: dict[Key, bool] = {}
    async for key, (application, consumer) in gently(consumers.items(), weigh):
        moves[key] = consumer.is_moving(now)
        known = of.get(application, Siblings())
        gaps, times = (known.usual_gap, consumer.usual_gap()), (known.committed_at, consumer.committed_at())
        of[application] = Siblings(known.moving + moves[key], max(filter(None, gaps), default=None), max(filter(None, times), default=None))
    return {
        key: Siblings(of[application].moving - moves[key], of[application].usual_gap, of[application].committed_at)
        for key, (application, _) in consumers.items()
    }


def _applications(consumers: Sequence[Consumer]) -> tuple[Total, ...]:
    """Names that stand for several: the nodes of an application, the topics of a group."""
    by_name: dict[str, list[Consumer]] = {}
    for consumer in consumers:
        by_name.setdefault(consumer.application or consumer.name, []).append(consumer)
    return tuple(total_of(name, parts) for name, parts in by_name.items() if len(parts) > 1)


def total_of(name: str, parts: Sequence[Consumer]) -> Total:
    verdict: Verdict = overall([part.verdict for part in parts])
    behind = [part.catch_up_s for part in parts if part.lag is None or part.lag > 0]
    return Total(
        name=name,
        consumers=len(parts),
        partitions=sum(part.partitions for part in parts),
        records_per_min=total(part.records_per_min for part in parts),
        lag=all_known([part.lag for part in parts], sum),
        time_lag_s=all_known([part.time_lag_s for part in parts], max),
        catch_up_s=all_known(behind, max),
        verdict=verdict,
        reason=_reason(verdict, parts),
    )


def _reason(verdict: Verdict, parts: Sequence[Consumer]) -> str:
    blamed = [part for part in parts if part.verdict == verdict]
    names = listed([_named((part.name, part.topic)) for part in blamed], MAX_BLAMED)
    whose = f"{len(blamed)} of {count(len(parts), 'consumer')} {verdict}: {names}" if verdict in ALARMS else count(len(parts), "consumer")
    lags = [part.lag for part in parts if part.lag is not None]
    lag = "" if not lags else f"lag {sum(lags):,}" + (f" in {len(lags)} of {len(parts)}" if len(lags) < len(parts) else "")
    rated = [part for each in parts for part in each.detail if part.records_per_min["1"] is not None]
    partitions = sum(part.partitions for part in parts)
    rates = f"rates of {len(rated):,} of {partitions:,} partitions" if len(rated) < partitions else ""
    return "; ".join(filter(None, (whose, lag, rates)))
