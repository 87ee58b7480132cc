"""What is wrong with a partition's consumption, from figures alone. Pure. A verdict names the first rule that holds, worst trouble first.

With a known log end the question is whether there is work that is not done; without one, only movement can be judged: against the
partition's own habit, and against its siblings.
"""

from collections.abc import Sequence

from msgspec import Struct

from backends.rates import Reset
from backends.snapshots import Verdict
from backends.wording import count, span

STOPPED_S = 180.0  # seconds without a commit; slow committers get STOPPED_GAPS of their usual gaps
STOPPED_GAPS = 10.0
STALLED_S = 60.0  # seconds without movement; slow movers get STALLED_GAPS of their usual gaps
STALLED_GAPS = 5.0
IDLE_S = 300.0
REWOUND_S = 300.0  # for so long a reset stays the verdict, unless the old place is reached again
MAX_NUMBERS = 8  # partition numbers listed in a reason

ORDER: tuple[Verdict, ...] = (
    "STOPPED",
    "REWOUND",
    "STALLED",
    "FALLING_BEHIND",
    "OK",
    "IDLE",
    "UNKNOWN",
)  # the whole takes the first that a part has


class Standing(Struct, frozen=True):
    """One partition at one moment. Seconds are counted to that moment."""

    partition: int
    silence: float  # since its newest commit; 0 where commits carry no time and somebody may be at work
    still: float  # since its offset moved, at least
    has_moved: bool  # while we watched
    is_first: bool  # there was only one reading
    gap: float | None = None  # usual seconds between two commits
    move_gap: float | None = None  # usual seconds between two moves
    lag: int | None = None
    allowed: int = 0
    growing: bool = False
    reset: Reset | None = None  # recent, and not made good
    beyond: int | None = None  # the log end, when the offset lies beyond it


def judge(standing: Standing, siblings_move: bool) -> Verdict:
    """`siblings_move`: other partitions that do the same kind of work move, so there is work."""
    if standing.reset is not None or standing.beyond is not None:
        return "REWOUND"
    has_work = standing.lag > standing.allowed if standing.lag is not None else None
    if has_work is not False and standing.silence > max(STOPPED_S, STOPPED_GAPS * (standing.gap or 0.0)):
        return "STOPPED"
    patience = STALLED_GAPS * (standing.move_gap or 0.0)
    is_still = standing.still > max(STALLED_S, patience)
    if is_still and (has_work or (has_work is None and siblings_move)):
        return "STALLED"
    if has_work and standing.growing:
        return "FALLING_BEHIND"
    if not has_work and standing.still > max(IDLE_S, patience):
        return "IDLE"
    is_unproven = standing.is_first if has_work else not standing.has_moved
    return "UNKNOWN" if is_unproven and has_work is not False else "OK"


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    return min(verdicts, key=ORDER.index, default="UNKNOWN")


def explain(verdict: Verdict, standings: Sequence[Standing], of: int, siblings: str) -> str:
    """The figures behind a verdict: `standings` are those partitions, of `of`, that it comes from."""
    if not standings:
        return "no partition was read"
    longest = max(standings, key=lambda each: each.still)
    where = "" if len(standings) == of else f" in partition {_numbers(standings)} of {of}"
    lags = [each.lag for each in standings if each.lag is not None]
    lag = f"; lag {sum(lags):,}" if lags else ""
    if verdict == "STOPPED":
        silent = max(standings, key=lambda each: each.silence)
        usual = f" (usually every {span(silent.gap)})" if silent.gap else ""
        return f"no commit for {span(silent.silence)}{usual}{where}{lag}"
    if verdict == "REWOUND":
        return f"{_rewound(standings[0])}{where}{lag}"
    if verdict == "STALLED":
        usual = f" (usually every {span(longest.move_gap)})" if longest.move_gap else ""
        return f"offsets have not moved for {span(longest.still)}{usual}{where}" + (lag or f", while {siblings} do")
    if verdict == "FALLING_BEHIND":
        return f"lag grows: {sum(lags):,}{where}"
    if verdict == "IDLE":
        return f"nothing moved for {span(min(each.still for each in standings))}" + ("; no lag" if lags else "; the log end is not known")
    if verdict == "UNKNOWN":
        seen = "one reading so far" if longest.is_first else f"no movement seen yet in {span(longest.still)}"
        return f"{seen}{where}{lag}"
    return ""


def _rewound(standing: Standing) -> str:
    if standing.reset is not None:
        return f"offset went back from {standing.reset.before:,} to {standing.reset.after:,}"
    return f"offset lies beyond the log end {standing.beyond:,}: the topic was recreated or cut"


def _numbers(standings: Sequence[Standing]) -> str:
    numbers = [each.partition for each in standings]
    return ", ".join(map(str, numbers[:MAX_NUMBERS])) + (f" and {len(numbers) - MAX_NUMBERS} more" if len(numbers) > MAX_NUMBERS else "")


def siblings_text(partitions: int, consumers: int) -> str:
    """Who moves: partitions of the same consumer, or else other consumers."""
    return count(partitions, "other partition") if partitions else count(consumers, "other consumer")
