"""Sources that are away, come, are killed and come back: the screen says it in plain words and in time, and one never disturbs another."""

import re
from collections.abc import Callable, Iterator

import pytest

from tests.lab.server import Server
from tests.stories.console import Console
from tests.stories.home import Home, until
from tests.stories.platform import INTERVAL_S, ODD_QUEUE, Platform

IN_TIME = INTERVAL_S + 3.0  # what is promised
SLACK = 3.0  # for a machine that others use, and for the way to the screen

# By source: its pane's key, a row of its data, and what is said while nobody answers.
SAID = {
    "main": ("2", r" orders +2 ", r"no broker answers at 127\.0\.0\.1:\d+ \(connection refused\); is it running\?"),
    "leanstream": ("3", r" app1-node-1 ", r"no ZooKeeper answers at 127\.0\.0\.1:\d+; is it running\?"),
    "broker-a": ("5", r" orders\.in ", r"cannot connect to http://127\.0\.0\.1:\d+/api/jolokia/: Connection refused; start"),
}


@pytest.fixture(scope="module")
def console(watched: Home) -> Iterator[Console]:
    """One for all of these stories."""
    with Console(watched.command(), watched.environment, cwd=watched.directory) as found:
        yield found


def states(home: Home) -> dict[str, str]:
    return {source["name"]: source["state"] for source in home.ask("status")["sources"]}


def all_well(home: Home) -> bool:
    return set(states(home).values()) == {"ok"}


def test_sources_that_are_dead_at_the_start_say_so_in_time_and_recover_alone(watched: Home, platform: Platform, console: Console) -> None:
    if platform.runs:  # other stories came first
        platform.stop()
        watched.run("stop")
        watched.daemon()
    console.sees("attached", r"✖ DOWN main", "✖ DOWN leanstream", "✖ DOWN broker-a", r"✖ DOWN +agent ", within=IN_TIME + SLACK)
    assert states(watched) == {"relay": "ok", "main": "down", "leanstream": "down", "heap": "ok", "broker-a": "down"}
    for key, _, words in SAID.values():
        console.press(key)
        console.until(lambda words=words: found(console, words), words)  # type: ignore[misc]
    console.press("4")
    console.until(lambda: found(console, r"gc\.log is absent"), "a log that is absent")
    with watched.partner() as partner:
        assert partner.send("the relay does not mind") == "200"
    platform.start()
    until(lambda: all_well(watched), "every source well", IN_TIME + SLACK)
    for key, row, _ in SAID.values():
        console.press(key)
        console.sees(row)
        console.loses("DOWN")
    console.press("4")
    console.sees(r"SUSPECT +agent ")
    console.press("0")
    console.sees("main over:", "leanstream over:", "broker-a over:")


def found(console: Console, words: str) -> bool:
    """A long sentence is wrapped, its words are in order all the same."""
    return re.search(words, " ".join(console.text().split())) is not None


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("broker-a", lambda platform: platform.lab.activemq_old),
        ("leanstream", lambda platform: platform.lab.zookeeper),
        ("main", lambda platform: platform.lab.kafka4),
    ],
    ids=["ActiveMQ", "ZooKeeper", "Kafka"],
)
def test_a_server_that_is_killed_leaves_its_last_rows_dimmed_disturbs_no_other_and_is_seen_to_return(
    name: str, of: Callable[[Platform], Server], watched: Home, console: Console, platform: Platform
) -> None:
    platform.start()
    until(lambda: all_well(watched), "every source well")
    key, row, words = SAID[name]
    console.press(key, "g")
    console.sees(row)
    if console.line(f"^›.*{row}"):  # the row under the cursor has its own colours
        console.press("j")
        console.loses(f"^›.*{row}")
    assert not console.is_faint(row.strip())
    server = of(platform)
    server.kill()
    console.sees(rf"✖ DOWN {name}, last seen \d+s ago", within=IN_TIME + SLACK)
    console.until(lambda: found(console, words), words)
    back = platform.start_beside(server)
    assert console.is_faint(row.strip())
    others = {other: state for other, state in states(watched).items() if other != name}
    assert set(others.values()) == {"ok"}
    assert all(source["age_s"] < IN_TIME for source in watched.ask("status")["sources"] if source["name"] != name)
    back.result(60)
    console.loses("✖ DOWN", within=IN_TIME + SLACK)
    console.sees(row)
    assert states(watched)[name] == "ok"


def test_a_broker_that_hangs_is_noticed_and_the_others_go_on(watched: Home, console: Console, platform: Platform) -> None:
    platform.start()
    until(lambda: all_well(watched), "every source well")
    console.press("5")
    server = platform.lab.activemq_old
    server.hang()
    try:
        console.sees("(▴ STALE|✖ DOWN) broker-a, last seen", within=15.0)
        assert {state for name, state in states(watched).items() if name != "broker-a"} == {"ok"}
    finally:
        server.resume()
    console.loses("(STALE|DOWN) broker-a", within=15.0)


def test_a_log_that_goes_away_and_comes_back_is_followed_again(watched: Home, console: Console, platform: Platform) -> None:
    platform.start()
    console.press("4")
    console.sees(r"SUSPECT +agent ")
    moved = platform.gc_log.rename(platform.gc_log.with_suffix(".away"))
    console.until(lambda: found(console, r"gc\.log is absent"), "a log that is absent", IN_TIME + SLACK)
    moved.rename(platform.gc_log)
    console.loses(r"gc\.log is absent", within=IN_TIME + SLACK)
    console.sees(r"SUSPECT +agent ")


def test_text_from_outside_is_shown_as_text(watched: Home, console: Console, platform: Platform) -> None:
    platform.start()
    until(lambda: all_well(watched), "every source well")
    console.press("5", ":sort name\r", "g")
    console.sees(r"^› .*\[red\]markup\[/\] ␛\]0;owned␇", r"^── \[red\]markup\[/\] ␛\]0;owned␇ &amp; \[@click=quit\]x\[/\] ─")
    console.press("enter", "esc", "2", "/odd\r")
    console.sees("UNPARSABLE +odd ", r"\\x1b\]0;owned\\x07\\x1b\[2J\[red\]markup\[/\]", r"1,a,b,c,␛\]0;owned␇")
    console.press("esc")
    with watched.partner() as partner:
        assert partner.say(b"0040|\x1b]0;owned\x07[red]x[/]|000000001|too few\n", "000000001") == "401"
        console.press("1")
        console.sees("401:1")
    assert b"\x1b]0;owned" not in console.output
    assert b"owned\x07" not in console.output

    done = watched.run("queues")
    assert "[red]markup[/] ␛]0;owned␇ &amp; [@click=quit]x[/]" in done.stdout
    assert "\x1b" not in done.stdout and "\x07" not in done.stdout
    answer = watched.ask("queues", r"^\[red\]")
    assert [queue["name"] for queue in answer["sources"][0]["data"]["queues"]] == [ODD_QUEUE]
    done = watched.run("topics", "odd")
    assert r"\x1b]0;owned\x07" in done.stdout and "\x1b" not in done.stdout
