"""The scripted incident: the same moment shows the same numbers, everything recovers, and it is never found as a configured source."""

import itertools
from typing import Any

import pytest

from backends import demo
from backends.snapshots import KINDS, Data, Heap, Offsets, Queues, Relay, Topics
from backends.source import Source, Unavailable, modules

NOW = 1_763_800_000.0
WORST = 175.0


async def look(at: float) -> dict[str, Data]:
    """What every source says that many seconds into the incident; a source that is away is left out."""
    found: dict[str, Data] = {}
    for source in demo.demo_sources(at):
        try:
            found[source.name] = await source.observe(NOW)
        except Unavailable:
            continue
    return found


async def test_the_same_moment_shows_the_same_numbers() -> None:
    assert await look(WORST) == await look(WORST)


async def test_every_kind_has_a_source_and_every_name_is_its_own() -> None:
    sources = demo.demo_sources()
    assert {source.kind for source in sources} == set(KINDS)
    assert len({source.name for source in sources}) == len(sources)


def test_it_is_not_found_among_the_configured() -> None:
    assert "backends.demo" not in [module.__name__ for module in modules()]  # type: ignore[attr-defined]


async def test_it_begins_calm_breaks_and_recovers() -> None:
    from backends.snapshots import Snapshot
    from monitor.severity import problems

    def wrong(found: dict[str, Data]) -> int:
        kinds: dict[type[Any], Any] = {Relay: "relay", Topics: "topics", Offsets: "offsets", Heap: "heap", Queues: "queues"}
        return sum(len(problems(Snapshot(name, kinds[type(data)], "ok", NOW, data=data))) for name, data in found.items())

    assert [wrong(await look(at)) for at in (5.0, demo.ROUND - 5, demo.ROUND + 5)] == [0, 0, 0]
    assert wrong(await look(WORST)) >= 6


async def test_a_broker_goes_away_and_comes_back() -> None:
    assert [("broker-b" in await look(at)) for at in (100.0, WORST, 220.0)] == [True, False, True]


@pytest.mark.parametrize("name", ["relay"])
async def test_counters_never_go_back(name: str) -> None:
    seen = []
    for at in range(0, int(2 * demo.ROUND), 10):
        data = (await look(float(at)))[name]
        assert isinstance(data, Relay)
        seen.append([receiver.stored for receiver in data.receivers] + [sender.sent for sender in data.senders])
    assert all(before <= after for one, other in itertools.pairwise(seen) for before, after in zip(one, other, strict=True))


async def relay_of(source: Source) -> Relay:
    data = await source.observe(NOW)
    assert isinstance(data, Relay)
    return data


async def test_actions_work_on_what_is_shown() -> None:
    source = demo.demo_sources(WORST)[0]
    before = await relay_of(source)
    for verb, arguments in (
        ("pause", {"name": "partner-a"}),
        ("resend", {"sender": "busan-gw", "file": before.failed_files[0].file}),
        ("disconnect", {"id": 1}),
    ):
        assert (await source.act(verb, arguments, {})).ok
    after = await relay_of(source)
    assert after.receivers[0].state == "paused"
    assert len(after.failed_files) == len(before.failed_files) - 1
    assert 1 not in [connection.id for connection in after.connections]
    assert (await source.act("resume", {"name": "partner-a"}, {})).ok
    assert (await relay_of(source)).receivers[0].state == "listening"
    assert not (await source.act("explode", {}, {})).ok
    await source.close()
