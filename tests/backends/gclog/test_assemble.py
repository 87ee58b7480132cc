"""Bytes in pieces: however a log is cut, spoiled or made up, the same events and never an exception."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.gclog.events import Collected, Event
from backends.gclog.judging.account import Account
from backends.gclog.judging.verdict import judge
from backends.gclog.parsing.assemble import MAX_LINE, Parser
from tests.backends.gclog import corpus

LINE = b"1.0: [GC [PSYoungGen: 8K->1K(9K)] 18K->11K(97K), 0.02 secs]\n"
LEGACY = (
    b"12.3: [GC 12.3: [ParNew\nDesired survivor size 1 bytes, new threshold 1 (max 1)\n- age   1:  1 bytes,  1 total\n"
    b": 8K->1K(9K), 0.01 secs]12.4: [CMS12.5: [CMS-concurrent-mark: 0.1/0.1 secs] [Times: user=0.1 sys=0.0, real=0.1 secs]\n"
    b" (concurrent mode failure): 18K->11K(20K), 0.2 secs] 28K->11K(30K), [CMS Perm : 1K->1K(2K)], 0.3 secs]\r\n"
    + LINE.replace(b"1.0", b"13.0")
    + b"14.0: [GC pause (young), 0.3 secs]\n   [Eden: 1.0M(2.0M)->0.0B(2.0M) Survivors: 0.0B->1.0M Heap: 5.0M(9.0M)->3.0M(9.0M)]\nHeap\n"
    + b"15.0: [Full GC 17M->37"
)
UNIFIED = b"".join(path.read_bytes()[:3000] for path in corpus.logs()[:3]) + b"[9.9s][info][gc,start] GC(77) Pause Full (System.gc())"


def read(pieces: list[bytes]) -> list[Event]:
    parser = Parser()
    found = [event for piece in pieces for event in parser.feed(piece)]
    return found + parser.finish()


@pytest.mark.parametrize("text", [LEGACY, UNIFIED], ids=["legacy", "unified"])
@given(data=st.data())
def test_any_way_of_cutting_gives_the_same_events(text: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=40)))
    pieces = [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]
    assert read(pieces) == read([text])


@pytest.mark.parametrize("path", corpus.logs(), ids=lambda path: path.name)
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_log_in_pieces_of_any_size_gives_the_same_events(path: Path, size: int) -> None:
    text = path.read_bytes()[:6000]
    assert read([text[at : at + size] for at in range(0, len(text), size)]) == read([text])


@pytest.mark.parametrize("text", [LEGACY, UNIFIED[:4000]], ids=["legacy", "unified"])
def test_a_log_cut_at_any_byte_is_read_as_far_as_it_goes(text: bytes) -> None:
    whole = [event for event in read([text]) if isinstance(event, Collected)]
    for end in range(0, len(text), 3):
        account, parser = Account(), Parser()
        events = parser.feed(text[:end]) + parser.finish()
        account.note_all(events)
        judge(account.trace(parser.is_cut), 60.0)
        assert len([event for event in events if isinstance(event, Collected)]) <= len(whole)


@given(
    st.lists(
        st.one_of(st.binary(max_size=200), st.sampled_from([LINE, LEGACY, UNIFIED[:500], b"\n", b"[GC ", b"]", b"GC(1) Pause "])),
        max_size=12,
    )
)
@settings(max_examples=300)
def test_random_bytes_between_sound_lines_never_raise(pieces: list[bytes]) -> None:
    account, parser = Account(), Parser()
    for piece in pieces:
        account.note_all(parser.feed(piece))
    account.note_all(parser.finish())
    assert judge(account.trace(parser.is_cut), 5.0).reason
    assert account.pause_total_s >= 0


@given(st.data())
def test_a_sound_log_with_spoiled_bytes_never_raises(data: st.DataObject) -> None:
    text = bytearray(data.draw(st.sampled_from([LEGACY, UNIFIED])))
    for place in data.draw(st.lists(st.integers(0, len(text) - 1), max_size=30)):
        text[place] = data.draw(st.sampled_from(b"0[](),.:>-KMG \n9"))
    account = Account()
    account.note_all(read([bytes(text)]))
    assert account.young >= 0


def test_the_hole_that_copytruncate_leaves_is_skipped() -> None:
    assert read([b"\0" * 5000 + LINE]) == read([LINE])


def test_a_line_longer_than_any_of_a_jvm_is_passed_over_and_counted_whole_or_in_pieces() -> None:
    text = LINE + b"x" * (MAX_LINE + 10) + b"\n" + LINE.replace(b"1.0", b"2.0")
    for size in (len(text), 1000, MAX_LINE):
        parser = Parser()
        found = [event for at in range(0, len(text), size) for event in parser.feed(text[at : at + size])]
        assert [event.at for event in found if isinstance(event, Collected)] == [1.0, 2.0], size
        assert parser.unknown == 1, size


def test_words_of_an_application_before_the_first_line_of_a_log_are_nothing() -> None:
    noise = b"java.lang.OutOfMemoryError: thrown on purpose\n" * 3
    assert read([noise, LINE]) == read([noise + LINE]) == read([LINE])


def test_an_agent_that_was_given_a_newer_jdk_is_read_on_in_the_next_file() -> None:
    parser = Parser()
    first = parser.feed(LINE)
    parser.change_file()
    second = parser.feed(b"[0.1s][info][gc] Using G1\n[0.2s][info][gc] GC(0) Pause Young (Normal) (G1 Evacuation Pause) 1M->1M(2M) 1.0ms\n")
    assert [event.at for event in first + second if isinstance(event, Collected)] == [1.0, 0.2]
    assert parser.style == "unified"


def test_in_a_rotated_file_the_size_of_a_region_is_still_known() -> None:
    parser = Parser()
    parser.feed(b"[0.1s] Using G1\n[0.1s] Heap Region Size: 2M\n[0.2s] GC(0) Old regi")
    parser.change_file()
    found = parser.feed(b"[0.3s] GC(1) Old regions: 1->2\n[0.3s] GC(1) Pause Young (Normal) (G1 Evacuation Pause) 9M->4M(20M) 1.0ms\n")
    assert [event.old.after_kib for event in found if isinstance(event, Collected) and event.old] == [4096]
