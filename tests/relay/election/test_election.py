"""The table of a candidacy, and the fence. No ZooKeeper: that is test_election_lab.py."""

import fcntl
import itertools
import multiprocessing
import os
import random
import time
from pathlib import Path

import pytest

from relay.config import Election as ElectionConfig
from relay.election.candidacy import (
    NEXT,
    Behind,
    Candidacy,
    Connected,
    Event,
    Expired,
    Fenced,
    First,
    Missing,
    Refused,
    State,
    Suspended,
    Tell,
    Unfenced,
)
from relay.election.candidate import CLOCK, Candidate, Proof
from relay.election.fence import NOBODY, Fence, FenceDamaged, Standing
from relay.election.zookeeper import Election

EVENTS: tuple[Event, ...] = (
    Connected(),
    Suspended(),
    Expired(),
    Missing(),
    Behind(7, "b:1"),
    First(7),
    Fenced(7),
    Refused(9, "b:1"),
    Unfenced("no"),
)


def feed(found: Candidacy, *events: Event) -> None:
    for event in events:
        found.feed(event)


def after(*events: Event) -> Candidacy:
    found = Candidacy()
    feed(found, *events)
    return found


def test_who_is_first_leads_only_when_the_fence_shows_its_number() -> None:
    assert after(Connected(), Missing(), First(7)).state is State.FENCING
    found = after(Connected(), Missing(), First(7), Fenced(7))
    assert (found.state, found.number, found.why) == (State.LEADER, 7, None)


def test_who_is_behind_stands_by_and_says_who_sends() -> None:
    found = after(Connected(), Behind(7, "host-a:12"))
    assert (found.state, found.why) == (State.STANDBY, "host-a:12 sends")


@pytest.mark.parametrize("event", [Suspended(), Expired(), Missing(), Behind(7, "b:1"), Refused(9, "b:1"), Unfenced("no"), Connected()])
def test_a_leader_steps_down_for_each_of_these(event: Event) -> None:
    found = after(Connected(), First(7), Fenced(7))
    told = found.feed(event)
    assert found.state is not State.LEADER
    assert [each.severity for each in told] == ["warning"]
    assert found.why and found.why in told[0].text


def test_a_confirmed_leader_goes_on_and_says_nothing() -> None:
    found = after(Connected(), First(7), Fenced(7))
    assert [found.feed(event) for event in (First(7), Fenced(7), First(7), Fenced(7))] == [[], [], [], []]
    assert found.state is State.LEADER


def test_after_a_break_the_session_is_asked_again_before_anything_is_sent() -> None:
    found = after(Connected(), First(7), Fenced(7), Suspended())
    assert found.feed(First(7)) == [] and found.feed(Fenced(7)) == []  # late words of the old connection
    assert found.state.value == "unsure"
    found.feed(Connected())
    assert found.state.value == "joining"
    found.feed(First(7))
    assert found.feed(Fenced(7)) == [Tell("info", "sends again, still in term 7")]


def test_a_new_term_is_told_once_and_the_old_one_that_goes_on_is_none() -> None:
    found = after(Connected(), First(7), Fenced(7))
    assert [found.take_new_term(), found.take_new_term()] == [True, False]
    feed(found, Suspended(), Connected(), First(7), Fenced(7))
    assert not found.take_new_term()
    feed(found, Suspended(), Expired(), Connected(), Missing(), First(12), Fenced(12))
    assert [found.take_new_term(), found.take_new_term()] == [True, False]


def test_a_new_term_that_ended_before_anybody_asked_is_told_when_it_goes_on() -> None:
    found = after(Connected(), First(7), Fenced(7), Suspended())
    assert not found.take_new_term()
    feed(found, Connected(), First(7), Fenced(7))
    assert found.take_new_term()


def test_a_fence_of_a_later_term_is_trouble_told_once_and_never_a_lead() -> None:
    found = after(Connected(), First(7))
    told = found.feed(Refused(9, "host-b:1"))
    assert [each.severity for each in told] == ["critical"]
    assert "term 9 of host-b:1" in told[0].text
    assert found.feed(First(7)) == []
    assert found.feed(Refused(9, "host-b:1")) == []
    assert found.state.value == "fencing"
    found.feed(Fenced(7))
    assert found.state.value == "leader"


def test_an_expired_session_takes_the_number_with_it() -> None:
    assert after(Connected(), First(7), Fenced(7), Expired()).number is None


def test_any_order_of_events_leads_only_by_the_fence_and_through_a_connection() -> None:
    """All sequences of four events, and long random ones: LEADER is entered by Fenced alone, and left by any break."""
    random.seed(4)
    sequences = itertools.chain(itertools.product(EVENTS, repeat=4), (random.choices(EVENTS, k=200) for _ in range(200)))
    for events in sequences:
        found = Candidacy()
        for event in events:
            was = found.state
            found.feed(event)
            if found.state is State.LEADER and was is not State.LEADER:
                assert isinstance(event, Fenced) and was is State.FENCING
            if isinstance(event, Suspended | Expired | Missing):
                assert found.state is not State.LEADER
            assert (found.why is None) is (found.state is State.LEADER) or was is State.AWAY


def test_every_state_of_a_connection_has_a_rule_for_its_loss() -> None:
    for state in set(State) - {State.AWAY, State.UNSURE}:
        assert NEXT[state, Suspended] is State.UNSURE
        assert NEXT[state, Expired] is State.AWAY


# What a candidate asks itself before each delivery.


async def test_a_leader_may_send_while_its_proof_is_young_unbroken_and_fenced(outbox: Path) -> None:
    election = Election(ElectionConfig(zookeeper="127.0.0.1:1", session_timeout=5.0), lambda *_: None)
    found = Candidate(election, "s", outbox, lambda *_: None)
    found._fence = fence = Fence(outbox)
    feed(found._candidacy, Connected(), First(7), Fenced(7))
    now = time.clock_gettime(CLOCK)
    found._proof = proof = Proof(7, 0, now)
    assert not found.may_send()  # no fence
    fence.raise_to(7, "a:1")
    assert found.may_send() and found.state == "leader" and found.why is None
    found._proof = proof._replace(at=now - 5.0)  # as after a SIGSTOP: the clock went on, the proof did not
    assert not found.may_send() and found.state == "lost" and found.why
    found._proof = proof
    assert found.may_send()
    election.breaks += 1
    assert not found.may_send() and found.state == "lost"
    election.breaks -= 1
    fence.raise_to(8, "b:1")
    assert not found.may_send()
    fence.path.write_text("damaged")
    assert not found.may_send()


# The fence.


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    place = tmp_path / "outbox" / "partner"
    place.mkdir(parents=True)
    return place


def test_a_fence_is_beside_its_outbox_and_only_goes_up(outbox: Path) -> None:
    fence = Fence(outbox)
    assert fence.path == outbox.parent / ".partner.fence"
    assert fence.read() == NOBODY
    assert fence.raise_to(5, "a:1") == Standing(5, "a:1")
    assert fence.raise_to(5, "a:1") == Standing(5, "a:1")
    assert fence.raise_to(4, "b:2") == Standing(5, "a:1")
    assert fence.raise_to(6, "b:2") == Standing(6, "b:2")
    assert Fence(outbox).read() == Standing(6, "b:2")


def test_the_fence_of_an_outbox_behind_a_link_is_inside_of_it(tmp_path: Path, outbox: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(outbox)
    assert Fence(link).path == link / ".fence"


@pytest.mark.parametrize("text", [b"", b"x\n", b"12", b"-3 a\n", b"\xb2 a\n"])
def test_a_damaged_fence_is_an_error_and_is_not_written_over(outbox: Path, text: bytes) -> None:
    fence = Fence(outbox)
    fence.path.write_bytes(text)
    with pytest.raises(FenceDamaged):
        fence.read()
    with pytest.raises(FenceDamaged):
        fence.raise_to(99, "a:1")
    assert fence.path.read_bytes() == text


def test_a_relay_that_was_stopped_with_the_lock_makes_an_error_and_no_waiting(outbox: Path) -> None:
    fence = Fence(outbox)
    fd = os.open(f"{fence.path}.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)
    with pytest.raises(BlockingIOError, match="another relay is raising it"):
        fence.raise_to(1, "a:1")
    os.close(fd)
    assert fence.raise_to(1, "a:1").number == 1


def test_a_holder_of_any_length_leaves_a_fence_that_can_be_read(outbox: Path) -> None:
    fence = Fence(outbox)
    assert fence.raise_to(5, "회" * 1000).number == 5
    assert fence.read().holder.startswith("회회")


def _raise_often(outbox: str, numbers: list[int]) -> None:
    fence = Fence(Path(outbox))
    for number in numbers:
        while True:
            try:
                standing = fence.raise_to(number, "x:1").number
            except BlockingIOError:
                continue
            break
        assert standing >= number


def test_many_that_raise_it_at_once_leave_the_greatest(outbox: Path) -> None:
    numbers = list(range(1, 121))
    random.seed(4)
    random.shuffle(numbers)
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_raise_often, args=(str(outbox), numbers[index::3])) for index in range(3)]
    for other in others:
        other.start()
    low, fence = 0, Fence(outbox)
    while any(other.is_alive() for other in others):
        seen = fence.read().number
        assert seen >= low
        low = seen
    for other in others:
        other.join(10)
    assert [other.exitcode for other in others] == [0, 0, 0]
    assert fence.read().number == 120
