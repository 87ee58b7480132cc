"""Stories: what somebody at the console presses, and what they see."""

import asyncio

import pytest
from textual import events

from backends.snapshots import Queues
from link.protocol import Reply
from tests.tui.scripted import CALM, NOW, ScriptedConsole, ScriptedLink, incident, snapshot, story
from tui.options import ConsoleOptions
from tui.pane import Entry

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.mark.parametrize("size", SIZES)
async def test_the_overview_names_the_worst_of_every_kind(size: tuple[int, int]) -> None:
    async with story(*incident(), size=size) as it:
        it.sees("bastion-1", "busan-gw", "orders.confirmed", "billing-sink", "producer-agent-2", "orders.dlq", "broker-b", "Events")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("key", "words"), [("1", "Failed files 12"), ("2", "LATE"), ("3", "STALLED"), ("4", "SUSPECT"), ("5", "GROWING")])
async def test_every_pane_is_one_key_away(size: tuple[int, int], key: str, words: str) -> None:
    async with story(*incident(), size=size) as it:
        await it.press(key)
        it.sees(words)


async def test_the_cursor_stays_on_its_row_when_rows_change_places() -> None:
    link = ScriptedLink(*incident(CALM))
    async with story(link=link, view="topics") as it:
        listing = it.console.deck.listing
        assert listing.go_to("main/orders.created")
        for each in incident():
            link.store.apply(each)
        await it.passes(1)
        assert listing.current is not None and listing.current.item.name == "orders.created"


async def test_enter_looks_into_a_row_and_esc_comes_back_on_a_small_screen() -> None:
    async with story(*incident(), size=(80, 24), view="queues") as it:
        await it.press("enter")
        it.sees("Broker broker-a", "› orders.dlq")
        it.sees_no("Enter open")
        it.sees_no("settlement.in")
        await it.press("escape")
        it.sees("settlement.in")


async def test_on_a_large_screen_the_detail_follows_the_cursor() -> None:
    async with story(*incident(), view="queues") as it:
        it.sees("Broker broker-a", "145 dead letters")
        await it.press("j")
        it.sees("3,900 more in 65s though 4 consumers work", "── settlement.in ──")


async def test_the_detail_can_be_hidden() -> None:
    async with story(*incident(), view="queues") as it:
        await it.press("z")
        it.sees_no("Broker broker-a")


async def test_a_table_too_narrow_for_reasons_gives_the_one_of_the_row() -> None:
    async with story(*incident(), size=(80, 24), view="queues") as it:
        it.sees(" └ 145 dead letters, from orders.in")
        await it.press("j")
        it.sees(" └ 3,900 more in 65s")


async def test_enter_on_the_overview_opens_the_pane_on_that_row() -> None:
    async with story(*incident()) as it:
        await it.press("down", "down", "down", "down", "enter")
        it.sees("Topics 23", "no record since 90s (limit 60s)")
        assert it.console.deck.active == "topics"


async def test_a_filter_is_live_and_esc_takes_it_back() -> None:
    async with story(*incident(), view="topics") as it:
        await it.press("slash")
        await it.types("busan")
        it.sees("Topics 1 of 23", "/busan")
        it.sees_no("userTopic_seoul ")
        await it.press("escape")
        it.sees("Topics 23", "userTopic_seoul")


async def test_a_filter_that_is_kept_is_cleared_by_esc_later() -> None:
    async with story(*incident(), view="topics") as it:
        await it.press("slash")
        await it.types("!OK|ok")
        await it.press("enter")
        it.sees("orders.confirmed", "legacy.blob")
        it.sees_no("orders.created")
        await it.press("escape")
        it.sees("orders.created")


async def test_a_filter_that_nothing_fits_says_how_to_get_out() -> None:
    async with story(*incident(), view="queues", filter="no such queue") as it:
        it.sees("0 of 13 match /no such queue", "Esc clears the filter.")


async def test_a_broken_expression_is_told_and_changes_nothing() -> None:
    async with story(*incident(), view="topics") as it:
        await it.types(":filter (")
        await it.press("enter")
        it.sees("not a regular expression", "Topics 23")


async def test_deleting_the_sign_leaves_the_prompt() -> None:
    async with story(*incident()) as it:
        await it.press("colon")
        await it.types("to")
        await it.press("backspace", "backspace", "backspace")
        assert not it.console.line.is_open


async def test_a_command_is_completed_and_run() -> None:
    async with story(*incident()) as it:
        await it.types(":he")
        it.sees("heap   help")
        await it.types("a")
        await it.press("tab", "enter")
        assert it.console.deck.active == "heap"


async def test_what_is_typed_before_the_line_has_the_keyboard_is_not_lost() -> None:
    async with story(*incident()) as it:
        for character in ":heap":
            it.console.post_message(events.Key(character, character))
        await it.pilot.pause()
        it.sees(" :heap")
        await it.press("enter")
        assert it.console.deck.active == "heap"


async def test_an_unknown_command_suggests_one() -> None:
    async with story(*incident()) as it:
        await it.types(":topcis")
        await it.press("enter")
        it.sees("no command 'topcis'; did you mean :topics?")


async def test_rows_are_ordered_by_the_next_column_and_reversed() -> None:
    async with story(*incident(), view="queues") as it:
        await it.types(":sort pending!")
        await it.press("enter")
        first = it.console.deck.listing.items[0]
        assert isinstance(first, Entry) and first.key == "broker-a/settlement.in"
        it.sees("by PENDING ▴")
        await it.press("O")
        assert it.console.deck.listing.items[0] != first


async def test_o_walks_through_the_columns_on_the_screen() -> None:
    async with story(*incident(), view="queues") as it:
        await it.press("o")
        it.sees("by QUEUE ▾")


async def test_marks_are_counted_and_esc_clears_them() -> None:
    async with story(*incident(), view="topics") as it:
        await it.press("space", "space", "v", "j", "j", "v")
        it.sees("5 marked")
        await it.press("*")
        it.sees("18 marked")
        await it.press("escape")
        it.sees_no("marked")


async def test_a_source_that_is_down_says_so_and_its_rows_are_dim() -> None:
    async with story(*incident(), view="queues") as it:
        it.sees("✖ DOWN broker-b, last seen 0s ago: connection refused (next try in 8s)", "sensor.raw")
        row = next(line for line in it.console.deck.table._lines if "sensor.raw" in "".join(piece.text for piece in line))
        assert {piece.role for piece in row} == {"dim"}


async def test_what_is_not_configured_says_how() -> None:
    hint = "add a section `kafka:` to config.yaml"
    async with story(snapshot("topics", "topics", state="unconfigured", error=hint), view="topics") as it:
        it.sees(hint)
        it.sees_no("✖")


async def test_names_from_outside_are_text_and_nothing_else() -> None:
    queue = incident()[5].data
    assert isinstance(queue, Queues)
    import msgspec

    evil = msgspec.structs.replace(queue.queues[0], name="[red]x[/]\x1b[2J\x07")
    data = Queues(queue.broker, (evil,), 0)
    async with story(snapshot("broker-a", "queues", data), view="queues") as it:
        it.sees("[red]x[/]␛[2J␇")


async def test_p_stops_the_screen_but_not_the_clock() -> None:
    link = ScriptedLink(*incident(CALM))
    async with story(link=link, view="topics") as it:
        await it.press("p")
        for each in incident():
            link.store.apply(each)
        await it.passes(42)
        it.sees("PAUSED 40s")
        it.sees_no("LATE")
        await it.press("p")
        it.sees("LATE")


async def test_a_korean_input_method_does_not_take_the_keys_away() -> None:
    async with story(*incident(), view="topics") as it:
        await it.press("ㅓ")
        it.sees(" 한")
        assert it.console.deck.listing.index == 1
        await it.press("ㅔ")
        it.sees("PAUSED")


async def test_help_shows_live_keys_and_enter_does_what_the_row_says() -> None:
    async with story(*incident(), view="topics") as it:
        await it.press("question_mark")
        it.sees("Keys in Topics", "filter: a regular expression")
        it.sees_no("disconnect the connection")
        await it.types("reverse")
        await it.press("enter")
        assert it.console.deck.listing.reverse


async def test_a_key_that_cannot_work_is_greyed_with_its_reason() -> None:
    link = ScriptedLink(*incident(), write=False)
    async with story(link=link, view="relay") as it:
        it.sees("[RO]")
        await it.press("P")
        it.sees("read-only: :write 10m")
        await it.press("question_mark")
        it.sees("pause the receiver or sender, or let it go on (read-only")
        assert link.sent == []


async def test_pausing_a_receiver_asks_first_and_cancel_is_chosen() -> None:
    link = ScriptedLink(*incident())
    async with story(link=link, view="relay") as it:
        await it.press("P")
        it.sees("Pause partner-a?", "3 connections open now.")
        await it.press("enter")
        assert link.sent == []
        await it.press("P", "y")
        assert link.sent == [("relay", "pause", {"name": "partner-a", "only": "receiver"})]
        it.sees("done")


async def test_a_drain_says_what_it_ends_and_what_came_of_it() -> None:
    link = ScriptedLink(*incident())
    async with story(link=link, view="relay") as it:
        await it.press("D")
        it.sees("Drain partner-a?", "3 connections open now.")
        await it.press("y")
        assert link.sent == [("relay", "drain", {"name": "partner-a", "only": "receiver"})]
        it.sees("done")


async def test_marked_files_are_sent_again_one_by_one() -> None:
    link = ScriptedLink(*incident())
    async with story(link=link, view="relay") as it:
        assert it.console.deck.listing.go_to("relay/failed/busan-gw/20261122-0300-orders.req")
        await it.press("space", "space", "r")
        it.sees("Send 2 failed files again?", "20261122-0301-orders.req")
        await it.press("y")
        assert [verb for _, verb, _ in link.sent] == ["resend", "resend"]
        it.sees("2 of 2, 0 refused: done")


async def test_what_was_refused_is_told() -> None:
    link = ScriptedLink(*incident())
    link.answer = Reply(0, False, "the file is no more")
    async with story(link=link, view="relay") as it:
        await it.press("P", "y")
        it.sees("the file is no more")


async def test_q_leaves_a_daemon_alone_that_somebody_else_started() -> None:
    async with story(*incident()) as it:
        await it.press("q")
        assert it.console.return_code == 0
        assert it.link.sent == []


async def test_q_asks_about_the_daemon_that_this_console_started() -> None:
    link = ScriptedLink(*incident(), started_by_us=True)
    async with story(link=link) as it:
        await it.press("q")
        it.sees("Stop it (6 live connections)", "Leave it running", "Cancel")
        await it.press("escape")
        assert it.console.is_running
        await it.press("q", "l")
        assert it.console.return_code == 0
        assert link.sent == []


async def test_stopping_the_daemon_is_one_command() -> None:
    link = ScriptedLink(*incident(), started_by_us=True)
    async with story(link=link) as it:
        await it.press("q", "s")
        assert ("monitor", "stop", {}) in link.sent
        link.loses("the monitor was stopped")


async def test_ctrl_c_warns_once_and_then_quits() -> None:
    async with story(*incident()) as it:
        await it.press("ctrl+c")
        it.sees("Ctrl-C again quits")
        assert it.console.is_running
        await it.press("ctrl+c")
        assert it.console.return_code == 130


async def test_two_ctrl_c_that_are_far_apart_do_not_quit() -> None:
    async with story(*incident()) as it:
        await it.press("ctrl+c")
        it.console.now += 3
        await it.press("ctrl+c")
        assert it.console.is_running and it.console.return_code is None


async def test_a_tiny_terminal_says_what_is_wrong_and_how_to_quit() -> None:
    async with story(*incident(), size=(59, 14)) as it:
        it.sees("59x14 is too small", "press q to quit")
        assert len(it.text().strip().splitlines()) == 1
        await it.press("q")
        assert it.console.return_code == 0


async def test_a_terminal_that_grows_shows_everything() -> None:
    async with story(*incident(), size=(59, 14)) as it:
        await it.resizes(120, 40)
        it.sees("Overview", "busan-gw", "Events")


async def test_a_lost_daemon_is_said_with_its_reason_while_rows_stay() -> None:
    async with story(*incident()) as it:
        it.link.loses("monitor: connection refused; it is tried again")
        await it.passes(1)
        it.sees("NO DAEMON", "no daemon: monitor: connection refused; it is tried again", "orders.confirmed")


async def test_a_theme_is_changed_while_running() -> None:
    async with story(*incident()) as it:
        await it.types(":theme light")
        await it.press("enter")
        assert it.console.ink.palette.name == "light"
        await it.types(":theme nosuch")
        await it.press("enter")
        it.sees("no theme 'nosuch'; there are: ansi-dark, light")


async def test_ascii_draws_nothing_that_a_wide_terminal_would_break() -> None:
    async with story(*incident(), ascii=True, view="heap") as it:
        assert all(ord(char) < 128 for char in it.text())


async def test_a_calm_second_repaints_only_the_clock() -> None:
    async with story(*incident(CALM)) as it:
        await it.passes(1)
        deck = it.console.deck
        it.console.now += 1
        before = {widget: widget.text() for widget in (deck.wall, deck.tabs_row, deck.bottom)}
        deck.tick()
        assert {widget: widget.text() for widget in before} == before


async def test_an_event_stands_on_the_overview() -> None:
    async with story(*incident()) as it:
        it.link.happens("busan-gw: its partner is down")
        await it.passes(1)
        it.sees("busan-gw: its partner is down")


async def test_refresh_asks_every_source() -> None:
    async with story(*incident()) as it:
        await it.press("f5")
        assert it.link.sent == [("monitor", "refresh", {})]


async def test_tab_goes_round_the_panes() -> None:
    async with story(*incident()) as it:
        await it.press("tab")
        assert it.console.deck.active == "relay"
        await it.press("shift+tab", "shift+tab")
        assert it.console.deck.active == "queues"


async def test_low_bandwidth_has_no_clock() -> None:
    async with story(*incident(), low_bandwidth=True) as it:
        first = it.text()
        await it.passes(4)
        assert it.text() == first


async def test_a_bug_beside_the_screen_is_told_and_the_screen_lives() -> None:
    async def bug() -> None:
        raise RuntimeError("boom")

    async with story(*incident()) as it:
        it.console.beside(bug(), "link")
        await asyncio.sleep(0)
        await it.pilot.pause()
        it.sees("link failed: RuntimeError('boom')")
        assert it.console.is_running


async def test_a_crash_keeps_no_locals_and_says_it_is_one() -> None:
    console = ScriptedConsole(ScriptedLink(*incident()), ConsoleOptions())
    with pytest.raises(ZeroDivisionError):
        async with console.run_test() as pilot:
            console.call_later(lambda: 1 / 0)
            await pilot.pause()
    assert isinstance(console.crash, ZeroDivisionError)
    assert console._exit_renderables == []


async def test_the_age_of_a_source_that_went_silent_is_shown() -> None:
    async with story(*incident(CALM)[:2], size=(120, 40)) as it:
        it.sees("relay ✓<10s", "main ✓<10s")
        await it.passes(95)
        it.sees("relay ▴1m")
        assert it.console.deck.now == NOW + 95


async def test_the_prompt_remembers_what_was_typed() -> None:
    async with story(*incident()) as it:
        for line in (":topics", ":heap"):
            await it.types(line)
            await it.press("enter")
        await it.press("colon", "up", "up", "enter")
        assert it.console.deck.active == "topics"


async def test_tab_completes_as_far_as_it_is_certain() -> None:
    async with story(*incident(), view="topics") as it:
        await it.types(":sort re")
        await it.press("tab")
        it.sees(":sort re", "sort record   sort reason")
        await it.types("c")
        await it.press("tab", "enter")
        it.sees("by RECORD ▾")


async def test_a_dialog_is_walked_with_arrows_too() -> None:
    link = ScriptedLink(*incident())
    async with story(link=link, view="relay") as it:
        await it.press("P", "left", "enter")
        assert [verb for _, verb, _ in link.sent] == ["pause"]


@pytest.mark.parametrize(("opens", "twice"), [("P", "y"), ("P", "n"), ("P", "escape"), ("question_mark", "escape"), ("question_mark", "q")])
async def test_a_key_pressed_twice_quickly_ends_one_dialog_once(opens: str, twice: str) -> None:
    link = ScriptedLink(*incident())
    async with story(link=link, view="relay") as it:
        await it.press(opens)
        dialog = it.console.screen
        assert dialog is not it.console.deck
        for _ in range(2):
            dialog.post_message(events.Key(twice, twice if len(twice) == 1 else None))
        await it.pilot.pause()
        assert it.console.screen is it.console.deck and it.console.is_running
        assert len(link.sent) == (1 if twice == "y" else 0)


async def test_help_is_walked_with_arrows() -> None:
    async with story(*incident(), size=(80, 24), view="topics") as it:
        await it.press("question_mark", "pagedown", "pagedown", "pagedown", "pageup", "up", "down")
        it.sees("of 34")
        await it.press("escape")
        it.sees("Topics 23")
