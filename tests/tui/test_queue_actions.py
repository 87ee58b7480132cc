"""Stories: what somebody does to queues and messages, what is asked before, and what came of it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from backends.broker import Job
from backends.questions import MessagesOf, PreviewOf
from tests.tui.brokers import QUEUES, BrokerLink, broker, queue, seen, with_broker
from tests.tui.scripted import NOW, Story, story
from tests.waiting import until
from tui.screens.typed import Filling

SIZES = [(80, 24), (120, 40)]


async def stands_on(it: Story, name: str) -> None:
    assert it.console.deck.listing.go_to(f"broker-a/{name}")
    it.console.deck.draw()
    await it.pilot.pause()


async def is_asked(it: Story, *words: str) -> None:
    """The question is there, with its counts."""
    await until(lambda: it.console.screen is not it.console.deck)
    await it.pilot.pause()
    it.sees(*words)


async def is_back(it: Story) -> None:
    await until(lambda: it.console.screen is it.console.deck)
    await it.pilot.pause()


def trouble(it: Story) -> str:
    screen = it.console.screen
    return screen.slip.trouble if isinstance(screen, Filling) else ""


def previews(it: Story) -> list[dict[str, Any]]:
    return [json.loads(question.arguments) for _, question in it.link.asked if isinstance(question, PreviewOf)]


@pytest.mark.parametrize("size", SIZES)
async def test_a_purge_wants_the_name_and_says_when_it_is_a_wrong_one(size: tuple[int, int]) -> None:
    link = BrokerLink()
    link.warnings = ("they are lost for good",)
    async with story(link=link, size=size, view="queues") as it:
        await stands_on(it, "orders")
        await it.press("X")
        await is_asked(it, "Purge orders", "purge orders: 1,204 messages", "▴ they are lost for good", "Type orders and Enter:")
        await it.types("order")
        await it.press("enter")
        it.sees("that is not the name: 'order'")
        assert link.sent == []
        await it.types("s")
        await it.press("enter")
        await is_back(it)
        await until(lambda: it.console.deck.hints.message is not None)
        await it.pilot.pause()
        assert link.sent == [("broker-a", "purge", {"queue": "orders"})]
        assert link.expected == [{"name": "orders", "pending": 1204, "most": 1204, "consumers": 1, "in_flight": 0}]
        assert link.deadlines == [3700.0]
        it.sees("done: 1,204 -> 0")
        await it.passes(60)
        it.sees("done: 1,204 -> 0")
        await it.press("j")
        it.sees_no("done: 1,204 -> 0")


@pytest.mark.parametrize("far", ["nothing was done", "it was purged and not deleted"])
async def test_counts_that_changed_are_asked_about_again_with_the_new_ones(far: str) -> None:
    """With what the source says was done until then, and nothing else."""
    link = BrokerLink()
    link.answers = [f"counts changed: 1,300 pending now; {far}", "done: 1,300 -> 0"]
    async with story(link=link, view="queues") as it:
        await stands_on(it, "orders")
        await it.press("D")
        await is_asked(it, "Delete orders")
        await it.types("orders")
        link.pending = 1300
        await it.press("enter")
        await until(lambda: link.sent and it.console.screen is not it.console.deck)
        await is_asked(it, "Counts changed: 1,300 pending now;", *far.split(), "delete orders: 1,300 messages")
        assert ("nothing" in it.text()) is ("nothing" in far)
        await it.types("orders")
        await it.press("enter")
        await until(lambda: len(link.sent) == 2)
        await is_back(it)
        assert [expect["pending"] for expect in link.expected] == [1204, 1300]
        it.sees("done: 1,300 -> 0")


@pytest.mark.parametrize("leaves", ["escape", "enter", "n"])
async def test_cancel_is_chosen_and_leaves_everything_as_it_is(leaves: str) -> None:
    link = BrokerLink()
    async with story(link=link, view="queues") as it:
        await it.press("P")
        await is_asked(it, "y  Pause", "Cancel")
        await it.press(leaves)
        await is_back(it)
        assert link.sent == []


async def test_a_pause_is_a_yes_and_a_paused_queue_goes_on() -> None:
    link = BrokerLink(seen(broker(queue("orders", paused=True, verdict="PAUSED"))))
    async with story(link=link, view="queues") as it:
        await it.press("P")
        await is_asked(it, "Let orders on broker-a go on")
        await it.press("y")
        await is_back(it)
        assert [verb for _, verb, _ in link.sent] == ["resume"]


async def test_yes_means_nothing_while_it_is_counted() -> None:
    link = BrokerLink()
    link.is_listening.clear()
    async with story(link=link, view="queues") as it:
        await it.press("P")
        await is_asked(it, "counting…")
        await it.press("y")
        it.sees("still counting: nothing is done before that")
        link.is_listening.set()
        await it.pilot.pause()
        await until(lambda: "1,204 messages" in it.text())
        await it.press("y")
        await is_back(it)
        assert len(link.sent) == 1


async def test_nothing_is_done_by_who_may_only_read() -> None:
    link = BrokerLink(write=False)
    async with story(link=link, view="queues") as it:
        for key in "SMCPnXD":
            await it.press(key)
            it.sees("read-only: :write 10m")
        await it.press("question_mark")
        await it.types("purge")
        it.sees("purge the queue", "read-only: :write 10m")
        await it.press("enter")
        assert link.sent == [] and previews(it) == []


async def test_actions_are_allowed_for_a_while_by_a_command() -> None:
    link = BrokerLink(write=False)
    async with story(link=link, view="queues") as it:
        await it.press("colon")
        await it.types("write 10m")
        await it.press("enter")
        await until(lambda: link.sent)
        assert link.sent == [("monitor", "write", {"for_s": 600.0})]


async def test_a_denied_key_is_grey_with_the_broker_s_reason_and_does_nothing() -> None:
    link = BrokerLink(seen(with_broker(capabilities={"purge": "denied: 403 Operation purge forbidden"})))
    async with story(link=link, size=(200, 60), view="queues") as it:
        it.sees_no("X purge")
        it.sees("D delete", "purge: denied: 403 Operation purge forbidden")
        await it.press("X")
        it.sees("denied: 403 Operation purge forbidden")
        await it.press("question_mark")
        await it.types("purge")
        it.sees("(denied: 403 Op", "│ denied: 403 Operation purge forbidden")
        await it.press("escape")
        assert it.console.screen is it.console.deck and previews(it) == []


@pytest.mark.parametrize("size", SIZES)
async def test_a_move_by_selector_names_its_target_with_completion(size: tuple[int, int]) -> None:
    link = BrokerLink()
    async with story(link=link, size=size, view="queues") as it:
        await stands_on(it, "orders")
        await it.press("M")
        await is_asked(it, "Move messages of orders", "To queue", "Which")
        await it.types("orders.o")
        await it.press("tab", "down", "right", "right", "down")
        await it.types("region = '서울'")
        await it.press("enter")
        await until(lambda: previews(it))
        await is_asked(it, "move orders: 1,204 messages")
        await it.press("y")
        await is_back(it)
        arguments = {"queue": "orders", "to": "orders.old", "selector": "region = '서울'"}
        assert link.sent == [("broker-a", "move", arguments)] and previews(it) == [arguments]


async def test_text_can_be_pasted_and_esc_leaves_the_slip() -> None:
    from textual import events

    link = BrokerLink()
    async with story(link=link, view="queues") as it:
        await it.press("n")
        await is_asked(it, "New queue", "Broker")
        it.console.post_message(events.Paste("새로운.큐\n"))
        await it.pilot.pause()
        it.sees("새로운.큐")
        assert it.console.cursor_position.x > 0, "an input method composes at the cursor"
        await it.press("escape")
        await is_back(it)
        assert link.sent == [] and previews(it) == [] and it.console.cursor_position == (0, 0)
        await it.press("n")
        await it.types("q")
        await it.press("enter")
        await until(lambda: previews(it))
        assert previews(it) == [{"queue": "q"}]
        await it.press("escape")


async def test_marked_queues_are_counted_one_by_one_and_the_refused_are_left_out() -> None:
    link = BrokerLink()
    link.refused = {"orders.old": "protected"}
    async with story(link=link, view="queues") as it:
        await it.press("asterisk", "X")
        await is_asked(it, "Purge 3 queues", "orders.old", "left out: protected", "2 queues, 2,408 messages in all; 1 left out")
        await it.types("2 queues")
        await it.press("enter")
        await until(lambda: len(link.sent) == 2)
        await is_back(it)
        assert sorted(arguments["queue"] for _, _, arguments in link.sent) == ["orders", "orders.dlq"]
        it.sees("2 of 2, 0 failed: done")
        assert not it.console.deck.listing.marks


async def test_one_that_fails_among_several_is_counted_and_the_others_go_on() -> None:
    link = BrokerLink()
    link.answers = ["unknown: check orders.dlq; now 0 pending (3 before)", "done"]
    async with story(link=link, view="queues") as it:
        await it.press("asterisk", "P")
        await is_asked(it, "3 queues")
        await it.press("y")
        await until(lambda: len(link.sent) == 3)
        await is_back(it)
        it.sees("3 of 3, 1 failed: done")
        message = it.console.deck.hints.message
        assert message is not None and message[0][0].role == "error"


async def test_a_quick_hand_types_into_the_question_and_never_into_the_list_below() -> None:
    from textual import events

    link = BrokerLink()
    async with story(link=link, view="queues") as it:
        await stands_on(it, "orders")
        for key in ("M", "D", "enter", "D", "P", "o"):  # all at once, as a slow line brings them
            it.console.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(lambda: previews(it))
        await it.pilot.pause()
        assert previews(it) == [{"queue": "orders", "to": "D"}] and link.sent == []
        assert it.console.deck.listing.sort == "state"
        await it.press("escape", "j")
        assert it.console.screen is it.console.deck and it.console.deck.listing.cursor == "broker-a/orders.old"


async def test_what_came_of_it_is_read_whole_also_on_a_small_screen() -> None:
    link = BrokerLink()
    link.answers = [f"moved 1,204 messages from {'a' * 60} to orders.old: 1,204 -> 0, orders.old 0 -> 1,204"]
    async with story(link=link, size=(80, 24), view="queues") as it:
        await it.press("P")
        await is_asked(it, "y  Pause")
        await it.press("y")
        await until(lambda: it.console.deck.hints.message is not None)
        await it.pilot.pause()
        it.sees("moved 1,204 messages from", "orders.old 0 -> 1,204", "Queues 3")
        await it.press("j")
        it.sees_no("moved 1,204")


# -- messages ---------------------------------------------------------------------------------------------------------------------------


async def test_the_marked_messages_are_removed_and_the_page_is_asked_again() -> None:
    link = BrokerLink()
    async with story(link=link, view="queues") as it:
        await stands_on(it, "orders")
        await it.press("b", "space", "space", "D")
        await is_asked(it, "Remove messages of orders", "these 2")
        await it.press("enter")
        await until(lambda: previews(it))
        await is_asked(it, "remove orders")
        await it.press("y")
        await is_back(it)
        assert link.sent == [("broker-a", "remove", {"queue": "orders", "ids": "ID:host-1:0\nID:host-1:1"})]
        await until(lambda: sum(isinstance(question, MessagesOf) for _, question in it.link.asked) == 2)
        assert not it.console.deck.trail.page.marks


async def test_the_message_that_one_looks_at_goes_back_to_where_it_came_from() -> None:
    link = BrokerLink()
    async with story(link=link, view="queues") as it:
        await stands_on(it, "orders.dlq")
        await it.press("b", "j", "enter", "R")
        await is_asked(it, "Send dead letters of orders.dlq on broker-a back", "this one")
        await it.press("enter")
        await until(lambda: previews(it))
        await it.press("y")
        await is_back(it)
        assert link.sent == [("broker-a", "retry", {"queue": "orders.dlq", "ids": "ID:host-1:1"})]


async def test_a_selector_of_the_page_is_on_the_slip() -> None:
    link = BrokerLink()
    async with story(link=link, view="queues") as it:
        await stands_on(it, "orders")
        await it.press("b", "s")
        await it.types("tries > 4")
        await it.press("enter", "C")
        await is_asked(it, "Copy messages of orders")
        await it.types("x")
        await it.press("down", "left", "down")
        it.sees("tries > 4")
        await it.press("enter")
        await until(lambda: previews(it))
        assert previews(it) == [{"queue": "orders", "to": "x", "selector": "tries > 4"}]
        await it.press("escape")


# -- sending ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_a_message_is_sent_as_the_slip_says_and_what_is_wrong_is_told_first(size: tuple[int, int]) -> None:
    link = BrokerLink()
    async with story(link=link, size=size, view="queues") as it:
        await stands_on(it, "orders")
        await it.press("S")
        await is_asked(it, "Send to orders", "Body", "Properties")
        await it.types("첫 줄")
        await it.press("enter")
        await it.types("second")
        await it.press("tab", "down", "backspace")
        await it.types("ten")
        await it.press("enter")
        it.sees("'ten' is not a number")
        await it.press("ctrl+u", "3", "enter")
        await until(lambda: previews(it))
        await is_asked(it, "send orders")
        await it.press("y")
        await is_back(it)
        expected = {"queue": "orders", "kind": "text", "persistent": True, "body": "첫 줄\nsecond", "count": 3, "priority": 4}
        assert link.sent == [("broker-a", "send", expected)]


async def test_a_body_is_taken_from_a_file_and_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "b.bin").write_bytes(b"\xff\x00")
    link = BrokerLink()
    async with story(link=link, view="queues") as it:
        await stands_on(it, "orders")
        await it.press("S")
        await is_asked(it, "Send to orders")
        await it.types(f"@{tmp_path / 'no'}")
        await it.press("tab", "enter")
        await until(lambda: "cannot be read: No such file" in trouble(it))
        for _ in "no":
            await it.press("backspace")
        await it.types("b.bin")
        await it.press("tab", "enter")
        await until(lambda: "send it as bytes" in trouble(it))
        await it.press("right", "enter")
        await until(lambda: previews(it))
        assert (previews(it)[0]["kind"], previews(it)[0]["body_base64"]) == ("bytes", "/wA=")
        await it.press("escape")


# -- how far it is ----------------------------------------------------------------------------------------------------------------------


async def test_how_far_a_move_is_stands_in_the_last_row_and_x_cancels_it() -> None:
    link = BrokerLink()
    ends = asyncio.Event()
    link.acts = ends.wait
    link.jobs = (Job(7, "move", "orders", "orders.old", 1500, 6000, NOW, None, "running", ""),)
    async with story(link=link, view="queues") as it:
        await stands_on(it, "orders")
        await it.press("M")
        await is_asked(it, "To queue")
        await it.types("orders.old")
        await it.press("enter")
        await until(lambda: previews(it))
        await it.press("y")
        await until(lambda: it.console.hands.carrying.running and it.console.hands.carrying.running[0].job is not None)
        await it.pilot.pause()
        it.sees("moving orders → orders.old: 1,500 of 6,000", "x cancels")
        await it.press("j", "k")
        it.sees("moving orders → orders.old")
        await it.press("x")
        await until(lambda: len(link.sent) == 2)
        assert link.sent[1] == ("broker-a", "cancel", {"job": 7})
        link.answers = ["cancelled: moved 2,000 of 6,000"]
        ends.set()
        await until(lambda: not it.console.hands.carrying.running)
        await it.pilot.pause()
        it.sees("cancelled: moved 2,000 of 6,000")


async def test_a_cancel_among_several_lets_none_follow() -> None:
    link = BrokerLink()
    ends = asyncio.Event()
    link.acts = ends.wait
    async with story(link=link, view="queues") as it:
        await it.press("asterisk", "P")
        await is_asked(it, "3 queues")
        await it.press("y")
        await until(lambda: it.console.hands.carrying.running)
        await it.press("x")
        ends.set()
        await until(lambda: not it.console.hands.carrying.running)
        await it.pilot.pause()
        it.sees("stopped: 1 of 3 done")
        assert [verb for _, verb, _ in link.sent] == ["pause"]


async def test_what_somebody_else_does_to_a_queue_can_be_cancelled_too() -> None:
    job = Job(9, "purge", "orders", None, 5, None, NOW - 5, None, "running", "purging")
    link = BrokerLink(seen(broker(*QUEUES, jobs=(job,))))
    async with story(link=link, view="queues") as it:
        await stands_on(it, "orders.old")
        await it.press("x")
        it.sees("nothing is being done here")
        await stands_on(it, "orders")
        it.sees("Done to it lately 1", "purge orders")
        await it.press("x")
        await until(lambda: link.sent)
        assert link.sent == [("broker-a", "cancel", {"job": 9})]


async def test_the_screen_lives_while_something_is_done() -> None:
    link = BrokerLink()
    ends = asyncio.Event()
    link.acts = ends.wait
    async with story(link=link, view="queues") as it:
        await it.press("P")
        await is_asked(it, "Pause")
        await it.press("y")
        await is_back(it)
        await it.press("l", "l")
        it.sees("── Subscribers 3 ")
        ends.set()
        await until(lambda: not it.console.hands.carrying.running)
