"""Our verdicts on traces whose truth is known: no healthy consumer is accused, no trouble is missed, and none of it flaps.

The table beside Burrow's rule is docs/verdicts.md, made by bench/kafka_verdicts.py.
"""

from collections import deque

import pytest

from tests.backends.consumers.traces import scenarios
from tests.backends.consumers.traces.burrow import Partition
from tests.backends.consumers.traces.generate import World, play
from tests.backends.consumers.traces.score import Score, burrow, ours, score
from tests.backends.consumers.traces.trace import Trace, load, recorded, save

SEED = 1
USUAL_DELAY_S = 100.0
DELAYS_S = {
    "consumer stalls, commits every 60 s": 300.0,
    "consumer stalls, commits every 5 min": 900.0,
    "falls behind by half": 300.0,
    "falls behind by a fifth": 300.0,
    "falls behind by a twentieth": 800.0,
    "falls behind by a fifth, commits every 60 s": 480.0,
    "producer's burst of 20 min, then catches up": 300.0,
}
WORLDS = (*scenarios.HEALTHY, *scenarios.TROUBLED, *scenarios.WITHOUT_ENDS)


def by_kind(world: World) -> str:
    return world.kind


def by_name(trace: Trace) -> str:
    return trace.name


def sound(found: Score, limit_s: float) -> None:
    assert found.readings > 20
    assert (found.false_readings, found.missed, found.misnamed, found.flaps) == (0, 0, 0, 0)
    assert max(found.delays, default=0.0) <= limit_s


def test_there_are_traces_of_more_than_forty_kinds() -> None:
    assert len({world.kind for world in WORLDS}) == len(WORLDS) > 40
    assert len(recorded()) >= 8


@pytest.mark.parametrize("world", WORLDS, ids=by_kind)
def test_a_made_trace_is_judged_rightly(world: World) -> None:
    trace = play(world, SEED)
    sound(score(trace, list(ours(trace))), DELAYS_S.get(world.kind, USUAL_DELAY_S))


@pytest.mark.parametrize("trace", recorded(), ids=by_name)
def test_a_recorded_trace_is_judged_rightly(trace: Trace) -> None:
    sound(score(trace, list(ours(trace))), USUAL_DELAY_S)


def test_the_same_seed_makes_the_same_trace_and_a_file_keeps_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    world = scenarios.TROUBLED[0]
    trace = play(world, SEED)
    assert play(world, SEED) == trace != play(world, SEED + 1)
    path = tmp_path_factory.mktemp("trace") / "trace.jsonl"
    save(trace, path)
    assert load(path) == trace


def test_a_score_counts_what_is_false_missed_late_and_flapping() -> None:
    """A verdict thrown by a coin would not pass."""
    trace = play(World("scored", lasts_s=1200, troubles=scenarios.stuck(600, 900)), SEED)
    times = [reading.at for reading in trace.readings]
    silent = score(trace, [(at, "OK") for at in times])
    assert (silent.false_readings, silent.missed, silent.flaps) == (0, 1, 0)
    nervous = score(trace, [(at, "STALLED" if number % 2 else "OK") for number, at in enumerate(times)])
    assert nervous.false_readings > 20 and nervous.flaps > 100 and nervous.missed == 0
    wrong = score(trace, [(at, "REWOUND" if 700 <= at - trace.begins_at < 900 else "OK") for at in times])
    assert (wrong.misnamed, wrong.false_readings, wrong.flaps) == (1, 0, 0) and 100 <= wrong.delays[0] <= 110


def commits(*offsets: int, ends: deque[int], every: float = 10.0) -> Partition:
    partition = Partition()
    for number, offset in enumerate(offsets):
        partition.take_end(every * number, ends.popleft())
        partition.take_commit(every * number, offset)
    return partition


def test_the_rule_we_compare_with_is_burrows() -> None:
    """One case for each line of its evaluator."""
    assert commits(*range(10), ends=deque([5] * 10)).status(90) == "OK", "no lag"
    behind = deque(range(100, 200, 10))
    assert commits(*range(50, 60), ends=behind.copy()).status(90) == "WARN", "it moves and its lag never fell"
    assert commits(*[50] * 10, ends=behind.copy()).status(90) == "STALL"
    assert commits(*range(50, 60), ends=behind.copy()).status(181) == "STOP", "it has been silent for longer than its window"
    assert commits(*range(50, 58), 20, 21, ends=behind.copy()).status(95) == "REWIND"
    assert commits(50, 60, 70, 105, 106, 107, 108, 109, 110, 111, ends=deque([100] * 9 + [150])).status(95) == "OK", (
        "a lag of nought was seen"
    )
    assert commits(*range(0, 100, 10), ends=deque([1000] * 10)).status(95) == "OK", "the lag fell"


def test_burrow_sees_every_commit_and_we_see_one_in_ten_seconds() -> None:
    trace = play(scenarios.TROUBLED[1], SEED)
    assert len(trace.commits) > 2 * len(trace.readings) * 3 * 0.9
    assert score(trace, list(burrow(trace))).missed == 0
