"""When what happens: one round of the incident in seconds, and the noise of a platform that lives. Pure."""

import math
import random

ROUND = 300.0  # seconds of one incident, its recovery included
SEED = 20261122

# When each part of the incident begins and ends, in seconds of the round.
PARTNER_DOWN = (25.0, 205.0)
DEAD_LETTERS = (55.0, 240.0)
TOPIC_STALE = (85.0, 215.0)
CONSUMER_STALLED = (110.0, 225.0)
CONSUMER_CATCHES_UP = 40.0  # seconds after it
AGENT_LEAKS = (40.0, 255.0)
AGENT_FILLS = (120.0, 230.0)
BROKER_AWAY = (160.0, 200.0)


def noise(name: str, step: int) -> float:
    """0 to 1, the same for the same name and step."""
    return random.Random(f"{SEED}/{name}/{step}").random()


def within(span: tuple[float, float], at: float) -> float | None:
    """Seconds since that part of the incident began, None outside it."""
    phase = at % ROUND
    return phase - span[0] if span[0] <= phase < span[1] else None


def lost(span: tuple[float, float], at: float) -> float:
    """Seconds that this part has taken altogether since the start, over all rounds."""
    rounds, phase = divmod(at, ROUND)
    return rounds * (span[1] - span[0]) + min(max(0.0, phase - span[0]), span[1] - span[0])


def wave(name: str, at: float, mean: float, swing: float = 0.15) -> float:
    """A rate that breathes slowly and trembles a little."""
    slow = math.sin(at / 17 + noise(name, 0) * 6.28)
    return max(0.0, mean * (1 + swing * slow + swing * (noise(name, int(at)) - 0.5)))
