"""Made traces, the same for the same seed: a producer, a consumer that commits, and our readings of both, second by second."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.backends.consumers.traces.trace import Commit, Layout, Reading, Trace, Trouble

T0 = 1_800_000_000.0
PerS = Callable[[float, int], float]  # records a second, by the second and the partition


@dataclass
class World:
    """What happens. Functions of the seconds since the beginning."""

    kind: str
    lasts_s: int = 2400
    produces: PerS = lambda at, partition: 50.0
    consumes: PerS = lambda at, partition: 500.0
    layout: Layout = "group"
    partitions: int = 3
    commit_s: float = 5.0
    commits: Callable[[float], bool] = lambda at: True
    commits_the_same: bool = True  # also when nothing was consumed since
    interval_s: float = 10.0
    jitter_s: float = 0.3
    is_read: Callable[[float], bool] = lambda at: True
    has_ends: bool = True
    has_members: Callable[[float], bool] = lambda at: True
    siblings: int = 0
    clock_s: float = 0.0  # the server's, ahead of ours
    jumps: dict[int, Callable[[list[float], list[float], random.Random], None]] = field(default_factory=dict)  # of positions and log ends
    troubles: tuple[Trouble, ...] = ()
    learns_s: float = 0.0
    noise: float = 0.2  # of what is produced


def play(world: World, seed: int) -> Trace:
    """The world second by second. Positions are fractions within, whole records outside."""
    chance = random.Random(f"{world.kind}/{seed}")
    ends = [float(chance.randrange(10_000, 1_000_000)) for _ in range(world.partitions)]
    positions = list(ends)
    committed: dict[int, tuple[int, float]] = {}
    commits: list[Commit] = []
    log: list[Commit] = []
    readings: list[Reading] = []
    next_commit, next_reading = chance.uniform(0, world.commit_s), chance.uniform(0, world.interval_s)
    for second in range(world.lasts_s):
        if second in world.jumps:
            world.jumps[second](positions, ends, chance)
        _move(world, second, positions, ends, chance)
        log += [Commit(T0 + second, number, int(end)) for number, end in enumerate(ends)]
        if second >= next_commit:
            if world.commits(second):
                commits += _commit(world, second, positions, committed)
            next_commit += world.commit_s
        if second >= next_reading:
            if committed:
                readings.append(_read(world, second + chance.uniform(0, 0.9), committed, ends))
            next_reading += world.interval_s + chance.uniform(-world.jitter_s, world.jitter_s)
    troubles = tuple(Trouble(T0 + each.begin, T0 + each.end, each.words, each.settles) for each in world.troubles)
    known = tuple(log) if world.has_ends else ()
    name = f"{world.kind} #{seed}"
    return Trace(name, world.kind, world.layout, world.interval_s, tuple(readings), tuple(commits), known, troubles, T0 + world.learns_s)


def _move(world: World, second: int, positions: list[float], ends: list[float], chance: random.Random) -> None:
    for number in range(world.partitions):
        made = world.produces(second, number)
        if made:
            ends[number] += max(0.0, made * chance.gauss(1, world.noise)) if made >= 1 else float(chance.random() < made)
        positions[number] = max(positions[number], min(ends[number], positions[number] + world.consumes(second, number)))


def _commit(world: World, second: int, positions: list[float], committed: dict[int, tuple[int, float]]) -> list[Commit]:
    made = []
    for number, position in enumerate(positions):
        offset = int(position)
        if world.commits_the_same or committed.get(number, (-1, 0.0))[0] != offset:
            committed[number] = offset, T0 + second
            made.append(Commit(T0 + second, number, offset))
    return made


def _read(world: World, at: float, committed: dict[int, tuple[int, float]], ends: list[float]) -> Reading:
    if not world.is_read(at):
        return Reading(T0 + at, {})
    offsets = {number: offset for number, (offset, _) in committed.items()}
    times = {} if world.layout == "group" else {number: when + world.clock_s for number, (_, when) in committed.items()}
    known = {number: int(end) for number, end in enumerate(ends)} if world.has_ends else {}
    gap = world.commit_s if world.siblings else None
    newest = T0 + at + world.clock_s - 1 if world.siblings else None
    return Reading(T0 + at, offsets, times, known, world.has_members(at), world.siblings, gap, newest)
