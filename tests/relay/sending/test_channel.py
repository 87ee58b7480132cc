"""One connection to a partner, without a socket: whose answer is whose, and who is at fault when there is none."""

import asyncio
from typing import Any, cast

import pytest

from relay.config import Codes, Records
from relay.record import Layout
from relay.sending.channel import Channel, in_words
from relay.sending.outbox import Claimed
from relay.sending.words import Answered, Broken, Event, Fault, Held, Sent
from tests.relay.records import request, response

LAYOUT = Layout(Records(), Codes())
SECONDS = 0.05


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.ended: list[str] = []

    def write(self, data: bytes) -> None:
        self.written += data

    def abort(self) -> None:
        self.ended.append("aborted")

    def close(self) -> None:
        self.ended.append("closed")

    def get_extra_info(self, name: str) -> None:
        return None


class Talk:
    """A channel on a wire, and what was heard of it since the last question."""

    def __init__(self, seconds: float = 60.0) -> None:
        self.wire = Wire()
        self.heard: list[Event] = []
        self.free = 0
        self.channel = Channel(LAYOUT, seconds, self.heard.append, self._freed)
        self.channel.connection_made(cast(Any, self.wire))

    def _freed(self, channel: Channel) -> None:
        self.free += 1

    def send(self, *numbers: int) -> "Talk":
        self.channel.send([Claimed(f"f{number}", request(number), b"%09d" % number) for number in numbers])
        return self

    def hears(self, data: bytes) -> "Talk":
        self.channel.data_received(data)
        return self

    def news(self) -> list[Event]:
        found: list[Event] = [event for event in self.heard if not isinstance(event, Sent)]
        self.heard.clear()
        return found


async def test_records_are_sent_in_one_piece_and_answers_credited_in_their_order() -> None:
    talk = Talk().send(1, 2, 3)
    assert talk.wire.written == request(1) + request(2) + request(3)
    assert talk.heard == [Sent("f1"), Sent("f2"), Sent("f3")]
    both = response(1, 200) + response(2, 409)
    assert talk.hears(both[:30]).hears(both[30:]).news() == [Answered("f1", 200), Answered("f2", 409)]
    assert (talk.free, talk.channel.waiting) == (0, 1)
    assert talk.hears(response(3, 200)).news() == [Answered("f3", 200)]
    assert talk.free == 1


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (response(2, 200), "another process number"),
        (b"0023|RES|000000001|20\n", "garbled"),
        (b"0024|RES|000000001|200\n", "garbled"),
        (b"\n", "garbled"),
        (b"x" * 20_000, "has no end"),
    ],
)
async def test_an_answer_that_is_none_ends_the_connection_and_only_the_first_is_at_fault(data: bytes, error: str) -> None:
    talk = Talk().send(1, 2, 3).hears(data)
    first, second, third = talk.news()
    assert isinstance(first, Broken) and error in first.error and first.fault is Fault.RECORD
    assert [(each.name, cast(Broken, each).fault) for each in (second, third)] == [("f2", Fault.BEHIND), ("f3", Fault.BEHIND)]
    assert talk.wire.ended == ["aborted"]


async def test_what_comes_after_the_end_is_credited_to_nobody() -> None:
    talk = Talk().send(1, 2).hears(response(7, 200) + response(1, 200) + response(2, 200))
    assert [type(event) for event in talk.news()] == [Broken, Broken]
    assert talk.hears(response(1, 200)).news() == []


async def test_an_answer_that_nobody_asked_for_ends_the_connection() -> None:
    talk = Talk().send(1).hears(response(1, 200) + response(1, 200))
    assert talk.news() == [Answered("f1", 200)]
    assert not talk.channel.is_open
    assert talk.channel.last_error == "an answer came that nobody had asked for"


async def test_a_clean_end_after_an_answer_is_no_fault_and_one_before_any_is() -> None:
    talk = Talk().send(1, 2)
    talk.hears(response(1, 200)).channel.eof_received()
    assert talk.news() == [Answered("f1", 200), Broken("f2", "the partner closed the connection without an answer", Fault.BEHIND)]
    talk = Talk().send(1)
    talk.channel.eof_received()
    assert talk.news() == [Broken("f1", "the partner closed the connection without an answer", Fault.RECORD)]
    talk = Talk().send(1, 2)
    talk.hears(response(1, 200) + b"00").channel.eof_received()
    assert [cast(Broken, event).fault for event in talk.news()[1:]] == [Fault.RECORD]


async def test_no_answer_in_time_ends_the_connection_for_good() -> None:
    talk = Talk(SECONDS).send(1, 2)
    async with asyncio.timeout(5):
        while talk.channel.is_open:  # noqa: ASYNC110, it is a timer of the channel's own
            await asyncio.sleep(0.01)
    first, second = talk.news()
    assert first == Broken("f1", "no answer within 0.05 s")
    assert cast(Broken, second).fault is Fault.BEHIND
    assert talk.wire.ended == ["aborted"]


async def test_what_we_cut_is_nobodys_fault() -> None:
    talk = Talk().send(1, 2)
    talk.channel.cut("disconnected by an operator")
    assert talk.news() == [Held("f1"), Held("f2")]


async def test_a_closed_channel_waits_for_nothing_any_more() -> None:
    talk = Talk(SECONDS).send(1).hears(response(1, 200))
    talk.channel.close()
    talk.channel.connection_lost(None)
    assert talk.wire.ended == ["closed"]
    assert talk.news() == [Answered("f1", 200)]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connect call failed"), "connection refused"),
        (ConnectionResetError(104, "x"), "connection reset"),
        (OSError(113, "No route to host"), "No route to host"),
        (OSError("multiple exceptions: [1], [2]"), "multiple exceptions: [1], [2]"),
        (EOFError(), "EOFError"),
    ],
)
def test_errors_are_told_in_words(error: Exception, words: str) -> None:
    assert in_words(error) == words
