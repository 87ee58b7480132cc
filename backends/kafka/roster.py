"""Which topics there are: new ones, gone ones, denied ones, and what is told about each. Pure; time is an argument.

A topic is not deleted because a list lacks it: a broker that just started may not know all of them yet, and a list silently leaves out
what we may not see. So a topic that is missing in two readings in a row is asked for by its name, and only "there is no such topic" is a
deletion.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from backends.kafka.client import TopicInfo
from backends.kafka.faults import Fault, is_missing
from backends.wording import listed

DELETED_SHOWN_S: Final = 600.0  # that a deleted topic's row stays, saying so
MISSED: Final = 2  # readings in a row without it, then it is asked for by its name
ASKED: Final = 20  # names in one cycle
MAX_NEWS: Final = 20  # events of one cycle; more are told as one
MAX_NAMES: Final = 5  # in that one

NOT_THERE: Final = Fault("unknown", "there is no such topic; create it, or see kafka[].topics")
UNLISTED: Final = Fault("unknown", "the brokers' list of topics lacks it at the moment")

Severity = Literal["info", "warning"]


class News(Struct, frozen=True):
    """An event. `what` is what several of a kind are counted under."""

    severity: Severity
    what: str  # "new", "deleted", ...
    topic: str
    text: str


class Absent(Struct, frozen=True):
    """A topic that was there, or is named in the configuration, and is not in the list."""

    since: float
    last: TopicInfo  # as it was listed last
    missed: int = 1
    asked: int = 0  # times by its name
    fault: Fault = UNLISTED
    is_deleted: bool = False


class Roster:
    def __init__(self, named: Iterable[str]) -> None:
        """`named`: topics that the configuration names outright; they are shown even if they never were there."""
        self._named = frozenset(named)
        self._present: dict[str, TopicInfo] | None = None
        self._absent: dict[str, Absent] = {}

    def meet(self, listed: Mapping[str, TopicInfo], now: float) -> list[News]:
        """One reading's list. Nothing of the first one is new."""
        before = self._present
        if before is None:
            before = dict(listed)
            never = Absent(now, TopicInfo({}), MISSED, fault=NOT_THERE, is_deleted=True)
            self._absent = dict.fromkeys(self._named - listed.keys(), never)
        news = [self._appeared(name, listed[name]) for name in listed if name not in before and not self._is_missed(name)]
        for name in before.keys() - listed.keys():
            self._absent[name] = Absent(now, before[name], 0)
        for name in [name for name in self._absent if name in listed]:
            del self._absent[name]
        self._absent = {name: self._older(name, each) for name, each in self._absent.items() if self._is_shown(name, each, now)}
        self._present = dict(listed)
        return news

    def doubtful(self) -> list[str]:
        """Names to be asked for, the ones least often asked first."""
        names = [name for name, each in self._absent.items() if each.missed >= MISSED and (not each.is_deleted or name in self._named)]
        return sorted(names, key=lambda name: (self._absent[name].asked, name))[:ASKED]

    def told(self, name: str, fault: Fault | None, now: float) -> News | None:
        """What the brokers say of it by its name."""
        absent = self._absent[name]
        absent = self._absent[name] = replace(absent, asked=absent.asked + 1)
        if fault is None:
            return None
        if fault.kind == "denied":
            self._absent[name] = replace(absent, fault=fault, is_deleted=False)
            said = absent.fault.kind == "denied" or not absent.last.leaders
            return None if said else News("warning", "denied", name, f"topic {name} is no longer listed: {fault.text}")
        if absent.is_deleted or not is_missing(fault):
            return None
        if not absent.last.leaders:  # nobody ever saw it
            self._absent[name] = replace(absent, fault=NOT_THERE, is_deleted=True)
            return None
        self._absent[name] = replace(absent, since=now, last=TopicInfo({}), fault=deleted(now), is_deleted=True)
        return News("warning", "deleted", name, f"topic {name} was deleted")

    def rows(self) -> dict[str, TopicInfo]:
        """Topics to be shown besides the listed ones; their fault is the fault of each of their partitions."""
        return {name: TopicInfo(each.last.leaders, each.fault) for name, each in self._absent.items()}

    def _appeared(self, name: str, info: TopicInfo) -> News:
        return News("info", "new", name, f"topic {name} appeared ({len(info.leaders)} partitions)")

    def _is_missed(self, name: str) -> bool:
        """It was only not listed for a while."""
        return name in self._absent and not self._absent[name].is_deleted

    def _older(self, name: str, each: Absent) -> Absent:
        return replace(each, missed=each.missed + 1)

    def _is_shown(self, name: str, each: Absent, now: float) -> bool:
        return not each.is_deleted or name in self._named or now - each.since < DELETED_SHOWN_S


def deleted(at: float) -> Fault:
    return Fault("unknown", f"deleted: gone from the cluster since {datetime.fromtimestamp(at).astimezone():%H:%M:%S %Z}")


def bounded(news: list[News]) -> list[News]:
    """A flood of events as one for each kind."""
    if len(news) <= MAX_NEWS:
        return news
    kinds: dict[str, list[News]] = {}
    for each in news:
        kinds.setdefault(each.what, []).append(each)
    return [_summed(what, each) if len(each) > 1 else each[0] for what, each in kinds.items()]


def _summed(what: str, news: list[News]) -> News:
    names = listed([each.topic for each in news], MAX_NAMES)
    return News(news[0].severity, what, "", f"{len(news)} topics {what}: {names}")
