"""Any split of bytes and any order of events give the same answers and the same records as one delivery at a time.

PLAYBOOK_EXAMPLES: how many examples each; `python -m bench.relay_faults playbooks` asks for many.
"""

import os
from collections.abc import Sequence
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from relay.config import Backoff, Codes, Records, RequestLayout
from relay.receiving.session import Do
from relay.record import Layout
from relay.sending.delivery import Delivery
from relay.sending.words import (
    NEXT_FILE,
    Action,
    Answered,
    Archive,
    Attempt,
    Broken,
    Changed,
    Destination,
    Fail,
    Fault,
    File,
    Gone,
    Held,
    Release,
    Sent,
    Unfit,
)
from relay.sending.words import Event as Happening
from tests.relay.playbook import Blocked, Desk, Ended, Event, Kicked, Later, Play, Received, Stored, Unblocked, play
from tests.relay.records import columns, request

EXAMPLES: Final = int(os.environ.get("PLAYBOOK_EXAMPLES", "0"))
LONG: Final = EXAMPLES or 500
BOUNDED: Final = settings(max_examples=LONG)

# Sessions.

SMALL: Final = Layout(Records(request=RequestLayout(max_bytes=120)), Codes())
GOOD: Final = [request(number, text) for number in range(1, 5) for text in ("a", "b", "가나")]  # each number with three contents
BAD: Final = [
    b"\n",
    b"bad\n",
    b"\xff\xfe\n",
    b"\x00\n",
    columns("REQ", "", "x"),
    columns("RES", "1", "200"),
    b"0099" + request(9)[4:],
    b"\r\n",
]
LINES: Final = st.lists(st.sampled_from(GOOD) | st.sampled_from(BAD), min_size=1, max_size=15)
TAIL: Final = st.sampled_from([b"", b"0062|REQ|000000007|2026", b"x" * 119, b"y" * 200, b"z" * 130 + b"\n"])
CUTS: Final = st.lists(st.integers(1, 60), max_size=30)
BETWEEN: Final = st.lists(
    st.sampled_from([Stored(), Stored(), Kicked(), Blocked(), Unblocked(), Later(1.0)]) | st.none(),
    max_size=40,
)


def pieces_of(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    found = []
    for cut in cuts:
        found.append(data[:cut])
        data = data[cut:]
    return [piece for piece in (*found, data) if piece]


class Shell:
    """What is around a session: it reads only while the session wants it to, and hears no more after the end."""

    def __init__(self, conversation: Play) -> None:
        self.play = conversation
        self.is_reading = True
        self.is_over = False

    def tell(self, event: Event) -> None:
        if self.is_over or (isinstance(event, Stored) and not self.play.desk.batches):
            return
        self.play >> event
        self._obey()

    def _obey(self) -> None:
        for action in self.play.actions:
            if action is Do.PAUSE:
                self.is_reading = False
            elif action in (Do.RESUME, Do.FINISH):
                self.is_reading = True
            elif action in (Do.CLOSE, Do.ABORT):
                self.is_over = True
        self.play.actions.clear()

    def say(self, data: bytes) -> None:
        """Waits until it is read; a shell that is told to pause leaves the bytes in the kernel."""
        for _ in range(20):
            if self.is_reading or self.is_over:
                break
            self.tell(Stored())
            self.tell(Unblocked())
        assert self.is_reading or self.is_over, "it never reads again"
        self.tell(Received(data))

    def end(self) -> None:
        self.tell(Unblocked())
        self.tell(Ended())
        while self.play.desk.batches:
            self.play.desk.decide(True)
            self._obey()


def one_at_a_time(talk: bytes) -> tuple[bytes, bytes, dict[int, int]]:
    """What is answered, stored and counted when each line is stored before the next one comes."""
    shell = Shell(play(Desk(SMALL)))
    for line in (
        talk.splitlines(keepends=True)
        if b"\r" not in talk
        else [part + b"\n" for part in talk.split(b"\n")[:-1]] + [talk.rpartition(b"\n")[2]]
    ):
        if line:
            shell.say(line)
        while shell.play.desk.batches:
            shell.play.desk.decide(True)
            shell._obey()
    shell.end()
    return shell.play.sent, shell.play.stored, shell.play.session.counters.naks


@BOUNDED
@given(LINES, TAIL, CUTS, BETWEEN)
def test_any_split_and_any_interleaving_give_the_answers_and_records_of_one_delivery_at_a_time(
    lines: list[bytes], tail: bytes, cuts: list[int], between: list[Event | None]
) -> None:
    talk = b"".join(lines) + tail
    shell = Shell(play(Desk(SMALL)))
    events = iter(between)
    for piece in pieces_of(talk, cuts):
        shell.say(piece)
        if (event := next(events, None)) is not None:
            shell.tell(event)
    shell.end()
    assert (shell.play.sent, shell.play.stored, shell.play.session.counters.naks) == one_at_a_time(talk)


@BOUNDED
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(GOOD)), max_size=20), st.lists(st.booleans(), max_size=20))
def test_what_one_partner_was_told_holds_for_all_whatever_batches_are_lost(talk: list[tuple[int, bytes]], fates: list[bool]) -> None:
    """Three partners with the same numbers: a 200 is for what is stored, a number is stored once, and nobody waits for ever."""
    desk = Desk(SMALL)
    shells = [Shell(Play(desk)) for _ in range(3)]
    decided = iter(fates)
    stored: list[bytes] = []
    for who, line in talk:
        shells[who].say(line)
        if (fate := next(decided, None)) is not None and desk.batches:
            stored += _decide(desk, fate)
    while desk.batches:
        stored += _decide(desk, True)
    keys = [line.split(b"|")[2] for line in stored]
    assert len(keys) == len(set(keys))
    for who, shell in enumerate(shells):
        said = [line for speaker, line in talk if speaker == who]
        answers = shell.play.sent.splitlines()
        assert len(answers) == len(said)
        for line, answer in zip(said, answers, strict=True):
            _, _, key, code = answer.split(b"|")
            assert key == line.split(b"|")[2]
            assert code in (b"200", b"409", b"503")
            assert code != b"200" or line in stored


def _decide(desk: Desk, is_stored: bool) -> list[bytes]:
    runs = desk.batches[min(desk.batches)]
    lines = b"".join(run.data for _, run in runs).splitlines(keepends=True)
    desk.decide(is_stored)
    return lines if is_stored else []


# Deliveries.

FATES: Final = st.sampled_from(
    [
        "200",
        "409",
        "429",
        "503",
        "record",
        "partner",
        "behind",
        "gone",
        "changed",
        "held",
        "our disk",
        "held when sent",
        "unfit",
        "wait",
        "new file",
        "taken",
        "later",
    ]
)


class Post:
    """The files around a delivery: each is in one place, and moves only along the table."""

    def __init__(self, parallel: int, *, strict: bool, gives_up: bool) -> None:
        limits = {"retries": 1, "parallel": parallel, "is_strict": strict, "gives_up": gives_up}
        self.delivery = Delivery(Codes(), Backoff(), jitter=lambda: 1.0, **limits)  # type: ignore[arg-type]
        self.most = 1 if strict else parallel
        self.now = 0.0
        self.outbox: list[str] = []
        self.flying: list[str] = []
        self.ended: dict[str, File] = {}
        self.count = 0

    def put(self) -> None:
        self.outbox.append(f"f{self.count:02}")
        self.count += 1
        self.look()

    def look(self) -> None:
        """A scan, and what may start."""
        for name in self.outbox:
            self.delivery.found(name, float(name[1:]))
        self.delivery.vanished([name for name in self.delivery.queue.known if name not in self.outbox and name not in self.flying])
        self.obey(self.delivery.choose(self.now))

    def obey(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Attempt(name):
                    self.outbox.remove(name)
                    self.flying.append(name)
                case Release(name):
                    self.flying.remove(name)
                    self.outbox.append(name)
                case Archive(name):
                    self.flying.remove(name)
                    self.ended[name] = File.ARCHIVED
                case Fail():
                    (self.outbox if action.is_queued else self.flying).remove(action.name)
                    self.ended[action.name] = File.FAILED
        self.check()

    def check(self) -> None:
        places = [*self.outbox, *self.flying, *self.ended]
        assert sorted(places) == [f"f{number:02}" for number in range(self.count)], "a file is lost, or in two places"
        assert len(self.flying) == self.delivery.in_flight <= self.most
        if self.delivery.state is Destination.PROBING:
            assert len(self.flying) <= 1, "one probe at a time"

    def happens(self, fate: str) -> None:
        if fate == "new file":
            self.put()
        elif fate == "taken" and self.outbox:
            self.ended[self.outbox.pop(0)] = File.QUEUED  # by its owner
            self.look()
        elif fate in ("later", "taken") or not self.flying:
            self.now += 40.0
            self.look()
        elif fate == "wait":
            self.now += 0.3
            self.look()
        else:
            self.decide(self.flying[0], fate)
            self.look()

    def decide(self, name: str, fate: str) -> None:
        before: dict[str, Happening] = {
            "gone": Gone(name),
            "changed": Changed(name, float(name[1:]) + 0.5),
            "held": Held(name),
            "our disk": Held(name, "Input/output error"),
            "unfit": Unfit(name, "empty"),
            "partner": Broken(name, "refused", Fault.PARTNER),
        }
        if fate == "gone":
            self.flying.remove(name)
            self.ended[name] = File.QUEUED  # in somebody else's outbox
        elif fate == "changed":  # it was not claimed
            self.flying.remove(name)
            self.outbox.append(name)
        if (event := before.get(fate)) is not None:
            self.obey(self.delivery.feed(event, self.now))
            return
        self.obey(self.delivery.feed(Sent(name), self.now))
        after: dict[str, Happening] = {
            "record": Broken(name, "reset"),
            "behind": Broken(name, "reset", Fault.BEHIND),
            "held when sent": Held(name),
        }
        self.obey(self.delivery.feed(after.get(fate) or Answered(name, int(fate)), self.now))


@BOUNDED
@given(st.lists(FATES, max_size=60), st.integers(1, 4), st.booleans(), st.booleans())
def test_any_order_of_events_leaves_each_file_in_one_place_and_no_more_in_flight_than_allowed(
    fates: list[str], parallel: int, strict: bool, gives_up: bool
) -> None:
    """No pair is missing in the tables, or this raises; and once the partner answers, every file has an end."""
    post = Post(parallel, strict=strict, gives_up=gives_up)
    for _ in range(3):
        post.put()
    for fate in fates:
        post.happens(fate)
    for _ in range(20 * post.count):
        if not post.flying and not post.outbox:
            break
        post.happens("200" if post.flying else "later")
    assert (post.flying, post.outbox) == ([], []), "a file waits for ever although its partner answers"
    ends = {state for (_, _), state in NEXT_FILE.items()} - {state for state, _ in NEXT_FILE}
    assert {*post.ended.values()} <= {*ends, File.QUEUED}
