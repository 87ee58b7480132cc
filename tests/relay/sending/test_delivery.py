"""Sending, told as a play: `what happened` in, `what to do` out. Every row of the sender's fine print that needs no socket."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config import Backoff, Codes
from relay.sending.delivery import Delivery
from relay.sending.words import (
    NEXT,
    NEXT_FILE,
    Action,
    Answered,
    Archive,
    Attempt,
    Broken,
    Changed,
    Destination,
    Event,
    Fail,
    Fault,
    File,
    Gone,
    Held,
    Release,
    Result,
    Sent,
    Step,
    Unfit,
)


class Play:
    """`>> event` happens, `<< action` must be asked for next; `later` lets time pass. Files that are released are offered again."""

    def __init__(self, names: Iterable[str], *, retries: int = 3, parallel: int = 1, strict: bool = False, gives_up: bool = False) -> None:
        self.now = 1000.0
        limits = {"retries": retries, "parallel": parallel, "is_strict": strict, "gives_up": gives_up}
        self.delivery = Delivery(Codes(), Backoff(), jitter=lambda: 1.0, **limits)  # type: ignore[arg-type]
        self.waiting = list(names)
        self.ages: dict[str, float] = {}
        self.actions: list[Action] = []
        self.look()

    def scan(self) -> None:
        for name in self.waiting:
            self.delivery.found(name, self.ages.setdefault(name, len(self.ages)))
        self.delivery.vanished([name for name in self.delivery.queue.known if name not in self.waiting])

    def look(self) -> None:
        """A scan, and what may start."""
        self.scan()
        self.actions += self.delivery.choose(self.now)

    def later(self, seconds: float) -> "Play":
        self.now += seconds
        self.look()
        return self

    def put(self, *names: str) -> "Play":
        self.waiting += names
        self.look()
        return self

    def __rshift__(self, event: Event) -> "Play":
        for action in self.delivery.feed(event, self.now):
            if isinstance(action, Archive | Fail):
                self.waiting.remove(action.name)
            self.actions.append(action)
        self.actions += self.delivery.choose(self.now)
        return self

    def __lshift__(self, expected: Action) -> "Play":
        assert self.actions, f"nothing more is asked for; expected {expected}"
        found = self.actions.pop(0)
        assert found == expected
        return self

    def fails(self, name: str, tries: int, code: int | None = None) -> "Play":
        found = self.actions.pop(0)
        assert isinstance(found, Fail), found
        assert (found.name, found.tries, found.last_code) == (name, tries, code)
        return self

    def __bool__(self) -> bool:
        assert not self.actions, f"also asked for {self.actions}"
        return True


def broken(play: Play, name: str) -> Play:
    return play >> Broken(name, "no answer") << Release(name)


def test_files_are_sent_oldest_first_one_after_the_other() -> None:
    play = Play(["a", "b"]) << Attempt("a")
    assert play >> Sent("a") >> Answered("a", 200) << Archive("a") << Attempt("b")
    assert play >> Sent("b") >> Answered("b", 200) << Archive("b")
    assert play.delivery.sent == 2


def test_at_most_parallel_are_on_their_way() -> None:
    play = Play("abcde", parallel=3) << Attempt("a") << Attempt("b") << Attempt("c")
    assert play >> Sent("b") >> Answered("b", 200) << Archive("b") << Attempt("d")


def test_strict_order_has_one_in_flight_whatever_parallel_says() -> None:
    assert Play("abc", parallel=9, strict=True) << Attempt("a")


@pytest.mark.parametrize("code", [400, 401, 402, 403, 409, 413, 404, 499])
def test_a_permanent_refusal_fails_the_file_at_once(code: int) -> None:
    play = Play("ab") << Attempt("a") >> Sent("a") >> Answered("a", code)
    assert play.fails("a", tries=1, code=code) << Attempt("b")


@pytest.mark.parametrize("code", [429, 503, 500, 201, 999])
def test_a_busy_or_unknown_answer_is_tried_again(code: int) -> None:
    play = Play("a") << Attempt("a") >> Sent("a") >> Answered("a", code) << Release("a")
    assert play.later(0.9)
    assert play.later(0.2) << Attempt("a")


def test_pauses_grow_and_the_same_file_is_the_probe() -> None:
    play = Play("ab") << Attempt("a")
    states = []
    for pause in (1.0, 2.0, 4.0):
        assert broken(play >> Sent("a"), "a")
        states.append(play.delivery.state)
        assert play.later(pause - 0.1)
        assert play.later(0.2) << Attempt("a")
        states.append(play.delivery.state)
    assert states == [Destination.BACKING_OFF, Destination.PROBING] * 3
    assert play >> Sent("a") >> Answered("a", 200) << Archive("a") << Attempt("b")
    assert play.delivery.state is Destination.UP


def test_a_pause_has_an_end() -> None:
    play = Play("a") << Attempt("a")
    for _ in range(20):
        broken(play >> Sent("a"), "a")
        play.later(30.0)
        play << Attempt("a")
    assert play.delivery.in_flight == 1


def test_while_the_destination_is_down_the_others_wait_in_the_outbox() -> None:
    play = Play("abcd", parallel=2) << Attempt("a") << Attempt("b")
    assert broken(play >> Sent("a") >> Sent("b"), "a")
    assert broken(play, "b")
    for _ in range(12):
        play.later(30.0)
        assert play.delivery.in_flight == 1
        (probe,) = play.actions
        play.actions.clear()
        assert broken(play >> Sent(probe.name), probe.name)
    assert play.waiting == ["a", "b", "c", "d"]
    assert play.delivery.failed == 0


def test_a_silent_partner_never_sends_a_file_to_failed() -> None:
    play = Play("a", retries=1) << Attempt("a")
    for _ in range(10):
        assert broken(play >> Sent("a"), "a")
        assert play.later(31.0) << Attempt("a")
    assert play >> Sent("a") >> Answered("a", 200) << Archive("a")


def test_when_unanswered_fail_gives_the_strict_contract() -> None:
    play = Play("ab", retries=2, gives_up=True) << Attempt("a")
    for pause in (1.0, 2.0):
        play >> Sent("a") >> Broken("a", "no answer") << Release("a") << Attempt("b") >> Gone("b")
        play.waiting = ["a"]
        play.later(pause - 0.01)
        assert play.later(0.02) << Attempt("a")
        play.waiting = ["a", "b"]
        play.scan()
    play >> Sent("a") >> Broken("a", "no answer")
    assert play.fails("a", tries=3) << Attempt("b")


def test_a_file_that_alone_gets_no_answer_while_others_do_fails_after_its_retries() -> None:
    play = Play(["poison", "b"], retries=2, parallel=2) << Attempt("poison") << Attempt("b")
    for name, following in (("b", "c"), ("c", "d")):
        assert broken(play >> Sent("poison"), "poison")
        play.waiting.append(following)
        play.scan()
        assert play >> Sent(name) >> Answered(name, 200) << Archive(name) << Attempt(following)
        assert play.later(10.0) << Attempt("poison")
    assert broken(play >> Sent("poison"), "poison")
    play >> Sent("d") >> Answered("d", 200) << Archive("d")
    assert play.fails("poison", tries=3)


def test_a_file_without_an_answer_while_others_are_answered_stops_nobody() -> None:
    play = Play(["poison", "b"], retries=1, parallel=2) << Attempt("poison") << Attempt("b")
    play.now += 1.0
    assert play >> Sent("poison") >> Sent("b") >> Answered("b", 200) << Archive("b")
    assert broken(play, "poison")
    assert play.delivery.state is Destination.UP
    assert play.put("c") << Attempt("c")
    assert play.later(2.0) << Attempt("poison")
    play.now += 1.0
    play >> Sent("poison") >> Sent("c") >> Answered("c", 200) << Archive("c") >> Broken("poison", "no answer")
    assert play.fails("poison", tries=2)


def test_a_poisoned_file_does_not_block_the_others_for_ever_even_alone() -> None:
    play = Play(["poison", *"bcdefg"], retries=2) << Attempt("poison")
    delivered: list[str] = []
    for _ in range(30):
        name = play.delivery._in_flight.copy().pop() if play.delivery.in_flight else None
        if name == "poison":
            play >> Sent(name) >> Broken(name, "reset")
        elif name:
            play >> Sent(name) >> Answered(name, 200)
            delivered.append(name)
        play.later(31.0)
    assert delivered == list("bcdefg")
    assert [action.name for action in play.actions if isinstance(action, Fail)] == ["poison"]
    assert play.waiting == []


def test_files_that_failed_together_are_not_blamed_when_the_partner_is_back() -> None:
    play = Play("abcd", retries=0, parallel=4) << Attempt("a") << Attempt("b") << Attempt("c") << Attempt("d")
    for name in "abcd":
        assert broken(play >> Sent(name), name)
    assert play.later(31.0) << Attempt("a")
    play >> Sent("a") >> Answered("a", 200) << Archive("a") << Attempt("b") << Attempt("c") << Attempt("d")
    assert play.delivery.failed == 0


def test_failures_of_files_on_their_way_do_not_lengthen_the_pause() -> None:
    play = Play("abcd", parallel=4) << Attempt("a") << Attempt("b") << Attempt("c") << Attempt("d")
    for name in "abcd":
        broken(play >> Sent(name), name)
    assert play.later(1.01) << Attempt("a")


def test_who_was_behind_the_culprit_on_a_connection_loses_no_try() -> None:
    play = Play("ab", parallel=2) << Attempt("a") << Attempt("b") >> Sent("a") >> Sent("b")
    play >> Broken("a", "garbled") << Release("a")
    assert play >> Broken("b", "garbled", Fault.BEHIND) << Release("b")
    assert play.later(1.01) << Attempt("a")
    assert play >> Sent("a") >> Answered("a", 200) << Archive("a") << Attempt("b")
    assert play.delivery.retries == 1


def test_a_file_that_is_gone_is_no_failure() -> None:
    play = Play("ab") << Attempt("a")
    play.waiting.remove("a")
    assert play >> Gone("a") << Attempt("b")
    assert play.delivery.state is Destination.UP


def test_a_file_that_does_not_fit_fails_without_a_try() -> None:
    play = Play("ab") << Attempt("a") >> Unfit("a", "empty")
    assert play.fails("a", tries=0) << Attempt("b")


def test_a_probe_that_could_not_be_sent_is_followed_by_another() -> None:
    play = Play("ab") << Attempt("a")
    assert broken(play >> Sent("a"), "a")
    assert play.later(1.1) << Attempt("a")
    play.waiting.remove("a")
    assert play >> Gone("a") << Attempt("b")
    assert play.delivery.state is Destination.PROBING


def test_an_outage_blames_no_file_however_often_it_was_the_probe() -> None:
    play = Play("abc", retries=1) << Attempt("a")
    for _ in range(12):
        name = next(iter(play.delivery._in_flight))
        play >> Sent(name) >> Broken(name, "no answer") << Release(name)
        play.later(31.0)
        play.actions.clear()
    for _ in range(3):
        name = next(iter(play.delivery._in_flight))
        play >> Sent(name) >> Answered(name, 200)
        play.later(31.0)
    assert (play.delivery.sent, play.delivery.failed) == (3, 0)


def test_a_partner_that_refuses_connections_blames_no_file() -> None:
    play = Play("ab", retries=0) << Attempt("a")
    for _ in range(7):
        name = next(iter(play.delivery._in_flight))
        play >> Broken(name, "connection refused", Fault.PARTNER)
        play.later(31.0)
    name = next(iter(play.delivery._in_flight))
    play >> Sent(name) >> Answered(name, 200)
    assert play.delivery.failed == 0
    assert play.delivery.state is Destination.UP


def test_a_file_that_was_held_was_not_tried() -> None:
    play = Play("ab") << Attempt("a")
    assert play >> Held("a") << Release("a") << Attempt("a")
    assert play >> Sent("a") >> Held("a") << Release("a") << Attempt("a")
    assert play.delivery.retries == 0
    assert play.delivery.state is Destination.UP


def test_a_file_that_our_disk_holds_waits_long_and_the_others_go() -> None:
    play = Play("ab") << Attempt("a")
    assert play >> Held("a", "cannot be read") << Release("a") << Attempt("b")
    assert play >> Sent("b") >> Answered("b", 200) << Archive("b")
    assert play.delivery.last_error == "a: cannot be read"
    assert play.later(29.0)
    assert play.later(2.0) << Attempt("a")


def test_a_file_that_changed_goes_to_the_place_of_its_new_age() -> None:
    play = Play("abc") << Attempt("a")
    play.ages["a"] = 9.0
    assert play >> Changed("a", 9.0) << Attempt("b")
    assert play >> Sent("b") >> Answered("b", 200) << Archive("b") << Attempt("c")
    assert play >> Sent("c") >> Answered("c", 200) << Archive("c") << Attempt("a")


def test_a_probe_that_was_held_is_followed_by_another_at_once() -> None:
    play = Play("a") << Attempt("a")
    assert broken(play >> Sent("a"), "a")
    assert play.later(1.1) << Attempt("a")
    assert play >> Held("a") << Release("a") << Attempt("a")
    assert play >> Sent("a") >> Broken("a", "closed", Fault.BEHIND) << Release("a") << Attempt("a")


def test_a_file_that_failed_comes_back_to_its_own_place() -> None:
    play = Play("abc", parallel=2) << Attempt("a") << Attempt("b")
    assert play >> Sent("b") >> Broken("b", "no answer") << Release("b")
    play >> Sent("a") >> Answered("a", 200) << Archive("a")
    assert play << Attempt("c")
    assert play.later(1.1) << Attempt("b")


def test_in_strict_order_a_file_that_failed_holds_up_those_behind_it() -> None:
    play = Play("ab", strict=True, gives_up=True, retries=1) << Attempt("a")
    assert broken(play >> Sent("a"), "a")
    assert play.later(1.1) << Attempt("a")
    play >> Sent("a") >> Broken("a", "no answer")
    assert play.fails("a", tries=2) << Attempt("b")


def test_an_older_file_that_comes_late_goes_first() -> None:
    play = Play("ab") << Attempt("a")
    play.ages["older"] = -1.0
    assert play.put("older")
    assert play >> Sent("a") >> Answered("a", 200) << Archive("a") << Attempt("older")


def test_all_that_is_in_flight_can_be_recalled() -> None:
    play = Play("abc", parallel=2) << Attempt("a") << Attempt("b")
    play >> Sent("a")
    assert sorted(play.delivery.recall()) == [Release("a"), Release("b")]
    assert play.delivery.in_flight == 0
    assert play.later(0.0) << Attempt("a") << Attempt("b")


def test_files_that_have_not_settled_are_not_chosen() -> None:
    play = Play("")
    play.delivery.found("a", 10.0)
    assert play.delivery.choose(play.now, before=9.0) == []
    assert play.delivery.oldest_at == 10.0
    assert play.delivery.choose(play.now, before=10.0) == [Attempt("a")]


def test_it_says_when_to_look_again() -> None:
    play = Play("a") << Attempt("a")
    assert play.delivery.wake_at(play.now) is None
    assert broken(play >> Sent("a"), "a")
    assert play.delivery.wake_at(play.now) == play.now + 1.0
    assert play.delivery.next_try_at == play.now + 1.0


def test_codes_are_those_of_the_configuration() -> None:
    codes = Codes(accepted=100, busy=450, conflict=777)
    delivery = Delivery(codes, Backoff(), retries=3, parallel=3, is_strict=False, gives_up=False, jitter=lambda: 1.0)
    for name in "abc":
        delivery.found(name, 0.0)
    assert len(delivery.choose(0.0)) == 3
    for name in "abc":
        delivery.feed(Sent(name), 0.0)
    assert delivery.feed(Answered("a", 100), 0.0) == [Archive("a")]
    assert isinstance(delivery.feed(Answered("b", 777), 0.0)[0], Fail)
    assert delivery.feed(Answered("c", 450), 0.0) == [Release("c")]


def test_every_state_of_the_tables_can_be_left_or_is_an_end() -> None:
    assert {state for state, _ in NEXT} == set(Destination)
    assert {result for _, result in NEXT} == set(Result)
    ends = set(File) - {state for state, _ in NEXT_FILE}
    assert ends == {File.ARCHIVED, File.FAILED}
    assert {step for _, step in NEXT_FILE} == set(Step)


FAULTS = {"broken": Fault.RECORD, "behind": Fault.BEHIND, "down": Fault.PARTNER}
OUTCOMES = st.sampled_from(["ok", "refused", "busy", *FAULTS, "gone", "unfit", "held", "stuck", "changed", "down at once"])


@given(st.lists(OUTCOMES, max_size=80), st.integers(1, 4), st.booleans(), st.booleans())
def test_no_file_is_ever_lost_or_sent_twice_at_once(outcomes: list[str], parallel: int, strict: bool, gives_up: bool) -> None:
    """Whatever the partner does: each file is in exactly one of waiting, in flight, archived, failed, or gone."""
    play = Play([f"f{number}" for number in range(6)], parallel=parallel, strict=strict, gives_up=gives_up, retries=2)
    flying: list[str] = []
    ended: list[str] = []
    for outcome in outcomes:
        for action in play.actions:
            if isinstance(action, Attempt):
                assert action.name not in flying
                flying.append(action.name)
            elif isinstance(action, Archive | Fail):
                ended.append(action.name)
        play.actions.clear()
        assert len(flying) == play.delivery.in_flight <= parallel
        if not flying:
            play.later(31.0)
            continue
        name = flying.pop(0)
        if outcome in ("gone", "unfit"):
            if outcome == "gone":
                play.waiting.remove(name)
                ended.append(name)
            play >> (Gone(name) if outcome == "gone" else Unfit(name, "empty"))
            continue
        if outcome in ("held", "stuck", "changed", "down at once"):
            play.ages[name] += outcome == "changed"
            events: dict[str, Event] = {"held": Held(name), "stuck": Held(name, "EIO"), "changed": Changed(name, play.ages[name])}
            play >> events.get(outcome, Broken(name, "connection refused", Fault.PARTNER))
            continue
        play >> Sent(name)
        answers = {"ok": 200, "refused": 409, "busy": 429}
        play >> (Answered(name, answers[outcome]) if outcome in answers else Broken(name, "reset", FAULTS[outcome]))
    ended += [action.name for action in play.actions if isinstance(action, Archive | Fail)]
    assert sorted({*ended, *play.waiting}) == [f"f{number}" for number in range(6)]
    assert len(ended) == len(set(ended))
