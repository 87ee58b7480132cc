"""Does a backlog grow, or does it only breathe? A pure fold over samples (seconds, pending); any clock that never goes back will do.

Growth is a rise that nearly every pair of samples confirms (Mann-Kendall), so noise, one step or several batches within the window never
pass. A batch longer than the window rises just as steadily; it is known by its past: a backlog that came and went lately has to be
outgrown first. What creeps too slowly for the window is seen in a longer one, of the lowest sample in each half minute.
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
MIN_THIRD = 2  # samples in a third: with fewer one odd sample is a slope
LOW_S = 30.0  # so WINDOW lows are twelve minutes; batches have their troughs in each low
MIN_CREEP = 40  # messages, as MIN_RISE, in the longer window
CREEP_SHARE = 0.05
LATELY, STILL = 9, 0.25  # lows, in which it must have risen by so much of what it did on average
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
    lows: tuple[tuple[float, int], ...] = ()
    low: tuple[float, int] | None = None  # since when, and the lowest since then
    crest: int = 0  # highest since the last wave went
    wave: Wave | None = None
    rise: Growth | None = None  # of the samples
    creep: Growth | None = None  # of the lows

    @property
    def growth(self) -> Growth | None:
        return self.rise or self.creep


def follow(trend: Trend, at: float, pending: int) -> Trend:
    """The trend after one more sample."""
    crest, wave = max(trend.crest, pending), trend.wave
    if crest >= MIN_RISE and pending * 2 <= crest:
        wave, crest = _remembered(wave, Wave(at, crest)), pending
    if trend.samples and at - trend.samples[-1][0] < SPACING_S:
        return replace(trend, crest=crest, wave=wave)
    samples = (*trend.samples[1 - WINDOW :], (at, pending))
    lows, low = _lowered(trend, at, pending)
    if _is_next_wave(wave, at, pending):
        return Trend(samples, lows, low, crest, wave)
    rise = _growth(samples, ENDS if trend.rise else BEGINS, MIN_RISE, MIN_SHARE)
    creep = trend.creep if lows is trend.lows else _creep(lows, trend.creep is not None)
    return Trend(samples, lows, low, crest, wave, rise, creep)


def _lowered(trend: Trend, at: float, pending: int) -> tuple[tuple[tuple[float, int], ...], tuple[float, int]]:
    """The lows, and the one that is under way."""
    if trend.low is None:
        return trend.lows, (at, pending)
    since, lowest = trend.low
    if at - since < LOW_S:
        return trend.lows, (since, min(lowest, pending))
    return (*trend.lows[1 - WINDOW :], (at, lowest)), (at, pending)


def slope(trend: Trend) -> float | None:
    """Messages a second over the samples that are kept, between the medians of their first and their last third. None: too few yet."""
    samples = trend.samples
    third = len(samples) // 3
    if third < MIN_THIRD:
        return None
    levels = [pending for _, pending in samples]
    if levels.count(levels[0]) == len(levels):  # most queues, most of the time
        return 0.0
    return (median(levels[-third:]) - median(levels[:third])) / _between(samples, third)


def _between(samples: tuple[tuple[float, int], ...], third: int) -> float:
    """Seconds from the middle of the first third to the middle of the last; samples are at least SPACING_S apart."""
    return samples[third // 2 - third][0] - samples[third // 2][0]


def _remembered(old: Wave | None, new: Wave) -> Wave:
    is_kept = old is not None and new.at - old.at < WAVE_MEMORY_S and new.height < SAME_WAVE * old.height
    return old if old is not None and is_kept else new


def _is_next_wave(wave: Wave | None, at: float, pending: int) -> bool:
    return wave is not None and at - wave.at < WAVE_MEMORY_S and pending < OUTGROWN * wave.height


def _creep(lows: tuple[tuple[float, int], ...], was: bool) -> Growth | None:
    """What rose quickly and stands still now has risen for most of the longer window, too: it must go on rising."""
    found = _growth(lows, ENDS if was else BEGINS, MIN_CREEP, CREEP_SHARE)
    if found is None:
        return None
    levels = [level for _, level in lows[-LATELY:]]
    lately = median(levels[-3:]) - median(levels[:3])
    return found if lately > STILL * found.per_s * (lows[-2][0] - lows[1 - LATELY][0]) else None


def _growth(samples: tuple[tuple[float, int], ...], needed: float, least: int, share: float) -> Growth | None:
    if len(samples) < WINDOW or samples[-1][1] - samples[0][1] < least:
        return None
    levels = [pending for _, pending in samples]
    third = WINDOW // 3
    first, last = median(levels[:third]), median(levels[-third:])
    if last - first < max(least, share * first):
        return None
    pairs = WINDOW * (WINDOW - 1) // 2
    if sum((later > earlier) - (later < earlier) for earlier, later in combinations(levels, 2)) < needed * pairs:
        return None
    over_s = samples[-1][0] - samples[0][0]
    return Growth(levels[-1] - levels[0], over_s, (last - first) / _between(samples, third))
