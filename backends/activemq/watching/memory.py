"""What is remembered of a broker between two readings: rates, trends, verdicts. Pure; `at` is seconds of a clock that never goes back, and
`advance` replaces the memory of the readings before instead of changing it, so a cancelled cycle leaves nothing half done.
"""

import re
from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from backends.activemq.figures import BrokerFigures, Figures, Reading
from backends.activemq.watching.trend import Trend, follow, slope
from backends.broker import OldestBasis, Queue, QueueVerdict
from backends.wording import count

CLOCKS_S = 5.0  # the broker's own start, between our two readings, is told with so much doubt
STUCK_S = 60.0  # a consumer that takes longer for one message exists, but somebody should look at it
MIN_RATE_S = 1.0  # a rate over less is mostly rounding; a refresh by hand keeps the rates before it
MEMORY_PCT = 60  # from here on a queue's memory is worth a word: at 70 the broker keeps only the head of the queue in it
MAX_GAP_S = 180.0  # after a longer silence (or three intervals) rates and trends would describe the gap


class Watch(Struct, frozen=True):
    """What is remembered of one queue. The next rates are measured from `base`, read at `since`."""

    figures: Figures
    base: Figures
    since: float
    enqueue_per_s: float | None = None
    dequeue_per_s: float | None = None
    untouched_since: float | None = None  # messages wait for consumers, and nothing was dequeued
    trend: Trend = Trend()


class News(Struct, frozen=True):
    """What an operator wants in the list of events."""

    severity: str
    text: str


class Memory(Struct, frozen=True):
    """Everything remembered of one broker. `news` is what the last reading brought."""

    broker: BrokerFigures
    at: float
    watches: Mapping[str, Watch]
    news: tuple[News, ...] = ()


def advance(memory: Memory | None, now: Reading, at: float, interval: float) -> Memory:
    """The memory after one more reading. A restarted broker or a long silence starts it over."""
    before: Mapping[str, Watch] = {}
    news: tuple[News, ...] = ()
    if memory is not None and _has_restarted(memory.broker, now.broker):
        news = (_restarted(memory.broker, now.broker, at - memory.at),)
    elif memory is not None and at - memory.at <= max(MAX_GAP_S, 3 * interval):
        before = memory.watches
        news = _reset(before, now.queues)
    return Memory(now.broker, at, {name: _advance(before.get(name), figures, at) for name, figures in now.queues.items()}, news)


def _has_restarted(before: BrokerFigures, now: BrokerFigures) -> bool:
    if before.broker_id != now.broker_id:  # a new one at every start
        return True
    return before.uptime_millis is not None and now.uptime_millis is not None and now.uptime_millis < before.uptime_millis


def _restarted(before: BrokerFigures, now: BrokerFigures, silence_s: float) -> News:
    """A broker that has been up for longer than we heard nothing was not started now: another one took over."""
    ids = "" if before.broker_id == now.broker_id else f": {before.broker_id or 'unknown'} -> {now.broker_id or 'unknown'}"
    up = "" if now.uptime_millis is None else f", up {now.uptime_millis / 1000:.0f} s"
    is_other = now.uptime_millis is not None and now.uptime_millis / 1000 > silence_s + CLOCKS_S
    what = "another broker answers (failed over?)" if is_other else "the broker was restarted"
    return News("warning", f"{what}{ids}{up}; counters, rates and trends start over")


def _reset(before: Mapping[str, Watch], now: Mapping[str, Figures]) -> tuple[News, ...]:
    """All queues whose counters went back, in one sentence: resetting the statistics of a broker does it to thousands."""
    went = [name for name, figures in now.items() if name in before and _went_back(before[name].figures, figures)]
    if not went:
        return ()
    first = min(went)
    old, new = before[first].figures, now[first]
    counts = f"enqueued {old.enqueue_count:,} -> {new.enqueue_count:,}, dequeued {old.dequeue_count:,} -> {new.dequeue_count:,}"
    whose = f"'{first}'" if len(went) == 1 else f"{len(went):,} queues, '{first}' among them,"
    return (News("info", f"the counters of {whose} went back ({counts}): statistics reset, or deleted and made again; rates start over"),)


def _advance(before: Watch | None, figures: Figures, at: float) -> Watch:
    is_reset = before is not None and _went_back(before.figures, figures)
    untouched_since = _untouched_since(before, figures, at, is_reset)
    trend = follow(_trend(before, figures, is_reset), at, figures.queue_size)
    if before is None or is_reset:
        return Watch(figures, figures, at, untouched_since=untouched_since, trend=trend)
    over_s = at - before.since
    if over_s < MIN_RATE_S:
        return replace(before, figures=figures, untouched_since=untouched_since, trend=trend)
    enqueue_per_s = (figures.enqueue_count - before.base.enqueue_count) / over_s
    dequeue_per_s = (figures.dequeue_count - before.base.dequeue_count) / over_s
    return Watch(figures, figures, at, enqueue_per_s, dequeue_per_s, untouched_since, trend)


def _trend(before: Watch | None, figures: Figures, is_reset: bool) -> Trend:
    """Resetting statistics leaves the messages, and so the trend; a queue that was made again has fewer of them."""
    if before is None or (is_reset and figures.queue_size < before.figures.queue_size):
        return Trend()
    return before.trend


def _untouched_since(before: Watch | None, figures: Figures, at: float, is_reset: bool) -> float | None:
    if figures.queue_size <= 0 or figures.consumer_count <= 0:
        return None
    if before is None or before.untouched_since is None or (is_reset and figures.queue_size < before.figures.queue_size):
        return at
    counted_from = 0 if is_reset else before.figures.dequeue_count
    return before.untouched_since if figures.dequeue_count == counted_from else at


def _went_back(before: Figures, now: Figures) -> bool:
    return now.enqueue_count < before.enqueue_count or now.dequeue_count < before.dequeue_count


_DLQ_NAME = re.compile(r"ActiveMQ\.DLQ|DLQ\..*|.*\.dlq", re.IGNORECASE | re.DOTALL)


def is_dead_letters(name: str, is_flagged: bool | None) -> bool:
    """By the broker's flag, which it sets when it writes there and forgets at a restart, or by the names everybody uses."""
    return bool(is_flagged) or _DLQ_NAME.fullmatch(name) is not None


class Oldest(Struct, frozen=True):
    """What is known of a queue's first message. A time ahead of our clock gives a negative age."""

    age_s: float
    basis: OldestBasis
    read_at: float


def rows(memory: Memory, is_shown: Callable[[str], bool], oldest: Mapping[str, Oldest] | None = None) -> tuple[Queue, ...]:
    """The table, by name. A queue of dead letters is shown whatever `is_shown` says of its name. `oldest`: by queue."""
    known = oldest or {}
    return tuple(
        _row(name, watch, memory.at, known.get(name))
        for name, watch in sorted(memory.watches.items())
        if is_shown(name) or is_dead_letters(name, watch.figures.is_dlq)
    )


def _row(name: str, watch: Watch, at: float, oldest: Oldest | None) -> Queue:
    figures = watch.figures
    is_dlq = is_dead_letters(name, figures.is_dlq)
    verdict, reason = _judged(watch, is_dlq, at)
    return Queue(
        name=name,
        pending=max(0, figures.queue_size),  # a broker's own count may dip below zero for a moment
        consumers=figures.consumer_count,
        producers=figures.producer_count,
        enqueued=figures.enqueue_count,
        dequeued=figures.dequeue_count,
        in_flight=max(0, figures.in_flight_count),
        enqueue_per_s=watch.enqueue_per_s,
        dequeue_per_s=watch.dequeue_per_s,
        oldest_age_s=None if oldest is None else oldest.age_s,
        paused=bool(figures.paused),
        dlq=is_dlq,
        verdict=verdict,
        reason=reason + _memory_said(figures),
        expired=figures.expired_count,
        pending_per_s=slope(watch.trend),
        memory_pct=figures.memory_percent_usage,
        message_bytes=figures.average_message_size,
        cached=figures.cache_enabled,
        oldest_basis=None if oldest is None else oldest.basis,
        oldest_read_at=None if oldest is None else oldest.read_at,
    )


def _memory_said(figures: Figures) -> str:
    """The broker stops taking messages into memory near 70 %, and an operator who browses or moves by selector sees only those."""
    if figures.memory_percent_usage is None or figures.memory_percent_usage < MEMORY_PCT or figures.queue_size <= 0:
        return ""
    rest = ", not all of them in memory" if figures.cache_enabled is False else ""
    return f", {figures.memory_percent_usage:,} % of its memory limit used{rest}"


def _judged(watch: Watch, is_dlq: bool, at: float) -> tuple[QueueVerdict, str]:
    """The worst that holds, with the numbers it came from."""
    figures, growth = watch.figures, watch.trend.growth
    pending, consumers = f"{figures.queue_size:,} pending", count(figures.consumer_count, "consumer")
    if is_dlq and figures.queue_size > 0:
        return "DLQ", f"{count(figures.queue_size, 'dead letter')}, {consumers}"
    if figures.paused:
        return "PAUSED", f"paused with {pending}, {consumers}"
    if figures.queue_size > 0 and figures.consumer_count == 0:
        return "NO_CONSUMER", f"{pending}, no consumer"
    if watch.untouched_since is not None and (untouched_s := at - watch.untouched_since) >= STUCK_S:
        held = f"{figures.in_flight_count:,} in flight and not acknowledged" if figures.in_flight_count > 0 else "none handed to a consumer"
        return "STUCK", f"nothing dequeued for {untouched_s:.0f} s: {pending}, {consumers}, {held}"
    if growth is not None and figures.consumer_count > 0:
        taken = "" if watch.dequeue_per_s is None else f", taking {watch.dequeue_per_s:.1f}/s"
        return "GROWING", f"{pending}, {growth.risen:,} more in {growth.over_s:.0f} s ({growth.per_s:.1f}/s), {consumers}{taken}"
    return "OK", f"{pending}, {consumers}"
