"""What a monitoring system is told: one state, one line. Pure; time is an argument.

The contract is that of the Monitoring Plugins Development Guidelines (https://www.monitoring-plugins.org/doc/guidelines.html): OK, WARNING,
CRITICAL or UNKNOWN as the exit code, then `SERVICE STATE - text | perfdata`. How bad a thing is is said by monitor.severity, as everywhere;
UNKNOWN is what could not be looked at. Names come from outside, and none of them can end the line or begin its second part.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Struct

from backends.snapshots import Data, Heap, Kind, Offsets, Queues, Snapshot, Topic
from monitor.severity import problems
from relay_console import answers
from relay_console.answers import Filter
from relay_console.perfdata import Limits, measured, over
from tui.format import age, count, visible

State = Literal["OK", "WARNING", "CRITICAL", "UNKNOWN"]

CODES: Final[dict[State, int]] = {"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": 3}
ORDER: Final[tuple[State, ...]] = (
    "CRITICAL",
    "WARNING",
    "UNKNOWN",
    "OK",
)  # of several the first counts, as max_state_alt of the plugins does
KINDS: Final[dict[str, Kind]] = {"topics": "topics", "offsets": "offsets", "heap": "heap", "queues": "queues", "relays": "relay"}
EVERYTHING: Final = "RELAY-CONSOLE"

STALE_INTERVALS: Final = 3  # readings that a source may miss before what it said last is no answer any more
LEAST_STALE: Final = 10.0  # seconds; a reading of a large cluster takes some whatever the interval is
SHOWN: Final = 3  # problems in the text
MAX_LINE: Final = 1000  # bytes: the packet of NRPE 2 has 1,024
MAX_TEXT: Final = 640  # bytes of them before the figures
MAX_PROBLEM: Final = 200  # characters of one problem

_ONE: Final[dict[Kind | None, str]] = {
    "topics": "topic",
    "offsets": "consumer",
    "heap": "agent",
    "queues": "queue",
    "relay": "receiver or sender",
}
_FILTER: Final = re.compile(r"[\^$*+?()\[\]{}|\\!~]")  # a word without these is a name, and must be there


Title = Callable[[str, str], str]  # of a source, and of a name in it


class Finding(NamedTuple):
    state: State
    text: str
    about: tuple[str, str] = ("", "")  # source and name; a verdict and a limit may both speak of one consumer


class Verdict(NamedTuple):
    state: State
    text: str
    figures: tuple[str, ...] = ()

    @property
    def code(self) -> int:
        return CODES[self.state]


def line(service: str, verdict: Verdict) -> str:
    """Whole, without its newline; as many figures as there is room for, none of them cut."""
    whole = f"{service} {verdict.state} - {_clip(_harmless(verdict.text), MAX_TEXT)}"
    for number, figure in enumerate(verdict.figures):
        longer = f"{whole}{' ' if number else ' | '}{figure}"
        if len(longer.encode()) > MAX_LINE:
            break
        whole = longer
    return whole


def judge(snapshots: Sequence[Snapshot], kind: Kind | None, words: Sequence[str], limits: Limits, now: float) -> Verdict:
    """Of everything of that kind, or of what the words name. Raises ValueError for a filter that is none."""
    found = [snapshot for snapshot in snapshots if kind in (None, snapshot.kind)]
    configured = [snapshot for snapshot in found if snapshot.state != "unconfigured"]
    if not configured:
        return Verdict("UNKNOWN", found[0].error or "not configured" if kind and found else "nothing is configured")
    absent = [word for word in words if not _is_there(word, configured)]
    wanted = Filter([word for word in words if word not in absent], _names(configured))
    chosen = _chosen(configured, wanted, bool(words), bool(absent))
    title = _named if len(chosen) > 1 else _plain
    findings = [finding for snapshot in chosen for finding in _findings(over(snapshot, limits), title, wanted, limits, now)]
    if not any(snapshot.state in ("down", "denied") for snapshot in chosen):  # it may be there, where we cannot look
        findings += [Finding("UNKNOWN", _absent(word, kind)) for word in absent]
    return _sum_up(findings, chosen, limits)


def _is_there(word: str, snapshots: Sequence[Snapshot]) -> bool:
    names = _names(snapshots)
    if not _FILTER.search(word):
        return word in names
    fits = Filter([word], names).fits
    return any(fits(name) for name in names)


def _names(snapshots: Sequence[Snapshot]) -> frozenset[str]:
    found = (item for snapshot in snapshots for items in _judged(snapshot.data) for item in items)
    return frozenset(name for item in found if (name := answers.name_of(item))) | {snapshot.source for snapshot in snapshots}


def _judged(data: Data | None) -> Iterable[Sequence[Struct]]:
    """Of a broker its queues: topics, connections and what else there is have no verdict."""
    return [data.queues] if isinstance(data, Queues) else answers.lists(data).values()


def _absent(word: str, kind: Kind | None) -> str:
    if kind is None:
        return f"there is nothing named {word}; a kind is one of {', '.join(KINDS)}"
    return f"no {_ONE[kind]} {'fits' if _FILTER.search(word) else 'named'} {word}"


def _chosen(snapshots: Sequence[Snapshot], wanted: Filter, is_narrow: bool, is_absent: bool) -> list[Snapshot]:
    """What is asked for of each source. One that is away counts when something that was asked for was found nowhere else."""
    if not is_narrow:
        return list(snapshots)
    chosen = []
    for snapshot in snapshots:
        if snapshot.source in wanted.exact:
            chosen.append(snapshot)
            continue
        narrowed = answers.select(snapshot, wanted) if wanted.is_narrow else _emptied(snapshot)
        if any(_judged(narrowed.data)) or (is_absent and snapshot.state in ("down", "denied")):
            chosen.append(narrowed)
    return chosen


def _emptied(snapshot: Snapshot) -> Snapshot:
    return msgspec.structs.replace(snapshot, data=None)


def _plain(source: str, name: str) -> str:
    return name or source


def _named(source: str, name: str) -> str:
    """Two clusters may have a topic of one name."""
    return f"{source} {name}".rstrip()


def _findings(snapshot: Snapshot, title: Title, wanted: Filter, limits: Limits, now: float) -> Iterator[Finding]:
    source = snapshot.source
    if (unseen := _unseen(snapshot, now)) is not None:
        yield Finding("UNKNOWN", f"{source}: {unseen}", (source, ""))
        return
    for problem in problems(snapshot):
        state: State = "CRITICAL" if problem.severity == "critical" else "WARNING"
        is_named = not problem.subject and source in problem.text
        text = problem.text if is_named else f"{title(source, problem.subject)}: {problem.text}"
        yield Finding(state, text, (source, problem.subject))
    if snapshot.state not in ("down", "denied"):
        for state, name, text in (*_lags(snapshot, limits), *_quiet(snapshot, wanted), *_unjudged(snapshot, wanted, limits)):
            yield Finding(state, f"{title(source, name)}: {text}", (source, name))


def _unseen(snapshot: Snapshot, now: float) -> str | None:
    """Why what it says is no answer. A source that is down says so itself."""
    if snapshot.state in ("down", "denied"):
        return None
    if snapshot.observed_at is None:
        return snapshot.error or "not read yet"
    old = now - snapshot.observed_at
    if old > max(STALE_INTERVALS * snapshot.interval_s, LEAST_STALE):
        return f"what is known is {age(old)} old" + (f" ({snapshot.error})" if snapshot.error else "")
    return None


def _lags(snapshot: Snapshot, limits: Limits) -> Iterator[tuple[State, str, str]]:
    if not isinstance(snapshot.data, Offsets):
        return
    for consumer in snapshot.data.consumers:
        subject = f"{consumer.name} {consumer.topic}" if consumer.topic else consumer.name
        levels: tuple[tuple[State, int | None], ...] = (("CRITICAL", limits.crit_lag), ("WARNING", limits.warn_lag))
        for state, most in levels:
            if consumer.lag is not None and most is not None and consumer.lag > most:
                yield state, subject, f"lag {consumer.lag:,}; limit {most:,}"
                break


def _quiet(snapshot: Snapshot, wanted: Filter) -> Iterator[tuple[State, str, str]]:
    """An agent that was asked for by its name and does not run, or says nothing. Among many a log may well be that of a former process."""
    if isinstance(snapshot.data, Heap):
        for file in snapshot.data.files:
            if file.name in wanted.exact and file.state == "ok" and file.verdict in ("SILENT", "ENDED"):
                yield "WARNING", file.name, f"{file.verdict}: {file.reason}"


def _unjudged(snapshot: Snapshot, wanted: Filter, limits: Limits) -> Iterator[tuple[State, str, str]]:
    """What was asked for by its name and could not be judged; or all of it."""
    items = [item for items in _judged(snapshot.data) for item in items]
    unjudged = [(item, why) for item in items if (why := _why_unjudged(item, limits)) is not None]
    for item, why in unjudged:
        if answers.name_of(item) in wanted.exact or len(unjudged) == len(items):
            yield "UNKNOWN", answers.name_of(item), why


def _why_unjudged(item: Any, limits: Limits) -> str | None:
    if isinstance(item, Topic) and limits.has_age and item.state in ("empty", "unparsable") and limits.age_of(item) is None:
        return item.reason or item.state
    state = getattr(item, "verdict", None) or getattr(item, "state", None)
    return (getattr(item, "reason", None) or "not known") if state in ("unknown", "UNKNOWN") else None


def _sum_up(findings: Iterable[Finding], snapshots: Sequence[Snapshot], limits: Limits) -> Verdict:
    worst: dict[tuple[str, str], Finding] = {}
    for finding in sorted(findings, key=lambda finding: ORDER.index(finding.state)):
        worst.setdefault(finding.about if finding.about[0] else ("", finding.text), finding)
    told = list(worst.values())
    figures = (
        f"'critical'={sum(finding.state == 'CRITICAL' for finding in told)}",
        f"'warning'={sum(finding.state == 'WARNING' for finding in told)}",
        *measured(snapshots, {finding.about for finding in told}, limits),
    )
    if not told:
        return Verdict("OK", _well(snapshots), figures)
    texts = [finding.text if len(finding.text) <= MAX_PROBLEM else f"{finding.text[: MAX_PROBLEM - 3]}..." for finding in told[:SHOWN]]
    more = [f"and {len(told) - SHOWN} more"] if len(told) > SHOWN else []
    return Verdict(told[0].state, "; ".join([*texts, *more]), figures)


def _well(snapshots: Sequence[Snapshot]) -> str:
    told = [f"{snapshot.source}: {answers.counted(snapshot.data) or 'well'}" for snapshot in snapshots[:SHOWN]]
    return "; ".join([*told, *([f"and {count(len(snapshots) - SHOWN, 'more source')}"] if len(snapshots) > SHOWN else [])])


def _harmless(text: str) -> str:
    """The first | begins the figures, and a line end ends the answer."""
    return visible(text).replace("|", "/")


def _clip(text: str, most: int) -> str:
    """In bytes, which is what packets have."""
    encoded = text.encode()
    return text if len(encoded) <= most else encoded[: most - 3].decode(errors="ignore") + "..."
