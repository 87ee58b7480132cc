"""How old the first messages are: whose turn it is, what is kept and what is told, and how trouble is taken."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest
from msgspec.structs import replace

from backends.activemq.config import BrokerSection
from backends.activemq.figures import BrokerFigures, Figures, Reading
from backends.activemq.jolokia import Client
from backends.activemq.station import Station
from backends.activemq.stomp.client import Frame, StompClient, StompTrouble
from backends.activemq.watching.memory import Oldest
from backends.activemq.watching.oldest import HEADS_PER_CYCLE, KEEP_S, Ages, First, Turns, ages, learnt, of_statistics, whose_turn

NOW = 1_795_634_982.0


def queue(pending: int = 1, dequeued: int = 0) -> Figures:
    return Figures(pending, 1, 0, pending + dequeued, dequeued, 0)


def first(sent_at: float = NOW - 60, dequeued: int = 0, read_at: float = NOW) -> First:
    return First(sent_at, read_at, "browse", dequeued)


def anybody(name: str) -> bool:
    return True


def test_the_largest_backlogs_have_the_first_turn() -> None:
    queues = {f"q{size}": queue(size) for size in range(20)}
    assert whose_turn(Turns(), queues, anybody) == [f"q{size}" for size in range(19, 19 - HEADS_PER_CYCLE, -1)]


def test_then_those_have_it_whose_last_turn_is_longest_ago() -> None:
    queues = {name: queue(pending) for name, pending in (("a", 1), ("b", 2), ("c", 3), ("new", 1))}
    assert whose_turn(Turns(looked={"a": 10.0, "b": 30.0, "c": 20.0}), queues, anybody, 3) == ["new", "a", "c"]


def test_empty_queues_and_unwanted_ones_are_never_looked_into() -> None:
    queues = {"empty": queue(0), "hidden": queue(), "shown": queue()}
    assert whose_turn(Turns(), queues, lambda name: name != "hidden") == ["shown"]


def test_nobody_looks_again_into_a_queue_that_nothing_has_left() -> None:
    turns = Turns({"q": first(dequeued=5)}, {"q": NOW})
    assert whose_turn(turns, {"q": queue(9, 5)}, anybody) == []
    assert whose_turn(turns, {"q": queue(9, 6)}, anybody) == ["q"]


def test_every_queue_has_its_turn_though_all_of_them_move_on() -> None:
    turns, at, seen = Turns(), 0.0, set[str]()
    for cycle in range(10):
        queues = {f"q{number}": queue(5, dequeued=cycle) for number in range(10 * HEADS_PER_CYCLE)}
        names = whose_turn(turns, queues, anybody)
        seen.update(names)
        at += 5.0
        turns = learnt(turns, {name: first(dequeued=cycle) for name in names}, queues, at)
    assert len(seen) == 10 * HEADS_PER_CYCLE


def test_the_age_of_a_queue_that_stands_still_grows_with_time() -> None:
    turns = Turns({"q": first(NOW - 60)})
    assert ages(turns, {"q": queue()}, NOW + 1000) == {"q": Oldest(1060, "browse", NOW)}


def test_the_age_of_a_queue_that_moves_on_is_that_of_the_reading_and_is_told_for_a_while() -> None:
    turns = Turns({"q": first(NOW - 2, dequeued=5)})
    assert ages(turns, {"q": queue(3, 900)}, NOW + 30) == {"q": Oldest(2, "browse", NOW)}
    assert ages(turns, {"q": queue(3, 900)}, NOW + KEEP_S + 1) == {}


@pytest.mark.parametrize("now", [{}, {"q": queue(0, 5)}, {"q": queue(3, 4)}], ids=["gone", "empty", "counters went back"])
def test_nothing_is_told_or_kept_of_a_queue_that_went_emptied_or_was_made_again(now: dict[str, Figures]) -> None:
    turns = Turns({"q": first(dequeued=5)}, {"q": NOW})
    assert ages(turns, now, NOW) == {}
    assert learnt(turns, {}, now, NOW).known == {}


def test_a_time_ahead_of_our_clock_is_a_negative_age() -> None:
    assert ages(Turns({"q": first(NOW + 90)}), {"q": queue()}, NOW)["q"].age_s == -90


def test_turns_are_forgotten_with_their_queues() -> None:
    turns = learnt(Turns(), {"a": first(), "b": None}, {"a": queue(), "b": queue()}, NOW)
    assert (set(turns.known), set(turns.looked)) == ({"a"}, {"a", "b"})
    assert learnt(turns, {}, {"b": queue()}, NOW) == Turns({}, {"b": NOW})


def test_the_statistics_plugin_tells_of_all_queues_at_once() -> None:
    told: list[dict[str, str | int | float]] = [
        {"destinationName": "queue://a", "size": 3, "firstMessageTimestamp": int(NOW * 1000) - 5000},
        {"destinationName": "queue://empty", "size": 0},
        {"destinationName": "queue://gone", "firstMessageTimestamp": 1},
        {"destinationName": "queue://odd", "firstMessageTimestamp": "soon"},
        {"destinationName": "queue://untimed", "firstMessageTimestamp": 0},
        {},
    ]
    queues = {name: queue(3, 8) for name in ("a", "empty", "odd", "untimed")}
    found = of_statistics(told, queues, anybody, NOW)
    assert found == {"a": First(NOW - 5, NOW, "statistics", 8), "empty": None, "odd": None, "untimed": None}


class Heads:
    """As much of a StompClient as is asked here: first messages by queue, or what is wrong with them."""

    def __init__(self, heads: Mapping[str, Frame | StompTrouble | None], told: list[dict[str, Any]] | None = None) -> None:
        self.heads: Mapping[str, Frame | StompTrouble | None] = heads
        self.told = told
        self.asked: list[str] = []

    async def head(self, name: str) -> Frame | None:
        self.asked.append(name)
        found = self.heads[name]
        if isinstance(found, StompTrouble):
            raise found
        return found

    async def statistics(self, destination: str) -> list[dict[str, Any]]:
        self.asked.append(destination)
        if self.told is None:
            raise StompTrouble("no statistics plugin")
        return self.told


def frame(**headers: str) -> Frame:
    return Frame(headers, b"")


def watching(heads: Heads | None, queues: Mapping[str, Figures], *, statistics: bool = False) -> tuple[Ages, Station]:
    section = BrokerSection("b", "http://127.0.0.1:1/", statistics_plugin=statistics)
    client = Client(section.jolokia, lambda: None, 1.0)
    station = Station(section, "activemq[0]", client, cast("StompClient | None", heads), lambda: NOW)
    station.reading = Reading(BrokerFigures(broker_id="ID:1"), queues)
    return Ages(station, anybody), station


async def looked(ages: Ages) -> None:
    """Through one more cycle."""
    if ages.due(asyncio.get_running_loop().time()):
        await ages.look()


async def test_first_messages_are_looked_at_and_their_times_told() -> None:
    stomp = Heads({"q": frame(timestamp="1795634922000"), "untimed": frame(), "emptied": None})
    ages, station = watching(stomp, {"q": queue(5), "untimed": queue(), "emptied": queue()})
    await looked(ages)
    assert station.reading is not None
    assert ages.of(station.reading.queues, NOW) == {"q": Oldest(60, "browse", NOW)}
    assert ages.capabilities() == {"oldest_age": True}


async def test_a_queue_that_is_deleted_while_others_are_looked_at_is_not_made_again_by_a_look() -> None:
    stomp = Heads({"a": frame(timestamp="1795634922000"), "b": frame(timestamp="1795634922000")})
    _, station = watching(stomp, {"a": queue(5), "b": queue(4)})
    ages = Ages(station, lambda name: not station.was_deleted(name))
    look = stomp.head

    async def head(name: str) -> Frame | None:
        station.deletes("b")
        return await look(name)

    stomp.head = head  # type: ignore[method-assign]
    await ages.look()
    assert stomp.asked == ["a"]


async def test_the_plugin_is_asked_instead_where_it_is_said_to_be_there_and_not_at_every_reading() -> None:
    stomp = Heads({}, [{"destinationName": "queue://q", "firstMessageTimestamp": 1795634922000}])
    ages, station = watching(stomp, {"q": queue(5)}, statistics=True)
    await looked(ages)
    await looked(ages)
    assert stomp.asked == ["Destination.>"]
    assert station.reading is not None
    assert ages.of(station.reading.queues, NOW) == {"q": Oldest(60, "statistics", NOW)}
    assert ages.capabilities() == {"oldest_age": True, "statistics_plugin": True}


async def test_without_its_answer_messages_are_looked_at_and_it_is_not_asked_again_for_a_minute() -> None:
    stomp = Heads({"q": frame(timestamp="1795634922000")})
    ages, _ = watching(stomp, {"q": queue(5)}, statistics=True)
    await looked(ages)
    await looked(ages)
    assert stomp.asked == ["Destination.>", "q"]
    assert ages.capabilities() == {"oldest_age": True, "statistics_plugin": "no statistics plugin"}


async def test_a_refusal_ends_the_looking_and_says_why_until_the_broker_is_another() -> None:
    stomp = Heads(dict.fromkeys("ab", StompTrouble("user 'x' was refused")))
    ages, station = watching(stomp, {"a": queue(), "b": queue()})
    for _ in range(5):
        await looked(ages)
    assert (stomp.asked, ages.capabilities()) == (["a"], {"oldest_age": "user 'x' was refused"})
    assert station.reading is not None
    station.reading = replace(station.reading, broker=BrokerFigures(broker_id="ID:2"))
    stomp.heads = dict.fromkeys("ab", frame(timestamp="1795634922000"))
    await looked(ages)
    assert (stomp.asked, ages.capabilities()) == (["a", "a", "b"], {"oldest_age": True})


async def test_one_queue_that_may_not_be_read_does_not_keep_the_others_from_their_turn() -> None:
    stomp = Heads({"large": frame(timestamp="1795634922000"), "secret": StompTrouble("not authorized"), "small": frame(timestamp="1")})
    ages, station = watching(stomp, {"large": queue(9), "secret": queue(5), "small": queue(1)})
    await looked(ages)
    await looked(ages)
    assert stomp.asked == ["large", "secret", "small"] + ["secret"] * (len(stomp.asked) - 3)
    assert station.reading is not None and set(ages.of(station.reading.queues, NOW)) == {"large", "small"}
    assert ages.capabilities() == {"oldest_age": True}


async def test_without_stomp_nothing_is_asked_and_the_key_is_named() -> None:
    ages, _ = watching(None, {"q": queue()})
    assert not ages.due(asyncio.get_running_loop().time())
    assert "set activemq[0].stomp" in str(ages.capabilities()["oldest_age"])
