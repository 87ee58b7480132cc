"""Our verdicts and Burrow's on the same trace, counted: false alarms, misses, delay, flaps."""

import itertools
from collections.abc import Iterator, Sequence

from msgspec import Struct

from backends.consumers.consumption import Consumption, Observation, Siblings
from backends.consumers.steady import ALARMS
from tests.backends.consumers.traces.burrow import Burrow
from tests.backends.consumers.traces.trace import Reading, Trace, Trouble

Said = tuple[float, str]  # when, and the verdict


class Score(Struct, frozen=True):
    """Of one trace. Delays are those of the troubles that were seen, in seconds."""

    readings: int
    false_readings: int
    troubles: int
    missed: int
    misnamed: int  # seen, but never by one of its words; not counted for Burrow, whose words are others
    delays: tuple[float, ...]
    flaps: int  # changes between alarm and none, beyond one there and one back for each trouble


def ours(trace: Trace) -> Iterator[Said]:
    consumption = Consumption()
    for reading in trace.readings:
        consumption.feed(observation(trace, reading), reading.at, len(reading.offsets))
        yield (
            reading.at,
            consumption.consumer(reading.at, Siblings(reading.siblings_moving, reading.siblings_gap, reading.siblings_at)).verdict,
        )


def observation(trace: Trace, reading: Reading) -> Observation:
    note = "" if reading.offsets else "not read"
    return Observation(
        "app", trace.layout, "t", reading.offsets, reading.committed_at, reading.ends, note=note, has_members=reading.has_members
    )


def burrow(trace: Trace) -> Iterator[Said]:
    """Fed with every commit and log end up to each of our readings, and asked then."""
    group = Burrow()
    happened = sorted(
        [(end.at, 0, end) for end in trace.ends] + [(commit.at, 1, commit) for commit in trace.commits], key=lambda each: each[:2]
    )
    place = 0
    for reading in trace.readings:
        while place < len(happened) and happened[place][0] <= reading.at:
            _, is_commit, each = happened[place]
            partition = group.partition(each.partition)
            (partition.take_commit if is_commit else partition.take_end)(each.at, each.offset)
            place += 1
        yield reading.at, next((status for status in ("STOP", "REWIND", "STALL", "WARN") if status in group.statuses(reading.at)), "OK")


def alarmed(verdict: str) -> bool:
    return verdict in ALARMS or verdict in ("STOP", "REWIND", "STALL", "WARN")


def score(trace: Trace, said: Sequence[Said]) -> Score:
    judged = [(at, verdict) for at, verdict in said if at >= trace.begins_at]
    alarms = [alarmed(verdict) for _, verdict in judged]
    changes = sum(left != right for left, right in itertools.pairwise(alarms)) + (alarms[0] if alarms else 0)
    delays = [delay for trouble in trace.troubles if (delay := _delay(trouble, judged)) is not None]
    return Score(
        readings=len(judged),
        false_readings=sum(alarm and not _excused(trace, at) for (at, _), alarm in zip(judged, alarms, strict=True)),
        troubles=len(trace.troubles),
        missed=len(trace.troubles) - len(delays),
        misnamed=sum(_is_misnamed(trouble, judged) for trouble in trace.troubles),
        delays=tuple(delays),
        flaps=max(0, changes - 2 * len(trace.troubles)),
    )


def _excused(trace: Trace, at: float) -> bool:
    return any(trouble.begin <= at <= trouble.end + trouble.settles for trouble in trace.troubles)


def _delay(trouble: Trouble, said: Sequence[Said]) -> float | None:
    return next((at - trouble.begin for at, verdict in said if trouble.begin <= at <= trouble.end and alarmed(verdict)), None)


def _is_misnamed(trouble: Trouble, said: Sequence[Said]) -> bool:
    seen = {verdict for at, verdict in said if trouble.begin <= at <= trouble.end + trouble.settles and alarmed(verdict)}
    return bool(seen) and not seen & set(trouble.words)
