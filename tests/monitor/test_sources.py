"""From sections to sources: found by name, told apart, and a hint for what is missing."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

import monitor.sources
from backends.snapshots import KINDS
from backends.source import Answer, Context, Source, Unconfigured, modules
from monitor.sources import HINTS, build_sources, remake
from tests.monitor.fakes import FakeSource, queues

CONTEXT = Context({}, "/run/relay.sock", "1")


def module(section: str, *made: FakeSource | Unconfigured) -> Any:
    def sources(given: object, context: Context) -> Sequence[object]:
        return made if given else []

    return SimpleNamespace(SECTION=section, Section=list, sources=sources)


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        module("activemq", FakeSource(name="main"), FakeSource(name="other")),
        module(
            "kafka",
            FakeSource(name="main", kind="topics"),
            FakeSource(name="twice", kind="topics"),
            FakeSource(name="twice", kind="topics"),
        ),
        module("heap", Unconfigured("heap", "its own hint")),
        module("relay", FakeSource(name="relay", kind="relay")),
    ]
    monkeypatch.setattr(monitor.sources, "modules", lambda: found)


def names(built: Sequence[Source | Unconfigured]) -> list[str]:
    return [f"({each.kind})" if isinstance(each, Unconfigured) else each.name for each in built]


@pytest.mark.usefixtures("kinds")
def test_sources_stand_in_the_order_of_the_panes_and_clashing_names_are_told_apart() -> None:
    sections = {"activemq": [1], "kafka": [1], "relay": [1], "heap": [1], "console": 1}
    assert names(build_sources(sections, CONTEXT)) == [
        "relay",
        "topics-main",
        "topics-twice-1",
        "topics-twice-2",
        "(offsets)",
        "(heap)",
        "queues-main",
        "other",
    ]


@pytest.mark.usefixtures("kinds")
def test_a_kind_without_a_source_says_how_to_configure_it() -> None:
    built = build_sources({"relay": [1], "heap": [1]}, CONTEXT)
    hints = {each.kind: each.hint for each in built if isinstance(each, Unconfigured)}
    assert hints == {kind: HINTS[kind] for kind in ("topics", "offsets", "queues")} | {"heap": "its own hint"}


@pytest.mark.usefixtures("kinds")
async def test_a_renamed_source_is_the_same_source() -> None:
    source = remake({"activemq": [1], "kafka": [1]}, CONTEXT, "queues-main")
    assert (source.name, source.kind, source.interval, source.deadline) == ("queues-main", "queues", 10.0, 5.0)
    assert await source.observe(1.0) == queues()
    assert await source.act("purge", {}, {}) == Answer(True, "done")
    await source.close()
    with pytest.raises(LookupError):
        remake({"activemq": [1]}, CONTEXT, "nobody")


def test_the_real_modules_build_from_nothing() -> None:
    sections: dict[str, Any] = {found.SECTION: [] for found in modules()}
    assert [each.kind for each in build_sources(sections, CONTEXT)] == list(KINDS)
