"""What an operator does to the queues of a real broker on a real terminal; what came of it is looked at by another client."""

import re
from collections.abc import Iterator

import pytest

from tests.lab.activemq import PASSWORD, USER, ActiveMQ, ask_jolokia, queue_sizes
from tests.lab.stomp_client import Frame, Stomp
from tests.stories.console import Console
from tests.stories.home import Home
from tests.stories.home import home as new_home

PREFIX = "sy."
BROKER = "org.apache.activemq:type=Broker,brokerName=localhost"
SIZES = {"activemq_old": (120, 40), "activemq_hardened": (80, 24)}


class Desk:
    """A broker of the lab, a console over it, and a client of the test's own."""

    def __init__(self, server: ActiveMQ, home: Home) -> None:
        self.server, self.home = server, home
        self.console: Console

    def opens(self, *words: str) -> Console:
        self.console = self.home.console("--view", "queues", *words, size=SIZES[self.server.name])
        self.console.sees("── Queues ")
        return self.console

    def stands_on(self, name: str) -> None:
        """The list shows this queue alone."""
        self.console.press("esc", "/", f"^{re.escape(PREFIX + name)} ", "enter")
        self.console.sees(rf"^› .*{re.escape(PREFIX + name)}")

    def fill(self, name: str, *bodies: str, **headers: str) -> None:
        stomp = Stomp(self.server.stomp)
        for body in bodies:
            stomp.send(PREFIX + name, body, confirm=True, **headers)
        stomp.close()

    def taken(self, name: str, count: int) -> list[Frame]:
        """The first messages of the queue, as a consumer gets them; they stay there."""
        stomp = Stomp(self.server.stomp)
        stomp.subscribe(PREFIX + name, "client", count)
        found = [frame for frame in (stomp.receive() for _ in range(count)) if frame is not None]
        stomp.close()
        return found

    def pending(self, name: str) -> int | None:
        return queue_sizes(self.server.jolokia).get(PREFIX + name)

    def attribute(self, name: str, attribute: str) -> object:
        mbean = f"{BROKER},destinationType=Queue,destinationName={PREFIX + name}"
        return ask_jolokia(self.server.jolokia, {"type": "read", "mbean": mbean, "attribute": attribute})["value"]

    def reject(self, name: str, count: int) -> None:
        """A consumer refuses what it gets: dead letters come of it."""
        stomp = Stomp(self.server.stomp)
        stomp.subscribe(PREFIX + name, "client-individual", 1)
        for _ in range(count):
            frame = stomp.receive()
            assert frame is not None
            stomp.nack(frame)
        stomp.close()

    def clean(self) -> None:
        for name in queue_sizes(self.server.jolokia):
            if name.startswith(PREFIX):
                ask_jolokia(self.server.jolokia, {"type": "exec", "mbean": BROKER, "operation": "removeQueue", "arguments": [name]})


def sections(server: ActiveMQ, *, write: bool = True) -> dict[str, object]:
    login = {"user": USER, "password": {"env": "ACTIVEMQ_PASSWORD"}}
    broker = {"name": "lab", "jolokia": server.jolokia, "stomp": server.stomp, **login, "write": write, "interval": "1s"}
    return {"activemq": [{**broker, "queues": {"exclude": []}}]}


@pytest.fixture(params=SIZES)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    server: ActiveMQ = request.getfixturevalue(request.param)
    with new_home(sections(server)) as home:
        home.environment["ACTIVEMQ_PASSWORD"] = PASSWORD
        home.daemon()
        desk = Desk(server, home)
        desk.clean()
        yield desk
        desk.clean()


def test_a_purge_asks_for_the_name_and_takes_no_other(desk: Desk) -> None:
    desk.fill("purge", "a", "b", "c")
    console = desk.opens()
    desk.stands_on("purge")
    console.press("X")
    console.sees(r"Purge sy\.purge", "3 pending messages will be gone for good", r"Type sy\.purge and Enter:")
    console.press("sy.purg", "enter")
    console.sees("that is not the name")
    assert desk.pending("purge") == 3
    console.press("e", "enter")
    console.sees(r"purged .*sy\.purge 3 -> 0")
    assert desk.pending("purge") == 0
    audit = (desk.home.relay / "audit.log").read_text()
    assert audit.count('"verb":"purge"') == 2 and '"phase":"before"' in audit and "sy.purge 3 -> 0" in audit


def test_a_queue_is_made_paused_resumed_and_deleted(desk: Desk) -> None:
    console = desk.opens()
    console.press("n")
    console.sees("New queue")
    console.press("sy.new", "enter")
    console.sees(r"sy\.new", "Create")
    console.press("y")
    console.sees("created")
    assert desk.pending("new") == 0
    desk.stands_on("new")
    console.press("P")
    console.sees(r"Pause sy\.new")
    console.press("y")
    console.sees("PAUSED")
    assert desk.attribute("new", "Paused") is True
    console.press("P")
    console.sees("go on")
    console.press("y")
    console.loses("PAUSED")
    assert desk.attribute("new", "Paused") is False
    console.press("D")
    console.sees(r"Delete sy\.new", r"Type sy\.new and Enter:")
    console.press("sy.new", "enter")
    console.sees("deleted")
    assert desk.pending("new") is None


def test_what_is_sent_is_what_a_consumer_gets(desk: Desk) -> None:
    desk.fill("send", "first")
    console = desk.opens()
    desk.stands_on("send")
    console.press("S")
    console.sees(r"Send to sy\.send")
    console.press("두 줄의", "enter", "본문 €", "tab", "enter")
    console.sees(r"'sy\.send'", "Cancel")
    console.press("y")
    console.sees(r"sent 1 message to sy\.send")
    first, second = desk.taken("send", 2)
    assert first.body == b"first"
    assert (second.body.decode(), second.headers["persistent"], second.headers["priority"]) == ("두 줄의\n본문 €", "true", "4")


def test_messages_are_moved_and_marked_ones_copied_and_removed(desk: Desk) -> None:
    desk.fill("from", *(f"message {number}" for number in range(5)))
    desk.fill("to", "there before")
    console = desk.opens()
    desk.stands_on("from")
    console.press("b")
    console.sees(r"1-5 of 5 messages of sy\.from", "message 3")
    console.press("space", "space", "C")
    console.sees(r"Copy messages of sy\.from", "these 2")
    console.press("sy.to", "enter")
    console.sees(r"copy 2 named messages of 'sy\.from' \(5 pending\)", "▴ what was copied")
    console.press("y")
    console.sees(r"copied 2 messages from sy\.from to sy\.to")
    assert (desk.pending("from"), desk.pending("to")) == (5, 3)
    console.press("space", "D")
    console.sees(r"Remove messages of sy\.from")
    console.press("enter")
    console.sees("remove 1 named message", "Cancel")
    console.press("y")
    console.sees(r"removed 1 message from sy\.from")
    assert desk.pending("from") == 4
    console.press("esc")
    console.loses("messages of sy.from")
    console.press("M")
    console.sees(r"Move messages of sy\.from")
    console.press("sy.to", "enter")
    console.sees(r"'sy\.to', which has 3 pending", "is dropped there", "Cancel")
    console.press("y")
    console.sees(r"the broker says 4 messages were moved; sy\.to has got 2 more: sy\.from 4 -> 0,", r"sy\.to 3 -> 5", "duplicate")
    assert (desk.pending("from"), desk.pending("to")) == (0, 5), "the copies of two were there before"


def test_all_messages_of_a_queue_are_moved(desk: Desk) -> None:
    desk.fill("all", *(f"message {number}" for number in range(7)))
    console = desk.opens()
    desk.stands_on("all")
    console.press("M")
    console.sees(r"Move messages of sy\.all")
    console.press("sy.target", "enter")
    console.sees(r"move all 7 messages of 'sy\.all'", "which does not exist: it is created", "Cancel")
    console.press("y")
    console.sees(r"moved 7 messages from sy\.all to sy\.target: sy\.all 7 -> 0, sy\.target 0 -> 7")
    assert [frame.body for frame in desk.taken("target", 2)] == [b"message 0", b"message 1"]


def test_dead_letters_go_back_to_where_they_came_from(desk: Desk) -> None:
    desk.fill("work", "poison")
    desk.reject("work", 1)
    console = desk.opens()
    console.press("/", r"^ActiveMQ\.DLQ", "enter")
    console.sees(r"^› .*ActiveMQ\.DLQ")
    console.press("b")
    console.sees("messages? of ActiveMQ.DLQ")
    console.press("/", "poison", "enter")
    console.sees("1 found in [0-9]+ of [0-9]+ message", "Text  poison")
    console.press("space", "R")
    console.sees("Send dead letters of ActiveMQ.DLQ on lab", "this one|these 1")
    console.press("enter")
    console.sees("retry 1 named message of 'ActiveMQ.DLQ'")
    console.press("y")
    console.sees("retried 1 message")
    assert desk.pending("work") == 1


def test_what_the_configuration_forbids_is_grey_and_nothing_is_done(activemq_old: ActiveMQ) -> None:
    with new_home(sections(activemq_old, write=False)) as home:
        home.environment["ACTIVEMQ_PASSWORD"] = PASSWORD
        home.daemon()
        desk = Desk(activemq_old, home)
        desk.fill("kept", "a")
        console = desk.opens()
        desk.stands_on("kept")
        console.press("X")
        console.sees(r"read-only: activemq\[0\]\.write is false")
        assert desk.pending("kept") == 1
        assert not re.search(r"\bX purge\b", console.text())
        desk.clean()


def test_a_window_lets_one_act_for_a_while_and_ends(activemq_old: ActiveMQ) -> None:
    with new_home({**sections(activemq_old), "console": {"write": False}}) as home:
        home.environment["ACTIVEMQ_PASSWORD"] = PASSWORD
        home.daemon()
        desk = Desk(activemq_old, home)
        desk.fill("window", "a")
        console = desk.opens()
        desk.stands_on("window")
        console.press("X")
        console.sees("read-only: :write 10m allows actions for a while")
        console.press(":", "write 10m", "enter")
        console.sees("actions are allowed for 10 min", "WRITE 9m")
        console.press("X")
        console.sees(r"Type sy\.window and Enter:")
        console.press("sy.window", "enter")
        console.sees("purged")
        assert desk.pending("window") == 0
        console.press(":", "write off", "enter")
        console.sees(r"\[RO\]")
        console.press("X")
        console.sees("read-only: :write 10m")
        desk.clean()
