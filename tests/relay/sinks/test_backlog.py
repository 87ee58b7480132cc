"""Which files of an inbox wait, in which order, and how much that is."""

import time
from pathlib import Path

from relay.sinks.backlog import Backlog, Growing, in_order
from tests.relay.records import request

A, B, C = "202611221845_request.txt", "202611221846_request.txt", "202611221847_request.txt"


def backlog(place: Path, log: str = "") -> Backlog:
    (place / "names").write_text(log)
    (place / "inbox").mkdir()
    return Backlog(place / "inbox", place / "names")


def test_the_order_is_that_of_the_log_of_names_also_when_the_clock_stepped_back() -> None:
    log = f"\n{C}\n\n{A}\n\n{C}=120\n{A[:12]}_request.1.txt\n"
    assert in_order([A, f"{A[:12]}_request.1.txt", C], log) == [C, A, f"{A[:12]}_request.1.txt"]


def test_what_is_older_than_the_log_goes_first_and_numbers_count_as_numbers() -> None:
    second, tenth = f"{A[:12]}_request.2.txt", f"{A[:12]}_request.10.txt"
    assert in_order([C, tenth, B, second, A], C) == [A, second, tenth, B, C]


def test_hidden_files_count_and_strangers_do_not(tmp_path: Path) -> None:
    found = backlog(tmp_path, f"{B}\n{A}\n")
    for name in (A, f".{B}.part", "notes.txt", ".probe", f"{C}.bak"):
        (tmp_path / "inbox" / name).write_bytes(request(1))
    found.look()
    assert found.first() == B
    assert found.has(A) and found.has(B) and not found.has("notes.txt")
    assert found.waiting("", 0, 0).files == 2


def test_records_of_an_earlier_process_are_unknown_until_they_are_counted(tmp_path: Path) -> None:
    found = backlog(tmp_path, A)
    (tmp_path / "inbox" / A).write_bytes(request(1) + request(2) + request(3))
    found.look()
    assert found.waiting(A, 0, 0).records is None
    found.count()
    assert found.waiting(A, 0, 0).records == 3
    assert found.waiting(A, len(request(1)), 1)[:3] == (1, 2, 2 * len(request(1)))
    assert found.waiting(A, 3 * len(request(1)), 3) == (0, 0, 0, None)


def test_of_the_file_that_is_written_only_what_is_on_disk_counts(tmp_path: Path) -> None:
    found = backlog(tmp_path, A)
    size = len(request(1))
    (tmp_path / "inbox" / f".{A}.part").write_bytes(request(1) * 5)
    found.grew(Growing(A, 2 * size), 2, 1000.0)
    found.look()
    assert found.waiting(A, 0, 0)[:3] == (1, 2, 2 * size)
    assert found.waiting(A, size, 1)[:3] == (1, 1, size)


def test_the_oldest_is_as_old_as_its_file_or_as_the_first_record_after_everything_was_forwarded(tmp_path: Path) -> None:
    found = backlog(tmp_path, A)
    began_at = time.mktime(time.strptime(A[:12], "%Y%m%d%H%M"))
    found.grew(Growing(A, 100), 1, began_at + 5)
    assert found.waiting("", 0, 0).oldest_at == began_at
    found.caught_up()
    found.grew(Growing(A, 200), 1, began_at + 30)
    found.grew(Growing(A, 300), 1, began_at + 40)
    assert found.waiting(A, 100, 1).oldest_at == began_at + 30


def test_a_file_that_somebody_took_away_waits_no_more(tmp_path: Path) -> None:
    found = backlog(tmp_path, A)
    (tmp_path / "inbox" / A).write_bytes(request(1))
    found.look()
    found.count()
    (tmp_path / "inbox" / A).unlink()
    found.look()
    assert found.first() is None
    assert found.waiting(A, 0, 0).files == 0
