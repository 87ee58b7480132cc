"""Two real brokers in one list, of which one is killed: the other is watched and worked on as before."""

from collections.abc import Iterator

import pytest

from tests.lab.activemq import PASSWORD, USER, ActiveMQ, ask_jolokia, queue_sizes
from tests.lab.stomp_client import Stomp
from tests.stories.console import Console
from tests.stories.home import Home
from tests.stories.home import home as new_home
from tests.stories.platform import Platform
from tests.stories.test_queue_actions import BROKER

QUEUE = "tb.orders"  # on both
DOWN_WITHIN = 8.0


@pytest.fixture
def brokers(platform: Platform, activemq_hardened: ActiveMQ) -> Iterator[dict[str, ActiveMQ]]:
    platform.start()
    found = {"mortal": platform.lab.activemq_old, "immortal": activemq_hardened}
    for server in found.values():
        put(server, "one", "two")
    yield found
    for server in found.values():
        server.start()
        ask_jolokia(server.jolokia, {"type": "exec", "mbean": BROKER, "operation": "removeQueue", "arguments": [QUEUE]})


@pytest.fixture
def both(brokers: dict[str, ActiveMQ]) -> Iterator[Home]:
    login = {"user": USER, "password": {"env": "ACTIVEMQ_PASSWORD"}, "write": True, "interval": "1s"}
    sections = [{"name": name, "jolokia": server.jolokia, "stomp": server.stomp, **login} for name, server in brokers.items()]
    with new_home({"activemq": sections}) as home:
        home.environment["ACTIVEMQ_PASSWORD"] = PASSWORD
        home.daemon()
        yield home


def put(server: ActiveMQ, *bodies: str) -> None:
    stomp = Stomp(server.stomp)
    for body in bodies:
        stomp.send(QUEUE, body, confirm=True)
    stomp.close()


def test_one_of_two_brokers_is_killed_and_the_other_goes_on(both: Home, brokers: dict[str, ActiveMQ]) -> None:
    console = both.console("--view", "queues", size=(120, 40))
    console.sees(r"── Queues \d", "mortal", "immortal")
    console.press("/", f"^{QUEUE} ", "enter")
    console.sees(row("mortal", 2), row("immortal", 2), "── Queues 2 of")
    brokers["mortal"].kill()
    console.sees("✖ DOWN mortal, last seen", within=DOWN_WITHIN)
    console.loses("DOWN immortal")

    put(brokers["immortal"], "three")
    console.sees(row("immortal", 3))  # still counted
    stand(console, "mortal")
    console.press("P")
    console.sees("mortal is down: nothing can be asked of it now")
    stand(console, "immortal")
    console.press("D")
    console.sees(f"Delete {QUEUE} on immortal", "3 messages", rf"Type {QUEUE} and Enter")
    console.press(QUEUE, "enter")
    console.sees(f"deleted '{QUEUE}' with 3 pending: it is gone")
    assert QUEUE not in queue_sizes(brokers["immortal"].jolokia)

    done = both.run("queues", QUEUE)
    assert "mortal" in done.stderr and "cannot connect" in done.stderr
    done = both.run("send-message", QUEUE, "--body", "x", "--broker", "mortal", "--yes")
    assert done.returncode == 69 and "activemq[0].jolokia" in done.stderr
    assert QUEUE not in queue_sizes(brokers["immortal"].jolokia)

    brokers["mortal"].start()
    console.sees(row("mortal", 2), within=30)  # persistent: they are there again
    console.loses("DOWN mortal")


def row(broker: str, pending: int) -> str:
    return rf" {QUEUE} +{broker} +{pending} "


def stand(console: Console, broker: str) -> None:
    console.press("g")
    if not console.line(rf"^›.* {broker} "):
        console.press("j")
    console.sees(rf"^›.* {broker} ")
