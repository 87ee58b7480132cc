"""16 connections, each of which waits for its answer before it sends the next record.

    python -m bench.relay_depth1 [--seconds S] [--rounds N]

Goal R4, beside the C server; rsyslog's two ways are there to be looked at.
"""

import sys
from typing import Any

from bench.rig.load import Generator, Shape
from bench.rig.rounds import Rig, arguments, beside, goal, measure, ratio, run, variants
from bench.rig.rsyslog import peers
from bench.rig.servers import BARE, limit, relay

SHAPE = Shape(16)


def main() -> int:
    return run(arguments(__doc__, seconds=1.5, rounds=3), program)


def program(rig: Rig) -> dict[str, Any]:
    found = measure(rig, Generator(rig.directory), [relay(), BARE, limit(rig.directory), *peers(rig.directory)], SHAPE)
    return {
        "load": f"{SHAPE}, 120 bytes, {rig.seconds:g} s x {rig.rounds}",
        "variants": variants(found, ours=["relay"]),
        "our_rate_over": beside(found, "relay"),
        "goals": [
            goal("R4", "rate of the C server x 1.0", ratio(found, "relay", "limit"), least=1.0),
            goal("R4 stretch", "rate of the C server x 1.2", ratio(found, "relay", "limit"), least=1.2),
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
