"""Sources that are away, come, are killed and come back: the screen says it in plain words and in time, and one never disturbs another."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.stories.console import Console
from tests.stories.home import Home, until
from tests.stories.platform import INTERVAL_S, ODD_QUEUE, Platform

IN_TIME = INTERVAL_S + 3.0  # what is promised
SLACK = 3.0  # for a machine that others use, and for the way to the screen


class Said(NamedTuple):
    key: str  # of the pane
    row: str  # of its data
    words: str  # while nobody answers


SAID = {
    "main": Said("2", r" orders +2 ", r"no broker answers at 127\.0\.0\.1:\d+ \(connection refused\); is it running\?"),
    "leanstream": Said("3", r" app1-node-1 ", r"no ZooKeeper answers at 127\.0\.0\.1:\d+; is it running\?"),
    "broker-a": Said("5", r" orders\.in ", r"cannot connect to http://127\.0\.0\.1:\d+/api/jolokia/: Connection refused; start"),
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


def test_servers_that_are_killed_leave_their_rows_dimmed_disturb_no_other_and_are_seen_to_return(
    watched: Home, console: Console, platform: Platform
) -> None:
    platform.start()
    until(lambda: all_well(watched), "every source well")
    servers = {"main": platform.lab.kafka4, "broker-a": platform.lab.activemq_old, "leanstream": platform.lab.zookeeper}
    untouched, returning = {"relay", "heap", *servers}, []
    for name, server in servers.items():
        stand_beside(console, name)
        assert not console.is_faint(SAID[name].row.strip())
        server.kill()
        untouched.remove(name)
        console.sees(rf"✖ DOWN {name}, last seen \d+s ago", within=IN_TIME + SLACK)
        returning.append(platform.start_beside(server))
        console.until(lambda words=SAID[name].words: found(console, words), SAID[name].words)  # type: ignore[misc]
        assert console.is_faint(SAID[name].row.strip())
        others = [source for source in watched.ask("status")["sources"] if source["name"] in untouched]
        assert all(source["state"] == "ok" and source["age_s"] < IN_TIME for source in others)
    for back in returning:
        back.result(60)
    until(lambda: all_well(watched), "every source well", IN_TIME + SLACK)
    for name in servers:
        console.press(SAID[name].key)
        console.sees(SAID[name].row)
        console.loses("DOWN", within=IN_TIME)
        console.until(lambda row=SAID[name].row: not console.is_faint(row.strip()), "rows that are certain again")  # type: ignore[misc]


def stand_beside(console: Console, name: str) -> None:
    """In its pane, on another row than the one that is looked at: the row under the cursor has its own colours."""
    console.press(SAID[name].key, "g")
    console.sees(SAID[name].row)
    if console.line(f"^›.*{SAID[name].row}"):
        console.press("j")
        console.loses(f"^›.*{SAID[name].row}")


def test_text_from_outside_is_shown_as_text(watched: Home, console: Console, platform: Platform) -> None:
    platform.start()
    until(lambda: all_well(watched), "every source well")
    console.press("5", ":sort name\r", "g")
    console.sees(r"^› .*\[red\]markup\[/\] ␛\]0;owned", r"^── \[red\]markup\[/\] ␛\]0;owned␇ &amp; \[@click=quit\]x\[/\] ─")
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
