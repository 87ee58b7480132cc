"""Sources asked without a daemon: each answers, fails or hangs for itself."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backends.snapshots import Kind, Topics
from backends.source import ACT_DEADLINE_S, Answer, Context, Source, Unasked, Unavailable, Unconfigured
from relay_console import direct
from relay_console.config import Configuration, read
from relay_console.sections import sections


class Scripted(Unasked):
    """What `observe` does, one after the other; an exception is raised."""

    kind: Kind = "topics"
    interval = 1.0
    deadline = 0.2
    act_deadline = ACT_DEADLINE_S

    def __init__(self, name: str, *script: Topics | Exception | None) -> None:
        self.name = name
        self.closed = 0
        self._script = list(script)

    async def observe(self, now: float) -> Topics:
        step = self._script.pop(0)
        if step is None:
            await asyncio.Event().wait()
        if isinstance(step, Exception):
            raise step
        assert step is not None
        return step

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        return Answer(False, "")

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture
def configuration() -> Configuration:
    return read(b"", Path("/srv/config.yaml"), sections())


def watch(monkeypatch: pytest.MonkeyPatch, *found: Source | Unconfigured) -> None:
    def build(sections: Mapping[str, Any], context: Context) -> list[Source | Unconfigured]:
        return list(found)

    monkeypatch.setattr(direct, "build_sources", build)


def test_each_source_answers_for_itself_and_all_are_closed(configuration: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    good, gone, hung, broken = (
        Scripted("good", Topics(())),
        Scripted("gone", Unavailable("no broker answers", "denied")),
        Scripted("hung", None),
        Scripted("broken", ZeroDivisionError("a bug")),
    )
    watch(monkeypatch, good, gone, hung, broken, Unconfigured("heap", "add heap:"))
    found = {snapshot.source: snapshot for snapshot in direct.observe(configuration, None, None)}
    assert [found[name].state for name in ("good", "gone", "hung", "broken", "heap")] == ["ok", "denied", "down", "down", "unconfigured"]
    assert found["good"].data == Topics(()) and found["good"].observed_at is not None
    assert found["gone"].error == "no broker answers"
    assert found["hung"].error == "no answer within 0.2 s"
    assert found["broken"].error == "internal error (ZeroDivisionError); please report it"
    assert found["heap"].error == "add heap:"
    assert [source.closed for source in (good, gone, hung, broken)] == [1, 1, 1, 1]


def test_only_the_kind_that_was_asked_for_is_asked(configuration: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Scripted("main", Topics(()))
    watch(monkeypatch, source, Unconfigured("heap", "add heap:"))
    assert [snapshot.source for snapshot in direct.observe(configuration, "heap", None)] == ["heap"]
    assert source.closed == 0


def test_with_a_wait_the_second_reading_counts(configuration: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    watch(monkeypatch, Scripted("main", Topics((), cluster="first"), Topics((), cluster="second")))
    (found,) = direct.observe(configuration, None, 0.0)
    assert isinstance(found.data, Topics) and found.data.cluster == "second"
