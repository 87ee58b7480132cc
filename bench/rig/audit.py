"""What was acknowledged beside what is stored. Every record of the load has its own number, so nothing is taken on trust.

    python -m bench.rig.audit ACKFILE FILE...

prints the audit of one run of relay_gen as JSON; it ends with 1 when something acknowledged is not there.
"""

import array
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

SIZE = 120  # of a record, with its newline, as relay_gen makes them
NUMBER = slice(9, 21)
HEAD = b"0120|REQ|"
TAIL = b"|20260101000000|HOST01|JOB_A|STEP1|0|".ljust(SIZE - NUMBER.stop - 1, b"x")


class Audit(NamedTuple):
    acknowledged: int  # records
    stored: int  # whole lines
    duplicates: int  # whole lines beyond the first of their number
    torn: int  # lines that are no record as it was sent
    lost: int  # acknowledged and not stored
    unacknowledged: int  # stored, though nobody was told: not wrong, the answer was on its way


def record(number: int) -> bytes:
    return HEAD + b"%012d" % number + TAIL + b"\n"


def acknowledged(file: Path) -> set[int]:
    """The numbers in one ACKFILE of relay_gen."""
    numbers = array.array("Q")
    numbers.frombytes(file.read_bytes())
    return set(numbers)


def audit(numbers: set[int], files: Iterable[Path]) -> Audit:
    stored: list[int] = []
    torn = 0
    for file in files:
        whole, _, rest = file.read_bytes().rpartition(b"\n")
        torn += bool(rest)
        for line in whole.split(b"\n") if whole else ():
            if len(line) == SIZE - 1 and line.startswith(HEAD) and line.endswith(TAIL) and line[NUMBER].isdigit():
                stored.append(int(line[NUMBER]))
            else:
                torn += 1
    known = set(stored)
    return Audit(len(numbers), len(stored), len(stored) - len(known), torn, len(numbers - known), len(known - numbers))


def total(audits: Iterable[Audit]) -> Audit:
    return Audit(*(sum(column) for column in zip(*audits, strict=True)))


def main(words: list[str]) -> int:
    found = audit(acknowledged(Path(words[0])), map(Path, words[1:]))
    print(json.dumps(found._asdict()))
    return 1 if found.lost or found.torn else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
