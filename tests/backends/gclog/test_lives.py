"""JVMs 8 to 28 that lived for an hour (lab/java/Life.java), event by event: leaks are told in time and stay told, others never are."""

import gzip
from pathlib import Path
from typing import Final

import pytest

from backends.gclog.events import Collected
from backends.gclog.judging.account import Account
from backends.gclog.judging.verdict import rule
from backends.gclog.parsing.assemble import Parser

PLACE: Final = Path(__file__).parent / "data" / "lives"
LIVES: Final = sorted(path.name.removesuffix(".log.gz") for path in PLACE.glob("*.gz"))
EVERY: Final = 10  # collections between two looks
FULL_S: Final = 3000.0  # a leak is in its last minutes from here on
IN_TIME_S: Final = 2400.0


def said(name: str) -> list[tuple[float, str]]:
    """Each verdict that is another than the one before, and when."""
    account, parser, found = Account(), Parser(), [(0.0, "UNKNOWN")]
    collections = 0
    for event in parser.feed(gzip.decompress((PLACE / f"{name}.log.gz").read_bytes())):
        account.note(event)
        if isinstance(event, Collected) and event.at is not None:
            collections += 1
            if collections % EVERY == 0 and (verdict := rule(account.findings()).verdict) != found[-1][1]:
                found.append((event.at, verdict))
    return found


@pytest.mark.parametrize("name", [name for name in LIVES if name.startswith("leak-")])
def test_a_leak_of_an_hour_is_told_in_time_and_not_taken_back(name: str) -> None:
    verdicts = said(name)
    first = next(at for at, verdict in verdicts if verdict == "LEAK")
    assert 1800 <= first <= IN_TIME_S
    assert {verdict for at, verdict in verdicts if at < first} <= {"UNKNOWN", "OK"}
    assert {verdict for at, verdict in verdicts if first <= at < FULL_S} <= {"LEAK", "HANG", "SUSPECT"}
    assert "OK" not in {verdict for at, verdict in verdicts if at >= first}


@pytest.mark.parametrize("name", [name for name in LIVES if not name.startswith("leak-")])
def test_waves_batches_and_a_steady_load_are_well(name: str) -> None:
    assert [verdict for _, verdict in said(name)] == ["UNKNOWN", "OK"]
