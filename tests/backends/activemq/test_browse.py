"""The page of an answer: what matches, how much of it is kept, and K of N with every reason why it is not all."""

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backends.activemq.config import BrokerSection
from backends.activemq.counts import Counts
from backends.activemq.jolokia import Client
from backends.activemq.messages import browse
from backends.activemq.messages.browse import Desk
from backends.activemq.messages.pages import (
    MAX_LOOKED,
    MAX_READ,
    Look,
    Page,
    Roll,
    Window,
    cut,
    is_complete,
    merged,
    unseen,
    untold,
    untyped,
    why_not_all,
)
from backends.activemq.station import Station
from backends.messages import Kind, Message, Property
from backends.questions import ANSWER_BYTES, BODY_BYTES, MAX_MESSAGES, WHOLE_BYTES, MessagesOf
from backends.source import Unavailable

QUEUE = Counts("mbean", "orders", 6000, 0, 1, 0, 6000, 0)
STOMP = Window("stomp", "activemq[0]", True, True, False)
JOLOKIA = Window("jolokia", "activemq[0]", False, True, False)


def message(number: int = 0, body: bytes | None = b"x", kind: Kind = "text", **more: Any) -> Message:
    size = None if body is None else len(body)
    return Message(
        **{"id": f"ID:{number}", "at": 1.0, "kind": kind, "body": body, "body_size": size, "persistent": True, "priority": 4, **more}
    )


def filled(look: Look, *messages: Message) -> Look:
    for each in messages:
        if not look.take(len(each.body or b""), lambda each=each: each):  # type: ignore[misc]
            break
    return look


def page(question: MessagesOf, *messages: Message) -> Page:
    found = filled(Page(question), *messages)
    assert isinstance(found, Page)
    return found


def ids(found: Page) -> list[str]:
    return [each.id for each in found.found]


def test_a_page_begins_after_those_skipped_and_ends_at_its_limit() -> None:
    found = page(MessagesOf("q", skip=2, limit=3), *map(message, range(10)))
    assert (ids(found), found.looked, found.skipped, found.stop) == (["ID:2", "ID:3", "ID:4"], 5, 2, "full")


def test_a_limit_beyond_all_reason_is_the_largest_there_is() -> None:
    assert len(page(MessagesOf("q", limit=10**9), *map(message, range(MAX_MESSAGES + 5))).found) == MAX_MESSAGES
    assert len(page(MessagesOf("q", limit=-1, skip=-5), *map(message, range(5))).found) == 1


def test_only_matching_messages_are_skipped_and_counted() -> None:
    messages = [message(number, b"even" if number % 2 == 0 else b"odd") for number in range(10)]
    found = page(MessagesOf("q", text="EVEN", skip=1, limit=2), *messages)
    assert (ids(found), found.looked, found.skipped) == (["ID:2", "ID:4"], 5, 1)


@pytest.mark.parametrize(
    "found",
    [
        message(body="Straße".encode()),
        message(correlation_id="STRASSE 7"),
        message(type="strasse"),
        message(reply_to="queue://Strasse"),
        message(group_id="strasse"),
        message(original_destination="queue://strasse"),
        message(properties=(Property("strasse", "String", ""),)),
        message(properties=(Property("a", "String", "Straße"),)),
    ],
)
def test_text_is_found_wherever_it_stands_and_whatever_its_case(found: Message) -> None:
    assert len(page(MessagesOf("q", text="straSSE"), found, message(1)).found) == 1


def test_a_body_that_is_not_told_is_said_not_to_have_been_looked_into() -> None:
    found = page(MessagesOf("q", text="needle"), message(body=None, kind="empty"), message(1), message(2, None, "empty", type="needle"))
    assert ids(found) == ["ID:2"]
    assert unseen(found) == ["the text was not looked for in the bodies of 1 message: STOMP does not tell them (maps, objects)"]
    assert unseen(page(MessagesOf("q"), message(body=None, kind="empty"))) == []


def test_a_body_is_cut_in_a_list_and_whole_where_it_is_asked_for() -> None:
    large = message(body=b"y" * (WHOLE_BYTES + 1))
    for question, size in (
        (MessagesOf("q"), BODY_BYTES),
        (MessagesOf("q", whole=True), WHOLE_BYTES),
        (MessagesOf("q", id="ID:0"), WHOLE_BYTES),
    ):
        (found,) = page(question, large).found
        assert (len(found.body or b""), found.body_size) == (size, WHOLE_BYTES + 1)


@given(st.text(min_size=1), st.integers(1, 30))
def test_a_text_is_cut_between_two_characters(text: str, most: int) -> None:
    body = text.encode()
    kept = cut(message(body=body), most).body
    assert kept is not None and len(kept) <= most and len(kept) > min(len(body), most) - 4
    assert body.startswith(kept) and text.startswith(kept.decode())


def test_an_answer_ends_before_it_is_too_large_but_never_before_its_first() -> None:
    quarter = b"z" * (ANSWER_BYTES // 4)
    found = page(MessagesOf("q", whole=True), *(message(number, quarter) for number in range(10)))
    assert (ids(found), found.looked, found.stop) == (["ID:0", "ID:1", "ID:2"], 3, "room")
    assert why_not_all(found, STOMP, QUEUE) == ["cut at 8 MiB, after 3 messages"]
    following = page(MessagesOf("q", whole=True, skip=3), *(message(number, quarter) for number in range(10)))
    assert ids(following) == ["ID:3", "ID:4", "ID:5"]
    assert len(page(MessagesOf("q", whole=True), message(body=b"z" * (ANSWER_BYTES + 1))).found) == 1


def looked(number: int, window: Window, queue: Counts = QUEUE) -> tuple[list[str], bool]:
    found = filled(Roll(None), *map(message, range(number)))
    return why_not_all(found, window, queue), is_complete(found, window, queue)


def test_all_that_is_there_needs_no_word() -> None:
    assert looked(6000, STOMP) == ([], True)
    assert looked(6002, STOMP) == ([], True)  # two came meanwhile


def test_jolokia_shows_the_first_400() -> None:
    said = "the broker shows only the first 400 (Jolokia); activemq[0].stomp shows more"
    assert looked(400, JOLOKIA) == ([said], False)
    assert looked(400, replace(JOLOKIA, has_stomp=True)) == (["the broker shows only the first 400 (Jolokia); STOMP shows more"], False)
    assert looked(1500, JOLOKIA, replace(QUEUE, browse_page=1500))[0] == [said.replace("400", "1,500")]


def test_a_broker_holds_only_the_head_in_memory() -> None:
    said = "the broker holds only the head in memory: 1,339 of 6,000 shown; raise maxBrowsePageSize or the queue's memoryLimit"
    assert looked(1339, STOMP, replace(QUEUE, cached=False)) == ([said], False)


def test_a_selector_was_asked_only_of_what_the_broker_shows() -> None:
    selected = replace(STOMP, is_selected=True)
    assert looked(3, selected) == ([], True)
    said = (
        "the broker holds only the head in memory: the selector was asked of these only; raise maxBrowsePageSize or the queue's memoryLimit"
    )
    assert looked(3, selected, replace(QUEUE, cached=False)) == ([said], False)
    said = "the broker shows only the first 400 (Jolokia); activemq[0].stomp shows more; the selector was asked of these only"
    assert looked(3, replace(JOLOKIA, is_selected=True)) == ([said], False)


def test_messages_that_went_meanwhile_are_told() -> None:
    assert looked(5990, STOMP) == (["the broker showed 5,990 of 6,000; the others came or went meanwhile"], False)


def test_what_is_looked_through_is_bounded() -> None:
    many = replace(QUEUE, pending=90_000)
    window = replace(STOMP, is_end=False)
    assert looked(MAX_LOOKED + 1, window, many) == (["looked through the first 20,000 of 90,000"], False)
    large = Roll(None)
    while large.take(MAX_READ // 4, message):
        pass
    assert why_not_all(large, window, many) == ["looked through the first 4 of 90,000, which hold 64 MiB"]
    slow = filled(Roll(None), *map(message, range(3)))
    slow.stop = "time"
    assert why_not_all(slow, window, many) == ["looked through the first 3 of 90,000: the time was up"]


def test_what_is_skipped_does_not_count_so_that_an_export_comes_to_the_end_of_a_large_queue() -> None:
    found = Page(MessagesOf("q", skip=MAX_LOOKED + 5, limit=2))
    filled(found, *map(message, range(MAX_LOOKED + 20)))
    assert ids(found) == [f"ID:{MAX_LOOKED + 5}", f"ID:{MAX_LOOKED + 6}"]
    assert (found.looked, found.skipped, found.stop) == (MAX_LOOKED + 7, MAX_LOOKED + 5, "full")


def test_a_roll_of_ids_ends_with_as_many_as_were_asked_for() -> None:
    roll = filled(Roll(3), *map(message, range(10)))
    assert isinstance(roll, Roll)
    assert (roll.ids, roll.stop, why_not_all(roll, STOMP, QUEUE)) == (["ID:0", "ID:1", "ID:2"], "full", [])


STOMP_SAID = message(body=b"whole", at=10.581, properties=(Property("n", "String", "5"), Property("type", "String", "blue")), type="blue")
JOLOKIA_SAID = message(at=10.0, body=b"who", type="order", group_id="g", properties=(Property("n", "Int", 5),), is_typed=True)


def test_a_message_has_its_body_from_stomp_and_all_else_from_jolokia() -> None:
    both = merged(STOMP_SAID, JOLOKIA_SAID)
    assert (both.body, both.body_size, both.at, both.type, both.group_id, both.properties, both.is_typed) == (
        b"whole",
        5,
        10.581,
        "order",
        "g",
        JOLOKIA_SAID.properties,
        True,
    )


def test_a_time_that_is_no_time_of_this_message_is_jolokias() -> None:
    assert merged(replace(STOMP_SAID, at=99.0), JOLOKIA_SAID).at == 10.0


def test_a_body_that_stomp_has_not_or_ends_too_early_is_jolokias() -> None:
    bare = replace(STOMP_SAID, kind="empty", body=None, body_size=None)
    assert merged(bare, replace(JOLOKIA_SAID, kind="map", body=b"{k=v}", body_size=None)).kind == "map"
    assert merged(bare, replace(JOLOKIA_SAID, kind="text", body=b"", body_size=0)).body == b""
    assert merged(bare, replace(JOLOKIA_SAID, kind="unknown", body=None)).kind == "unknown"
    assert merged(replace(STOMP_SAID, body=b"a"), replace(JOLOKIA_SAID, body=b"a\0b", body_size=3)).body == b"a\0b"


def test_properties_whose_types_are_not_told_are_counted() -> None:
    assert untyped([STOMP_SAID, message(), JOLOKIA_SAID], "") == ["properties of 1 message came as text: Jolokia does not tell their types"]
    assert untyped([STOMP_SAID], "denied")[0].endswith("their types (denied)")


def test_what_the_broker_garbled_in_a_map_is_told() -> None:
    assert len(untold([message(kind="map", body='{"a":"\ufffd\ufffd"}'.encode())])) == 1
    assert untold([message(body="\ufffd".encode())]) == []


async def test_a_question_waits_for_the_one_before_it_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browse, "QUEUE_S", 0.05)
    silent: list[asyncio.StreamWriter] = []
    listening = await asyncio.start_server(lambda reader, writer: silent.append(writer), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}/api/jolokia/"
    client = Client(url, lambda: None, 30.0)
    desk = Desk(Station(BrokerSection(name="a", jolokia=url), "activemq[0]", client, None, time.time))
    first = asyncio.create_task(desk.messages(MessagesOf("q")))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="other questions about messages are being answered"):
        await desk.messages(MessagesOf("q"))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await client.close()
    listening.close()
    for writer in silent:
        writer.close()
