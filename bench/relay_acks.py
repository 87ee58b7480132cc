"""Durable acknowledgements a second, everything on, beside what else answers each record.

    python -m bench.relay_acks [--seconds S] [--rounds N] [--kills N]

16 connections with 16 records in flight each, 120 bytes a record. Goals R1 (rsyslog with RELP made durable; a thread per connection with a
sync per record), R2 (rsyslog's memory queue, which has nothing on disk when it answers) and R5 (a bare group commit). Somebody watches our
relay's status meanwhile, as a console does. Then it is killed under the same load, and every number that it had acknowledged is looked for.
"""

import signal
import sys
import time
from typing import Any

from bench.rig.audit import Audit, audit
from bench.rig.load import Generator, Shape
from bench.rig.rounds import Result, Rig, arguments, beside, goal, measure, ratio, run, variants
from bench.rig.rsyslog import peers
from bench.rig.servers import BARE, SHARING, THREADS, Absent, inbox, limit, relay, running

SHAPE = Shape(16, 16)
KILLED_AFTER_S = 0.6


def main() -> int:
    words = arguments(__doc__, seconds=1.5, rounds=3)
    words.add_argument("--kills", type=int, default=2, help="of the relay under load (%(default)s)")
    return run(words, program)


def program(rig: Rig) -> dict[str, Any]:
    generator = Generator(rig.directory)
    ours = relay()
    found = measure(rig, generator, [ours, BARE, limit(rig.directory), THREADS, SHARING, *peers(rig.directory)], SHAPE)
    killed = kill(rig, generator)
    return {
        "load": f"{SHAPE}, 120 bytes, {rig.seconds:g} s x {rig.rounds}",
        "variants": {**variants(found, ours=["relay"]), "relay, killed": {"is_ours": True, "kills": rig.words.kills, **killed._asdict()}},
        "our_rate_over": beside(found, "relay"),
        "goals": goals(found, killed),
    }


def goals(found: dict[str, Result | Absent], killed: Audit) -> list[dict[str, Any]]:
    ours = found["relay"]
    assert isinstance(ours, Result)
    lost = ours.audit.lost + killed.lost
    cpu = sorted(figures.cpu_us_per_record for figures in ours.rounds)[len(ours.rounds) // 2]
    return [
        goal("R1", "rate of durable RELP x 40", ratio(found, "relay", "rsyslog-durable"), least=40),
        goal("R1", "rate of a thread per connection with a sync per record x 40", ratio(found, "relay", "threads"), least=40),
        goal("R1", "acknowledged and lost: 0", lost, most=0),
        goal("R2", "rate of RELP's memory queue x 2.5", ratio(found, "relay", "rsyslog-memory"), least=2.5),
        goal("R2", "CPU of RELP's memory queue x 0.4", ratio(found, "relay", "rsyslog-memory", "cpu_us_per_record"), most=0.4),
        goal("R5", "rate of the bare group commit x 0.8", ratio(found, "relay", "bare"), least=0.8),
        goal("R5", "CPU a record <= 5 us", cpu, most=5),
    ]


def kill(rig: Rig, generator: Generator) -> Audit:
    """SIGKILL in the middle of the load; started once more, it has every number that it acknowledged, once."""
    place = rig.place("killed")
    acknowledged: set[int] = set()
    for _ in range(rig.words.kills):
        with running(relay(), place) as server:
            load = generator.start(server.port, SHAPE, KILLED_AFTER_S * 5)
            time.sleep(KILLED_AFTER_S)
            server.child.send_signal(signal.SIGKILL)
            acknowledged |= load.finish()[1]
    with running(relay(), place):
        pass
    return audit(acknowledged, inbox(place))


if __name__ == "__main__":
    sys.exit(main())
