"""Agents of the demonstration: what their rows say, what is told of their past, and the lines of their logs are the same story."""

import pytest

from backends import demo
from backends.agent import HeapEvent, HeapFile
from backends.demo.jvm import FULL_AGENT, JVMS, LEAKING_AGENT
from backends.gclog.events import Collected
from backends.gclog.parsing.assemble import Parser
from backends.questions import HeapOf, HistoryOf, LogLines, LogLinesOf
from backends.source import Unavailable

NOW = 1_763_800_000.0
MOMENTS = (0.0, 100.0, 175.0, 200.0, 240.0, 295.0, 490.0)


def agent(name: str, at: float) -> HeapFile:
    return next(each for each in demo.heap(at, NOW).files if each.name == name)


def lines_of(name: str, event: HeapEvent, at: float, before: int = 40, after: int = 20) -> LogLines:
    return demo.log_lines(LogLinesOf(name, event.file, event.place, before, after), at, NOW)


def test_one_agent_goes_from_well_to_a_hang_and_is_started_again() -> None:
    words = [agent(FULL_AGENT, at).verdict for at in (100.0, 165.0, 200.0, 240.0, 400.0, 500.0)]
    assert words == ["OK", "SUSPECT", "HANG", "OK", "OK", "HANG"]
    hung, after, later = (agent(FULL_AGENT, at).hang for at in (200.0, 240.0, 305.0))
    assert hung is not None and hung.at is not None and not hung.is_over
    assert after is not None and after.is_over and after.at == pytest.approx(hung.at - 40)
    assert later is None
    assert [event.kind for event in agent(FULL_AGENT, 200.0).evidence] == ["full"] * 8


def test_one_agent_leaks_and_says_when_it_will_be_full() -> None:
    leaks = agent(LEAKING_AGENT, 175.0)
    assert leaks.verdict == "LEAK" and len(leaks.evidence) == 5
    assert leaks.full_at is not None and leaks.full_in_s is not None and leaks.last_event_at is not None
    assert leaks.full_at == pytest.approx(leaks.last_event_at + leaks.full_in_s)
    levels = [event.old.after_kib for event in leaks.evidence if event.old is not None]
    assert levels == sorted(levels, key=lambda kib: kib or 0)
    assert agent(LEAKING_AGENT, 290.0).verdict == "OK"


@pytest.mark.parametrize("at", MOMENTS)
@pytest.mark.parametrize("name", JVMS)
def test_the_row_and_the_past_tell_the_same(name: str, at: float) -> None:
    row, past = agent(name, at), demo.past(HeapOf(name), at, NOW)
    newest = next(event for event in past.events if event.heap is not None)
    assert (newest.old, newest.heap) == (row.last_after_gc, row.heap_last)
    assert past.basis == row.old_basis and past.is_clock
    assert past.points[-1].at <= NOW and len(past.events) == 100
    assert list(past.points) == sorted(past.points, key=lambda point: point.at)
    assert sum(bucket.pauses for bucket in past.pauses) == len(past.points)
    assert len(past.points) in (past.of, past.of - 1), "a start has no sizes"
    for event in row.evidence:
        assert event in past.events or (event.at is not None and event.at < (past.events[-1].at or 0))


@pytest.mark.parametrize("at", MOMENTS)
@pytest.mark.parametrize("name", JVMS)
def test_its_log_says_what_its_events_say(name: str, at: float) -> None:
    """Read by the parser that reads real logs."""
    event = next(event for event in demo.past(HeapOf(name), at, NOW).events if event.heap is not None)
    told = lines_of(name, event, at, before=9, after=0)
    assert told.marked is not None
    marked = told.lines[told.marked]
    assert marked.place + len(marked.text) + 1 == event.place
    parser = Parser()
    found = parser.feed("".join(f"{line.text}\n" for line in told.lines[: told.marked + 1]).encode())
    last = [each for each in (*found, *parser.finish()) if isinstance(each, Collected)][-1]
    assert last.kind == event.kind and last.heap == event.heap
    assert last.pause_s == pytest.approx(event.pause_s, abs=1e-6)
    if JVMS[name].basis == "stated":
        assert last.old == event.old
    elif event.old is not None and last.old is not None:
        assert (last.old.before_kib, last.old.after_kib) == (event.old.before_kib, event.old.after_kib)


def test_of_the_log_as_many_lines_are_told_as_were_asked_for_and_the_newest_where_no_place_is_given() -> None:
    event = demo.past(HeapOf(FULL_AGENT), 200.0, NOW).events[30]
    told = lines_of(FULL_AGENT, event, 200.0, before=5, after=3)
    assert (len(told.lines), told.marked) == (9, 5)
    places = [line.place for line in told.lines]
    assert places == sorted(places) and len(set(places)) == len(places)
    newest = demo.log_lines(LogLinesOf(FULL_AGENT), 200.0, NOW)
    assert newest.lines[-1].place > places[-1]


async def test_what_the_demonstration_has_not_is_said_in_words() -> None:
    source = next(source for source in demo.demo_sources(10.0) if source.kind == "heap")
    with pytest.raises(Unavailable, match="nothing was looked at"):
        await source.ask(HeapOf(FULL_AGENT))
    await source.observe(NOW)
    assert (await source.ask(HeapOf(FULL_AGENT))) == demo.past(HeapOf(FULL_AGENT), 10.0, NOW)
    assert isinstance(await source.ask(LogLinesOf(FULL_AGENT)), LogLines)
    for question in (HeapOf("nobody"), LogLinesOf("nobody"), HistoryOf("nobody")):
        with pytest.raises(Unavailable):
            await source.ask(question)
