"""Does a backlog grow, or does it only breathe? A pure fold over samples (seconds, pending); any clock that never goes back will do.

Growth is a rise that nearly every pair of samples confirms (Mann-Kendall), so noise, one step or several batches within the window never
pass. A batch longer than the window rises just as steadily; it is known by its past: a backlog that came and went lately has to be
outgrown first.
"""

from itertools import combinations
from statistics import median

from msgspec import Struct
from msgspec.structs import replace

WINDOW = 24  # samples compared with each other: 276 pairs, at the usual interval of 5 s two minutes
SPACING_S = 4.5  # samples closer than that are not kept (a refresh by hand); 5 s with jitter are
BEGINS = 0.8  # of all pairs, risen minus fallen. A flat line with noise needs 5.5 sigma for that
ENDS = 0.5  # what has begun ends later, so that a verdict does not flap
MIN_RISE = 20  # messages between the medians of the first and the last third: less is no backlog
MIN_SHARE = 0.01  # and of what was there: a million that breathes by a hundred is calm
WAVE_MEMORY_S = 900.0  # batches up to a quarter of an hour apart are recognised
SAME_WAVE = 0.8  # a wave at least that high follows the one remembered, a lower one does not count
OUTGROWN = 1.25  # times the remembered wave: this is not the next of its kind


class Growth(Struct, frozen=True):
    risen: int
    over_s: float
    per_s: float


class Wave(Struct, frozen=True):
    """A backlog that came and went: at least half of its height is gone again."""

    at: float
    height: int


class Trend(Struct, frozen=True):
    """What is remembered of one backlog; `growth` is what it amounts to."""

    samples: tuple[tuple[float, int], ...] = ()
    crest: int = 0  # highest since the last wave went
    wave: Wave | None = None
    growth: Growth | None = None


def follow(trend: Trend, at: float, pending: int) -> Trend:
    """The trend after one more sample."""
    crest, wave = max(trend.crest, pending), trend.wave
    if crest >= MIN_RISE and pending * 2 <= crest:
        wave, crest = _remembered(wave, Wave(at, crest)), pending
    if trend.samples and at - trend.samples[-1][0] < SPACING_S:
        return replace(trend, crest=crest, wave=wave)
    samples = (*trend.samples[1 - WINDOW :], (at, pending))
    growth = None if _is_next_wave(wave, at, pending) else _growth(samples, ENDS if trend.growth else BEGINS)
    return Trend(samples, crest, wave, growth)


def _remembered(old: Wave | None, new: Wave) -> Wave:
    is_kept = old is not None and new.at - old.at < WAVE_MEMORY_S and new.height < SAME_WAVE * old.height
    return old if old is not None and is_kept else new


def _is_next_wave(wave: Wave | None, at: float, pending: int) -> bool:
    return wave is not None and at - wave.at < WAVE_MEMORY_S and pending < OUTGROWN * wave.height


def _growth(samples: tuple[tuple[float, int], ...], needed: float) -> Growth | None:
    if len(samples) < WINDOW or samples[-1][1] - samples[0][1] < MIN_RISE:
        return None
    levels = [pending for _, pending in samples]
    third = WINDOW // 3
    first, last = median(levels[:third]), median(levels[-third:])
    if last - first < max(MIN_RISE, MIN_SHARE * first):
        return None
    pairs = WINDOW * (WINDOW - 1) // 2
    if sum((later > earlier) - (later < earlier) for earlier, later in combinations(levels, 2)) < needed * pairs:
        return None
    over_s = samples[-1][0] - samples[0][0]
    between_s = median(at for at, _ in samples[-third:]) - median(at for at, _ in samples[:third])
    return Growth(levels[-1] - levels[0], over_s, (last - first) / between_s)
