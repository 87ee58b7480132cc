"""What may be done to rows, and why not."""

import msgspec
import pytest

from tests.tui.scripted import incident, snapshot, store_of
from tui.actions.plan import READ_ONLY, Act, Refused
from tui.actions.relay import OFFERS, offered
from tui.pane import Entry, panes

RELAY = next(pane for pane in panes() if pane.name == "relay")


def entries(*keys: str) -> list[Entry]:
    found = {entry.key: entry for entry in RELAY.entries(store_of(*incident()))}
    return [found[f"relay/{key}"] for key in keys]


FILE = "failed/busan-gw/20261122-0300-orders.req"


def test_nothing_is_offered_to_who_may_only_read() -> None:
    assert all(offered(verb, entries(FILE), writable=False) == Refused(READ_ONLY) for verb in OFFERS)


def test_one_file_is_a_small_question_and_names_what_was_seen() -> None:
    plan = offered("resend", entries(FILE), writable=True)
    assert isinstance(plan, Act)
    assert (plan.tier, plan.title) == (1, "Send 20261122-0300-orders.req again?")
    assert plan.sends == (("relay", "resend", {"sender": "busan-gw", "file": "20261122-0300-orders.req"}, {"tries": 3}),)


def test_all_files_of_a_sender_are_counted_and_sampled() -> None:
    plan = offered("resend_all", entries("sender/busan-gw"), writable=True)
    assert isinstance(plan, Act)
    assert plan.title == "Send all 12 failed files of busan-gw again?"
    assert plan.lines[-1] == "  and 7 more" and len(plan.lines) == 6
    assert plan.sends[0].expect == {"failed": 12}
    assert isinstance(offered("resend_all", entries(FILE), writable=True), Act)


def test_a_pause_says_what_it_means_and_a_resume_is_a_small_question() -> None:
    plan = offered("pause_relay", entries("receiver/partner-a"), writable=True)
    assert isinstance(plan, Act) and "told that we are busy" in plan.lines[1]
    entry = entries("sender/partner-a")[0]
    paused = entry._replace(item=msgspec.structs.replace(entry.item, state="paused"))
    resume = offered("pause_relay", [paused], writable=True)
    assert isinstance(resume, Act) and resume.sends[0].verb == "resume"


def test_a_drain_says_what_it_ends_and_means_this_one_alone() -> None:
    plan = offered("drain_relay", entries("receiver/partner-a"), writable=True)
    assert isinstance(plan, Act)
    assert (plan.title, plan.tier, plan.lines[-1]) == ("Drain partner-a?", 2, "3 connections open now.")
    assert plan.sends[0][:3] == ("relay", "drain", {"name": "partner-a", "only": "receiver"})
    sender = offered("drain_relay", entries("sender/busan-gw"), writable=True)
    assert isinstance(sender, Act) and sender.lines[-1].startswith("1 file in flight, 480 waiting")
    assert sender.sends[0].arguments == {"name": "busan-gw", "only": "sender"}


def test_a_disconnect_expects_the_peer_that_was_seen() -> None:
    plan = offered("disconnect", entries("connection/1", "connection/2"), writable=True)
    assert isinstance(plan, Act)
    assert plan.title == "Disconnect 2 connections?"
    assert plan.sends[0].expect == {"peer": "10.10.0.4:40217"}


@pytest.mark.parametrize(
    ("verb", "key", "why"),
    [
        ("resend", "sender/partner-a", "no failed file here"),
        ("resend_all", "receiver/partner-a", "stand on a sender"),
        ("resend_all", "sender/partner-a", "has no failed files"),
        ("pause_relay", "connection/1", "stand on a receiver or a sender"),
        ("drain_relay", "connection/1", "stand on a receiver or a sender"),
        ("disconnect", "sender/partner-a", "no connection here"),
    ],
)
def test_what_makes_no_sense_on_a_row_says_what_would(verb: str, key: str, why: str) -> None:
    plan = offered(verb, entries(key), writable=True)
    assert isinstance(plan, Refused) and why in plan.reason


def test_nothing_is_asked_of_a_relay_that_is_down() -> None:
    down = snapshot("relay", "relay", incident()[0].data, state="down", error="refused")
    plan = offered("pause_relay", RELAY.entries(store_of(down))[:1], writable=True)
    assert plan == Refused("relay is down: nothing can be asked of it now")


def test_no_row_is_no_action() -> None:
    assert offered("resend", [], writable=True) == Refused("no row is chosen")
