"""A connection for each record, 256 at a time, as partners of the old contract have it.

    python -m bench.relay_oneshot [--seconds S] [--rounds N]

Goal R3, beside the old skeleton, which syncs nothing, and the C server with the same durability.
"""

import sys
from typing import Any

from bench.rig.load import Generator, Shape
from bench.rig.rounds import Rig, arguments, beside, goal, measure, ratio, run, variants
from bench.rig.servers import BARE, SKELETON, limit, relay

SHAPE = Shape(256, mode="oneshot")


def main() -> int:
    return run(arguments(__doc__, seconds=1.5, rounds=3), program)


def program(rig: Rig) -> dict[str, Any]:
    found = measure(rig, Generator(rig.directory), [relay(), BARE, limit(rig.directory), SKELETON], SHAPE)
    return {
        "load": f"{SHAPE}, 120 bytes, {rig.seconds:g} s x {rig.rounds}",
        "variants": variants(found, ours=["relay"]),
        "our_rate_over": beside(found, "relay"),
        "goals": [
            goal("R3", "rate of the skeleton that syncs nothing x 4", ratio(found, "relay", "skeleton"), least=4),
            goal("R3", "rate of the C server x 0.85", ratio(found, "relay", "limit"), least=0.85),
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
