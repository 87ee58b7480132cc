"""What is wrong with a partition's consumption, from figures alone. Pure. The first rule of RULES that holds names the verdict.

With a known log end the question is whether there is work that is not done; without one, only movement can be judged: against the
partition's own habit, and against its siblings. docs/verdicts.md has the rules with their sources and what they miss.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct

from backends.consumers.readings import Trend
from backends.rates import Reset
from backends.snapshots import Verdict
from backends.wording import count, listed, span

STOPPED_S = 180.0  # seconds without a commit
STALLED_S = 60.0  # seconds without movement; a restart or a rebalance is over by then
GAPS = 3.0  # slow ones get so many of their usual pauses instead
UNPROVEN_S = 330.0  # with work, and nothing known of its habit: it may commit every five minutes
UNPROVEN_SILENCE_S = 5400.0  # a znode with no log end, siblings or habit: it may be written every hour
SAME_COMMITS = 3  # commits of one offset prove that somebody is at work and gets nowhere
IDLE_S = 300.0
REWOUND_S = 300.0  # for so long a reset stays the verdict, unless the old place is reached again

ORDER: tuple[Verdict, ...] = (
    "STOPPED",
    "REWOUND",
    "STALLED",
    "FALLING_BEHIND",
    "OK",
    "IDLE",
    "UNKNOWN",
)  # the whole takes the first that a part has


class Standing(Struct, frozen=True, gc=False):
    """One partition at one moment. Seconds are counted to that moment."""

    partition: int
    silence: float  # since its newest commit; 0 where commits carry no time and somebody may be at work
    still: float  # since its offset moved, at least
    has_moved: bool  # while we watched
    is_first: bool  # there was only one reading
    working: float | None = (
        None  # since there was more work than allowed, without a break; None: there is none, or the log end is not known
    )
    usual_gap: float | None = None  # longest usual pause between two commits
    usual_wait: float | None = None  # longest usual pause between two moves while there was work
    same_commits: int = 0  # that were seen since the offset moved
    lag: int | None = None
    allowed: int = 0
    trend: Trend | None = None
    reset: Reset | None = None  # recent, and not made good
    beyond: int | None = None  # the log end, when the offset lies beyond it
    left_over: int | None = None  # the offset, when its topic was recreated since it was committed
    nobody: bool = False  # a group without a member: whoever commits there comes and goes
    siblings_move: bool = False  # others that do the same kind of work move, so there is work

    @property
    def has_work(self) -> bool | None:
        return self.lag > self.allowed if self.lag is not None else None

    @property
    def patience(self) -> float:
        """Seconds that it may stand still."""
        if self.usual_wait is not None:
            return max(STALLED_S, GAPS * self.usual_wait)
        return STALLED_S if self.same_commits >= SAME_COMMITS else UNPROVEN_S

    @property
    def endurance(self) -> float:
        """Seconds that it may be silent."""
        if self.usual_gap is None and self.usual_wait is None and self.nobody:
            return STOPPED_S
        if self.usual_gap is None and self.usual_wait is None:
            return UNPROVEN_SILENCE_S if self.lag is None else UNPROVEN_S
        return max(STOPPED_S, GAPS * max(self.usual_gap or 0.0, self.usual_wait or 0.0))


def _of_work(standing: Standing, seconds: float) -> float:
    """Of these seconds those in which there was something to do: whoever had nothing did not fail to do it."""
    return seconds if standing.working is None else min(seconds, standing.working)


def is_rewound(standing: Standing) -> bool:
    return standing.reset is not None or standing.beyond is not None or standing.left_over is not None


def is_stopped(standing: Standing) -> bool:
    return standing.has_work is not False and _of_work(standing, standing.silence) > standing.endurance


def is_stalled(standing: Standing) -> bool:
    is_needed = standing.siblings_move if standing.has_work is None else standing.has_work
    return is_needed and _of_work(standing, standing.still) > standing.patience


def is_falling_behind(standing: Standing) -> bool:
    return bool(standing.has_work) and standing.trend is not None and standing.trend.grows


def is_idle(standing: Standing) -> bool:
    usual = GAPS * (standing.usual_wait or 0.0) if standing.has_work is None else 0.0
    return not standing.has_work and standing.still > max(IDLE_S, usual)


def is_unproven(standing: Standing) -> bool:
    return standing.has_work is not False and not standing.has_moved


RULES: tuple[tuple[Verdict, Callable[[Standing], bool]], ...] = (
    ("REWOUND", is_rewound),
    ("STOPPED", is_stopped),
    ("STALLED", is_stalled),
    ("FALLING_BEHIND", is_falling_behind),
    ("IDLE", is_idle),
    ("UNKNOWN", is_unproven),
)


def judge(standing: Standing) -> Verdict:
    """One reading's verdict; what is said of it is for backends.consumers.steady."""
    return next((verdict for verdict, holds in RULES if holds(standing)), "OK")


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    return min(verdicts, key=ORDER.index, default="UNKNOWN")


def explain(verdict: Verdict, standings: Sequence[Standing], of: int, siblings: str) -> str:
    """The figures behind a verdict: `standings` are those partitions, of `of`, that it comes from."""
    if not standings:
        return "no partition was read"
    where = "" if len(standings) == of else f" in partition {listed([each.partition for each in standings])} of {of}"
    lags = [each.lag for each in standings if each.lag is not None]
    return _SENTENCES[verdict](standings, where, f"; lag {sum(lags):,}" if lags else "", siblings)


Sentence = Callable[[Sequence[Standing], str, str, str], str]


def _stopped_text(standings: Sequence[Standing], where: str, lag: str, _: str) -> str:
    silent = max(standings, key=lambda each: each.silence)
    usual = f" (usually every {span(silent.usual_gap)})" if silent.usual_gap else ""
    return f"no commit for {span(silent.silence)}{usual}{where}{lag}"


def _rewound_text(standings: Sequence[Standing], where: str, lag: str, _: str) -> str:
    first = standings[0]
    if first.left_over is not None:
        return f"the topic was recreated, and offset {first.left_over:,} is of the log before{where}{lag}"
    if first.reset is not None:
        return f"offset went back from {first.reset.before:,} to {first.reset.after:,}{where}{lag}"
    return f"offset lies beyond the log end {first.beyond:,}: the topic was recreated or cut{where}{lag}"


def _stalled_text(standings: Sequence[Standing], where: str, lag: str, siblings: str) -> str:
    longest = max(standings, key=lambda each: each.still)
    usual = f" (usually at most {span(longest.usual_wait)})" if longest.usual_wait else ""
    return f"offsets have not moved for {span(longest.still)}{usual}{where}" + (lag or f", while {siblings} do")


def _falling_text(standings: Sequence[Standing], where: str, lag: str, _: str) -> str:
    trends = [each.trend for each in standings if each.trend is not None]
    pace = sum(trend.per_s for trend in trends) * 60
    seconds = max((trend.seconds for trend in trends), default=0.0)
    return f"lag grows by {pace:,.0f} a minute over {span(seconds)}{where}{lag}"


def _idle_text(standings: Sequence[Standing], where: str, lag: str, _: str) -> str:
    still = span(min(each.still for each in standings))
    return f"nothing moved for {still}{where}" + ("; no lag" if lag == "; lag 0" else lag or "; the log end is not known")


def _unknown_text(standings: Sequence[Standing], where: str, lag: str, _: str) -> str:
    longest = max(standings, key=lambda each: each.still)
    return ("one reading so far" if longest.is_first else f"no movement seen yet in {span(longest.still)}") + where + lag


_SENTENCES: dict[Verdict, Sentence] = {
    "STOPPED": _stopped_text,
    "REWOUND": _rewound_text,
    "STALLED": _stalled_text,
    "FALLING_BEHIND": _falling_text,
    "IDLE": _idle_text,
    "UNKNOWN": _unknown_text,
    "OK": lambda standings, where, lag, siblings: "",
}


def siblings_text(partitions: int, consumers: int) -> str:
    """Who moves: partitions of the same consumer, or else other consumers."""
    return count(partitions, "other partition") if partitions else count(consumers, "other consumer")
