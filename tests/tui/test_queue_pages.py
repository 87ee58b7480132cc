"""Stories: the tabs of pane 5, a queue, its messages, one of them."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from backends.messages import Messages
from backends.questions import Found, MessagesOf, Question
from tests.tui.brokers import BrokerLink, broker, message, queue, seen, with_broker
from tests.tui.scripted import NOW, Story, snapshot, story
from tests.waiting import until
from tui.app import Console

SIZES = [(80, 24), (120, 40), (200, 60)]


async def browses(it: Story) -> None:
    assert it.console.deck.listing.go_to("broker-a/orders")
    it.console.deck.draw()
    await it.press("b")


def asked(it: Story) -> list[MessagesOf]:
    return [question for _, question in it.link.asked if isinstance(question, MessagesOf)]


# -- tabs -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_the_list_has_the_rows_of_one_tab_and_the_strip_counts_all(size: tuple[int, int]) -> None:
    async with story(link=BrokerLink(), size=size, view="queues") as it:
        it.sees(" Queues 3 ", "Topics 1", "Subscribers 3", "Connections 1", "Networks 1", "Brokers 1", "orders.dlq")
        it.sees_no("audit all")
        await it.press("right", "right")
        it.sees("── Subscribers 3 ", "audit all", "OFFLINE")
        it.sees_no("orders.dlq")
        await it.press("left", "h", "h")
        it.sees("── Brokers 1 ", "6.3.1", "12%")
        await it.press("l")
        it.sees("── Queues 3 ")


@pytest.mark.parametrize(("command", "sees"), [("subscribers", "Subscribers 3"), ("conn", "Connections 1"), ("brokers", "Brokers 1")])
async def test_a_tab_is_a_command_away_from_anywhere(command: str, sees: str) -> None:
    async with story(link=BrokerLink(), view="relay") as it:
        await it.types(f":{command}")
        await it.press("enter")
        it.sees(f"── {sees} ")
        await it.types(":queues")
        await it.press("enter")
        assert it.console.deck.active == "queues"


async def test_the_overview_leads_to_a_queue_whatever_tab_was_in_front() -> None:
    async with story(link=BrokerLink(), view="queues") as it:
        await it.press("l", "0", "enter")
        it.sees("── Queues 3 ")
        assert it.console.deck.listing.current is not None and it.console.deck.listing.current.item.name == "orders.dlq"


async def test_every_tab_keeps_its_own_marks_filter_order_and_cursor() -> None:
    async with story(link=BrokerLink(), view="queues") as it:
        await it.press("space", "o", "j")
        stood = it.console.deck.listing.cursor
        await it.types(":filter orders")
        await it.press("enter", "l")
        it.sees("── Topics 1 ", "by TOPIC")
        it.sees_no("marked", "/orders")
        await it.press("h")
        it.sees("1 marked", "/orders", "by QUEUE")
        assert it.console.deck.listing.cursor == stood


async def test_a_narrow_strip_leaves_out_the_counts_of_the_others() -> None:
    many = broker(
        *(queue(f"q{number}") for number in range(1200)), totals={"connections": 123_456, "topics": 23_456, "subscribers": 98_765}
    )
    async with story(link=BrokerLink(seen(many)), size=(80, 24), view="queues") as it:
        it.sees(" Queues 1,200  Topics  Subscribers  Connections ")
        await it.press("l")
        it.sees("── Topics 1 (of 23,456: the rest is not told) ")


async def test_what_is_read_less_often_says_so_until_it_was_read() -> None:
    early = broker(topics=(), subscribers=(), around_at=None)
    async with story(link=BrokerLink(seen(early)), view="queues") as it:
        await it.press("l")
        it.sees("Not read yet: topics, subscribers")
        await it.press("escape")
    async with story(link=BrokerLink(seen(broker(topics=()))), view="queues") as it:
        await it.press("l")
        it.sees("no topics but its own advisory ones")


async def test_hidden_queues_are_said_above_the_queues_alone() -> None:
    data = broker()
    hidden = type(data)(data.broker, data.queues, 2, around_at=NOW)
    async with story(link=BrokerLink(seen(hidden)), view="queues") as it:
        it.sees("broker-a: 2 queues hidden by JMX naming")
        await it.press("l")
        it.sees_no("hidden by JMX naming")


async def test_a_broker_that_never_answered_is_a_row_of_its_tab() -> None:
    away = snapshot("broker-b", "queues", state="down", error="connection refused")
    async with story(link=BrokerLink(seen(), away), view="queues") as it:
        await it.press("h")
        it.sees("── Brokers 2 ", "✖ DOWN", "broker-b")


async def test_a_queue_and_its_readers_are_one_key_apart() -> None:
    async with story(link=BrokerLink(), view="queues") as it:
        assert it.console.deck.listing.go_to("broker-a/orders")
        await it.press("c")
        it.sees("── Subscribers 2 of 3  of queue orders", "worker-1")
        it.sees_no("audit")
        await it.press("c")
        it.sees("── Queues 3 ")
        assert it.console.deck.listing.current is not None and it.console.deck.listing.current.item.name == "orders"
        await it.press("escape", "escape")
        it.sees("── Queues 3 ")
        assert it.console.deck.moves.is_away is False
        await it.press("l", "l")
        it.sees("── Subscribers 3 ")


async def test_nobody_reads_a_queue_is_said() -> None:
    async with story(link=BrokerLink(), view="queues") as it:
        assert it.console.deck.listing.go_to("broker-a/orders.old")
        await it.press("c")
        it.sees("no consumer of orders.old is told", "── Queues 3 ")


# -- details ----------------------------------------------------------------------------------------------------------------------------


async def test_a_queue_shows_its_facts_its_messages_its_consumers_and_its_broker_last() -> None:
    denied = with_broker(capabilities={"browse": True, "purge": "denied: 403", "delete": "denied: 403"})
    async with story(link=BrokerLink(seen(denied)), size=(200, 60), view="queues") as it:
        assert it.console.deck.listing.go_to("broker-a/orders")
        await it.press("enter")
        it.sees("▲ +1.2/s", "›browse 1,204 messages, the oldest first", "Consumers 2", "Broker broker-a", "purge, delete: denied: 403")
        titles = [section.title for section in it.console.deck.trail.shown]
        assert titles == ["orders", "Consumers 2", "Broker broker-a"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("tab", "sees"), [(1, "Subscribers 1"), (2, "Acknowledged"), (3, "Subscriptions 2"), (4, "Both ways"), (5, "Jolokia 2.6.0")]
)
async def test_everything_of_a_broker_can_be_looked_into(size: tuple[int, int], tab: int, sees: str) -> None:
    async with story(link=BrokerLink(), size=size, view="queues") as it:
        await it.press(*["l"] * tab, "enter")
        it.sees(sees)


# -- messages ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_messages_are_browsed_page_by_page_and_always_k_of_n(size: tuple[int, int]) -> None:
    async with story(link=BrokerLink(), size=size, view="queues") as it:
        assert it.console.deck.listing.go_to("broker-a/orders")
        await it.press("enter", "enter")
        it.sees("1-50 of 1,204 messages of orders", "host-1:0", '{"order":1}')
        await it.press("G", "enter")
        it.sees("51-100 of 1,204 messages of orders", "› from 51")
        await it.press("G", "enter")
        it.sees("101-120 of 1,204 messages", "Jolokia shows the first 120 only")
        assert [question.skip for question in asked(it)] == [0, 50, 100]
        await it.press("escape", "escape")
        it.sees("1-50 of 1,204 messages of orders", "BODY", "› more …")
        await it.press(*["k"] * 50)
        it.sees("1-50 of 1,204 messages of orders", "BODY", "›      1 ")


async def test_a_selector_and_a_text_narrow_and_an_empty_one_leads_back_to_all() -> None:
    async with story(link=BrokerLink(), view="queues") as it:
        await browses(it)
        await it.press("s")
        it.sees("selector:", "SQL 92", "empty: all")
        await it.types("tries > 4")
        await it.press("enter")
        it.sees("1-12 found in 120 of 1,204 messages of orders", "Selector", "tries > 4", "› tries > 4")
        await it.press("slash")
        await it.types("서울")
        await it.press("enter")
        assert (asked(it)[-1].selector, asked(it)[-1].text) == ("tries > 4", "서울")
        it.sees("0 found in 120 of 1,204 messages of orders")
        assert len(it.console.deck.trail.pages) == 3
        await it.press("slash", *["backspace"] * 2, "enter")
        it.sees("1-12 found in")
        await it.press("s")
        await it.press("ctrl+u", "escape")
        it.sees("1-12 found in")
        await it.press("s", *["backspace"] * len("tries > 4"), "enter")
        it.sees("1-50 of 1,204 messages of orders")
        assert len(it.console.deck.trail.pages) == 2


async def test_f5_asks_again() -> None:
    async with story(link=BrokerLink(), view="queues") as it:
        await browses(it)
        await it.press("f5")
        assert len(asked(it)) == 2


async def test_a_message_shows_all_its_headers_typed_properties_and_body() -> None:
    async with story(link=BrokerLink(), size=(120, 40), view="queues") as it:
        await browses(it)
        await it.press("j", "enter")
        assert asked(it)[-1] == MessagesOf("orders", limit=1, id="ID:host-1:1", whole=True)
        it.sees("ID:host-1:1", "Persistent", "Properties 2 ", "tries", "Int", "Body, text, 11 B", '  "order": 1')
        await it.press("t")
        it.sees('{"order":1}')


FORMS: list[tuple[bytes, str, str, tuple[str, ...]]] = [
    (b"<a x='1'><b>t</b><c/></a>", "text", "XML", ('<a x="1">', "  <b>t</b>", "  <c/>")),
    (b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', "text", "text", ("<!DOCTYPE a",)),
    (b'{"name":"x","n":5}', "map", "map", ('name  "x"', "n     5")),
    (b"\x00\x01\xff", "bytes", "hex", ("00000000  00 01 ff",)),
]


@pytest.mark.parametrize(("body", "kind", "form", "sees"), FORMS)
async def test_a_body_is_written_in_the_form_that_suits_it(body: bytes, kind: Any, form: str, sees: tuple[str, ...]) -> None:
    link = BrokerLink()
    only = message(1, body, kind=kind)
    link.tells = lambda question: Messages("orders", (only,), 1, 1, 0, True, "stomp")
    async with story(link=link, view="queues") as it:
        await browses(it)
        await it.press("enter")
        it.sees(f"Body, {kind}, {len(body)} B", f"{form} ", *sees)


async def test_a_message_that_is_gone_is_shown_as_it_was_read() -> None:
    link = BrokerLink()
    tells = link.tells

    def gone(question: Question) -> Found | str:
        is_one = isinstance(question, MessagesOf) and question.id is not None
        return Messages("orders", (), 9, 9, 0, True, "stomp") if is_one else tells(question)

    link.tells = gone
    async with story(link=link, view="queues") as it:
        await browses(it)
        await it.press("enter")
        it.sees("it is no more in the queue: this is what was read before", "Body, text, 11 B")


async def test_a_body_that_is_not_told_and_one_that_is_cut_say_so() -> None:
    link = BrokerLink()
    both = (message(1, None, kind="object", body_size=None), message(2, b"abc", body_size=900))
    link.tells = lambda question: Messages("orders", both, 2, 2, 0, True, "jolokia")
    async with story(link=link, view="queues") as it:
        await browses(it)
        await it.press("enter")
        it.sees("it is not told; the whole body is read over STOMP")
        await it.press("escape", "j", "enter")
        it.sees("Body, text, 3 B of 900 B", "cut at 3 B of 900 B")


async def test_messages_are_marked_and_the_marks_are_left_before_the_page() -> None:
    async with story(link=BrokerLink(), view="queues") as it:
        await browses(it)
        await it.press("space", "space", "j", "v", "j", "v")
        it.sees("1-50 of 1,204 messages of orders  4 marked", "›▪")
        await it.press("asterisk")
        it.sees("46 marked")
        await it.press("escape")
        it.sees("1-50 of 1,204 messages")
        it.sees_no("marked")


async def test_what_is_copied_is_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    told: list[str] = []
    monkeypatch.setattr(Console, "to_terminal", lambda console, sequence: told.append(base64.b64decode(sequence[7:-1]).decode()))
    async with story(link=BrokerLink(), view="queues") as it:
        await browses(it)
        await it.press("y")
        assert told[-1] == '{"order":1}'
        await it.press("enter", "y")
        assert json.loads(told[-1]) == {"order": 1}
        it.sees("copied Body, text, 11 B of ")


async def test_the_marked_messages_are_written_as_lines_that_can_be_read_again(tmp_path: Path) -> None:
    from backends.activemq.messages.lines import from_line

    async with story(link=BrokerLink(), view="queues") as it:
        await browses(it)
        await it.press("space", "space", "w")
        it.sees(":write orders-messages-", ".jsonl")
        prompt = it.console.line._prompt
        assert prompt is not None
        prompt.value = f":write {tmp_path / 'm.jsonl'}"
        await it.press("enter")
        await until(lambda: it.console.deck.hints.message is not None)
        lines = (tmp_path / "m.jsonl").read_bytes().splitlines()
        assert [json.loads(line)["id"] for line in lines] == ["ID:host-1:0", "ID:host-1:1"]
        assert from_line(lines[1], NOW).body == b'{"order":1}'


async def test_nothing_is_drawn_that_a_wide_terminal_would_break() -> None:
    async with story(link=BrokerLink(), ascii=True, view="queues") as it:
        await browses(it)
        await it.press("s", "a", "enter", "S")
        await until(lambda: it.console.screen is not it.console.deck)
        await it.pilot.pause()
        it.sees("Send to orders")
        assert all(ord(char) < 128 for char in it.text())


async def test_hostile_messages_are_only_text() -> None:
    link = BrokerLink()
    evil = message(1, b"\x1b[2J[bold]" * 9, id="ID:\x1b]52", type="[red]\x07", correlation_id="\u202e" + "x" * 900)
    link.tells = lambda question: Messages("orders", (evil,), 1, 1, 0, True, "stomp")
    async with story(link=link, view="queues") as it:
        await browses(it)
        it.sees("␛[2J[bold]", "[red]␇")
        await it.press("enter")
        it.sees("␛[2J[bold]")
        assert "\x1b" not in it.text() and "\u202e" not in it.text()
