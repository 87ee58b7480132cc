"""Lines that are read as a run say the same as when each is read for itself, and what is no run is not taken for one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.gclog.events import Collected, Event, Launched, Packed, Run
from backends.gclog.parsing import runs
from backends.gclog.parsing.assemble import Parser
from tests.backends.gclog import corpus

YOUNG = b"[GC [PSYoungGen: 8K->1K(9K)] 18K->11K(97K), 0.02%02d secs]\n"
FULL = b"[Full GC [PSYoungGen: 8K->0K(9K)] [ParOldGen: 10K->5K(88K)] 18K->5K(97K), 0.5 secs]\n"
PLAIN = b"[%d.000s][info][gc] GC(%d) Pause Young (Normal) (G1 Evacuation Pause) 9M->4M(20M) 1.0ms\n"


def packed(text: bytes) -> list[Packed]:
    parser = Parser()
    return parser.packed(text)


def one_by_one(text: bytes, monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    with monkeypatch.context() as patch:
        patch.setattr(runs, "LEAST", 1 << 40)
        return Parser().feed(text)


def long(count: int = 20) -> bytes:
    return b"".join(b"%d.5: " % number + YOUNG % number for number in range(count))


def test_a_run_is_the_collections_that_its_lines_are(monkeypatch: pytest.MonkeyPatch) -> None:
    (run,) = (event for event in packed(long()) if isinstance(event, Run))
    singles = [event for event in one_by_one(long(), monkeypatch) if isinstance(event, Collected)]
    assert run.collections() == singles and run.collections(3) == singles[-3:]
    assert run.pauses_s == [event.pause_s for event in singles]


def test_a_full_collection_parts_two_runs() -> None:
    found = packed(long(10) + b"10.2: " + FULL + b"".join(b"%d.5: " % number + YOUNG % number for number in range(11, 21)))
    assert [type(event).__name__ for event in found if isinstance(event, Run | Collected)] == ["Run", "Collected", "Run"]


def test_a_clock_that_falls_back_inside_is_another_jvm() -> None:
    found = Parser().feed(long(12) + long(12))
    assert sum(isinstance(event, Launched) for event in found) == 1
    assert sum(isinstance(event, Collected) for event in found) == 24


def test_pauses_of_unified_logging_are_a_run_too(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"[0.1s][info][gc] Using G1\n" + b"".join(PLAIN % (number, number) for number in range(1, 30))
    assert any(isinstance(event, Run) for event in packed(text))
    assert Parser().feed(text) == one_by_one(text, monkeypatch)


@pytest.mark.parametrize("path", corpus.logs(), ids=lambda path: path.name)
def test_whole_logs_say_the_same_with_and_without_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = path.read_bytes()
    assert Parser().feed(text) == one_by_one(text, monkeypatch)


LINES = st.lists(
    st.one_of(
        st.integers(0, 30).map(lambda at: b"%d.5: " % at + YOUNG % 1),
        st.integers(0, 59).map(lambda at: b"2021-12-15T05:11:%02d.108+0900: " % at + YOUNG % 1),
        st.integers(0, 59).map(lambda at: b"2021-12-15T05:11:%02d.108+0900: %d.1: " % (at, at) + YOUNG % 1),
        st.sampled_from([YOUNG % 1, b"3.5: " + FULL, b"words of an application\n", b"4.0: [GC 4.0: [ParNew\n", b"5,5: " + YOUNG % 1]),
    ),
    max_size=40,
)


@given(LINES)
def test_any_lines_say_the_same_with_and_without_runs(lines: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        assert Parser().feed(b"".join(lines)) == one_by_one(b"".join(lines), patch)


@given(st.lists(st.booleans(), max_size=60))
def test_segments_are_the_rows_in_their_order(kinds: list[bool]) -> None:
    rows: runs.Rows = [(b"plain %d" % number, b"") if is_plain else (b"", b"other %d" % number) for number, is_plain in enumerate(kinds)]
    found = list(runs.segments(rows, 1))
    assert [row for _, part in found for row in part] == rows
    assert all(not row[1] for is_run, part in found if is_run for row in part)
    assert all(len(part) >= runs.LEAST for is_run, part in found if is_run)
