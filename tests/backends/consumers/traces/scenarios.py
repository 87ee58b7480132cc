"""Some fifty kinds of a consumer's life, with the truth about each. What stands here as healthy must wake no operator."""

from collections.abc import Iterator, Sequence
from random import Random

from tests.backends.consumers.traces.generate import PerS, World, play
from tests.backends.consumers.traces.trace import Trace, Trouble

SEEDS = (1, 2, 3)
MINUTE = 60.0


def every(period: float, length: float, rate: float, offset: float = 0.0) -> PerS:
    """`rate` for `length` of every `period` seconds."""
    return lambda at, partition: rate if (at + offset) % period < length else 0.0


def unless(begin: float, end: float, rate: float = 500.0, only: int | None = None) -> PerS:
    """`rate` but for those seconds (of one partition, or of all)."""
    return lambda at, partition: 0.0 if begin <= at < end and only in (None, partition) else rate


def between(begin: float, end: float, inside: float, outside: float) -> PerS:
    return lambda at, partition: inside if begin <= at < end else outside


def stuck(begin: float, end: float, *words: str, settles: float = 120.0) -> tuple[Trouble, ...]:
    return (Trouble(begin, end, words or ("STALLED", "STOPPED"), settles),)


def back(positions: list[float], ends: list[float], chance: Random) -> None:
    positions[:] = [position - 20_000 if position > 20_000 else 0.0 for position in positions]


def to_latest(positions: list[float], ends: list[float], chance: Random) -> None:
    positions[:] = ends


def recreated_smaller(positions: list[float], ends: list[float], chance: Random) -> None:
    """The consumer stays at its old offset, which the new log has not reached."""
    ends[:] = [0.0 for _ in ends]


def recreated_larger(positions: list[float], ends: list[float], chance: Random) -> None:
    ends[:] = [end + 3000 for end in ends]


HEALTHY = (
    World("steady"),
    World("steady, commits each second", commit_s=1.0),
    World("records in batches every 60 s", produces=every(60, 3, 1000.0)),
    World("consumer works in batches every 60 s", consumes=every(60, 10, 2000.0), commit_s=10.0),
    World("micro-batches every 4 min", consumes=every(240, 20, 2000.0), commit_s=20.0, lasts_s=3600, learns_s=1500),
    World("a job every 15 min", consumes=every(900, 60, 2000.0), commit_s=60.0, lasts_s=9000, learns_s=4000),
    World("one record an hour", produces=lambda at, partition: 1 / 3600, lasts_s=14_400, interval_s=30.0),
    World("one record a minute, commits every 5 min", produces=lambda at, partition: 1 / 60, commit_s=300.0, lasts_s=7200),
    World("idle topic", produces=lambda at, partition: 0.0),
    World("idle for half an hour, then a burst", produces=between(1800, 1830, 2000.0, 0.0), consumes=lambda at, partition: 1000.0),
    World("producer sleeps for 20 min", produces=between(600, 1800, 0.0, 50.0)),
    World("traffic doubles in 30 min", produces=lambda at, partition: 50.0 * (1 + at / 1800), lasts_s=3600),
    World("producer's burst of 3 min", produces=between(900, 1080, 800.0, 50.0)),
    World("high lag, steady and moving", consumes=lambda at, partition: 50.0, jumps={60: lambda positions, ends, chance: ends.__setitem__(
        slice(None), [end + 100_000 for end in ends])}),
    World("commits every 60 s", commit_s=60.0),
    World("commits every 5 min", commit_s=300.0, lasts_s=5400),
    World("commits every 60 s, read every 60 s", commit_s=60.0, interval_s=60.0, lasts_s=5400),
    World("read at odd moments", jitter_s=8.0),
    World("restart of 40 s", consumes=unless(900, 940), commits=lambda at: not 900 <= at < 940,
          has_members=lambda at: not 905 <= at < 940),
    World("rebalance of 30 s, four times", consumes=lambda at, partition: 0.0 if at > 600 and at % 400 < 30 else 500.0),
    World("reset to the newest", consumes=unless(900, 960), jumps={960: to_latest}),
    World("catches up after a stop", consumes=lambda at, partition: 120.0,
          jumps={30: lambda positions, ends, chance: ends.__setitem__(slice(None), [end + 60_000 for end in ends])}),
    World("noisy traffic", noise=1.0, produces=lambda at, partition: 20.0 + 80.0 * (int(at / 37) % 3)),
    World("readings are missing for 3 min, three times", is_read=lambda at: not (at > 500 and at % 600 < 180)),
    World("znodes with log ends, server clock 10 min behind", layout="csv", clock_s=-600.0, commit_s=2.0),
    World("znodes with log ends, server clock 5 min ahead", layout="csv", clock_s=300.0, commit_s=2.0),
    World("classic, commits only what moved", layout="consumers", commits_the_same=False, commit_s=60.0,
          produces=lambda at, partition: 1 / 240, lasts_s=7200),
)  # fmt: skip

TROUBLED = (
    World("one partition stalls", consumes=unless(900, 1500, only=1), troubles=stuck(900, 1500)),
    World("consumer stalls, goes on committing", consumes=unless(900, 1500), troubles=stuck(900, 1500)),
    World("consumer stalls, commits every 60 s", consumes=unless(900, 1800), commit_s=60.0, troubles=stuck(900, 1800, settles=180)),
    World("consumer stalls, commits every 5 min", consumes=unless(2700, 5400), commit_s=300.0, lasts_s=6600,
          troubles=stuck(2700, 5400, settles=480)),
    World("consumer is gone", consumes=unless(900, 1800), commits=lambda at: not 900 <= at < 1800,
          has_members=lambda at: not 945 <= at < 1800, troubles=stuck(900, 1800)),
    World("consumer hangs without commits", consumes=unless(900, 1800), commits=lambda at: not 900 <= at < 1800, troubles=stuck(900, 1800)),
    World("consumer is gone when the topic was idle", produces=between(900, 1500, 0.0, 50.0), consumes=unless(1000, 2400),
          commits=lambda at: at < 1000, has_members=lambda at: at < 1045, troubles=stuck(1500, 2400)),
    World("one record a minute, stuck at one", produces=lambda at, partition: 1 / 60, consumes=unless(1500, 2700), lasts_s=3600,
          troubles=stuck(1530, 2700)),
    World("stalls for 5 min, three times", consumes=lambda at, partition: 0.0 if at >= 600 and at % 600 < 300 else 500.0,
          troubles=stuck(600, 900) + stuck(1200, 1500) + stuck(1800, 2100)),
    World("falls behind by half", consumes=between(900, 2400, 25.0, 500.0), lasts_s=3000,
          troubles=stuck(900, 2400, "FALLING_BEHIND", settles=240)),
    World("falls behind by a fifth", consumes=between(900, 3600, 40.0, 500.0), lasts_s=4200,
          troubles=stuck(900, 3600, "FALLING_BEHIND", settles=240)),
    World("falls behind by a twentieth", consumes=between(900, 5400, 47.5, 500.0), lasts_s=6000, noise=0.1,
          troubles=stuck(900, 5400, "FALLING_BEHIND", settles=240)),
    World("falls behind by a fifth, commits every 60 s", consumes=between(900, 4500, 40.0, 500.0), commit_s=60.0, lasts_s=5000,
          troubles=stuck(900, 4500, "FALLING_BEHIND", settles=240)),
    World("producer's burst of 20 min, then catches up", produces=between(900, 2100, 200.0, 50.0), consumes=lambda at, partition: 120.0,
          lasts_s=4800, troubles=stuck(900, 2100, "FALLING_BEHIND", settles=240)),
    World("rewound on purpose", jumps={900: back}, troubles=stuck(900, 1200, "REWOUND")),
    World("topic recreated, shorter", jumps={900: recreated_smaller}, produces=lambda at, partition: 20.0,
          troubles=stuck(900, 2400, "REWOUND")),
)  # fmt: skip

WITHOUT_ENDS = (
    World("znodes, healthy", layout="csv", has_ends=False, siblings=3, commit_s=2.0),
    World("znodes, records in batches every 60 s", layout="csv", has_ends=False, siblings=3, commit_s=2.0, produces=every(60, 3, 1000.0)),
    World("znodes, one sibling is dead", layout="csv", has_ends=False, siblings=2, commit_s=2.0),
    World("znodes, an idle application", layout="csv", has_ends=False, commit_s=2.0, produces=lambda at, partition: 0.0),
    World("znodes, written every 5 min", layout="csv", has_ends=False, commit_s=300.0, lasts_s=5400),
    World("znode written every hour", layout="csv", has_ends=False, commit_s=3600.0, lasts_s=18_000, interval_s=60.0),
    World("znodes, server clock 10 min behind", layout="csv", has_ends=False, siblings=3, clock_s=-600.0, commit_s=2.0),
    World("znode commits and stands still", layout="csv", has_ends=False, siblings=3, commit_s=2.0, consumes=unless(900, 1800),
          troubles=stuck(900, 1800)),
    World("znode is no longer written", layout="csv", has_ends=False, siblings=3, commit_s=2.0, consumes=unless(900, 1800),
          commits=lambda at: not 900 <= at < 1800, troubles=stuck(900, 1800)),
    World("znode, one partition stands still", layout="csv", has_ends=False, siblings=3, commit_s=2.0, consumes=unless(900, 1800, only=1),
          troubles=stuck(900, 1800)),
    World("znode rewound", layout="csv", has_ends=False, siblings=3, commit_s=2.0, jumps={900: back},
          troubles=stuck(900, 1200, "REWOUND")),
)  # fmt: skip

UNTOLD = (World("topic recreated, longer", jumps={900: recreated_larger}),)  # nothing but the topic's id tells it from traffic


def traces(worlds: tuple[World, ...], seeds: Sequence[int] = SEEDS) -> Iterator[Trace]:
    return (play(world, seed) for world in worlds for seed in seeds)
