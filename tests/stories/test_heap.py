"""Two real agents, one on each JVM, that leak until they hang, are killed and come back: what an operator sees of it on pane 4."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import jars
from tests.lab.agent import AgentServer
from tests.lab.server import kill_together, start_together
from tests.lab.truth import Agent
from tests.stories.console import Console
from tests.stories.home import Home, home

AGENTS = (
    Agent("agent-17", "leaking", "parallel", 24, 2000, rest_s=300),
    Agent("agent-newest", "leaking", "g1", 24, 2000, "newest", rest_s=300),
)
HANGS_WITHIN_S = 45.0  # the heap is full after some ten seconds; the machine may be busy
RETURNS_WITHIN_S = 20.0
AFTERWARDS_S = 4.0  # four rounds of the source
ON_THE_WAY = {"OK", "SUSPECT", "LEAK", "THRASHING", "HANG"}
FALSE_OF_THE_DEAD = {"OK", "SILENT", "ENDED", "STUCK", "UNKNOWN", "DOWN"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[AgentServer]]:
    root, class_path = tmp_path_factory.mktemp("leaking"), jars.class_paths(["agent"])["agent"]
    made = [AgentServer(agent, root / agent.name, class_path) for agent in AGENTS]
    yield made
    kill_together(made)


@pytest.fixture(scope="module")
def watched(servers: list[AgentServer]) -> Iterator[Home]:
    """A daemon that follows both logs, which are not there yet."""
    with home({"heap": [{"name": server.name, "path": str(server.gc_log)} for server in servers]}) as found:
        found.daemon()
        yield found


@pytest.fixture(scope="module")
def console(watched: Home) -> Iterator[Console]:
    """One for all of these stories, which follow each other."""
    with Console(watched.command(), watched.environment, cwd=watched.directory) as found:
        found.sees("attached")
        found.press("4")
        yield found


def word(console: Console, name: str) -> str:
    """The verdict in the row of this agent, "" while there is none."""
    found = re.search(rf"(\w+) +{name} ", console.text())
    return found[1] if found else ""


def test_leaking_agents_are_well_then_suspect_and_in_the_end_they_hang(servers: list[AgentServer], console: Console) -> None:
    names = [server.name for server in servers]
    console.sees(*(rf"DOWN +{name} " for name in names))
    start_together(servers)
    seen: dict[str, list[str]] = {name: [] for name in names}

    def all_hang() -> bool:
        for name in names:
            if (said := word(console, name)) and said not in ("DOWN", "UNKNOWN", *seen[name][-1:]):
                seen[name].append(said)
        return all(seen[name][-1:] == ["HANG"] for name in names)

    console.until(all_hang, "HANG for both", HANGS_WITHIN_S)
    for words in seen.values():
        assert words[0] == "OK"
        assert set(words) <= ON_THE_WAY
    assert "SUSPECT" in seen["agent-17"]  # a warning before; with G1 the futile collections come within one second
    assert all(server.is_running for server in servers)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=str)
def test_a_hang_has_its_reason_beside_it_and_a_page_of_its_own(size: tuple[int, int], servers: list[AgentServer], console: Console) -> None:
    console.resize(*size)
    for server, key in zip(servers, ("g", "G"), strict=True):
        console.press(key)
        console.sees(rf"^› *\S* *HANG +{server.name} ", r"(9\d|100)%")
        console.press("enter")
        console.sees(rf"Heap › {server.name} ", "HANG", r"\d+ full collections")
        console.press("esc")
        console.loses(rf"Heap › {server.name} ")
        console.sees(r"HANG +agent-17 ", r"HANG +agent-newest ")
    console.resize(120, 40)


def test_of_killed_agents_nothing_is_said_that_nobody_knows_and_new_ones_are_well(servers: list[AgentServer], console: Console) -> None:
    names = [server.name for server in servers]
    kill_together(servers)
    console.never(lambda: any(word(console, name) in FALSE_OF_THE_DEAD for name in names), "more was said than is known", AFTERWARDS_S)
    start_together(servers)
    console.until(lambda: all(word(console, name) == "OK" for name in names), "both well", RETURNS_WITHIN_S)
    console.loses("HANG")
    assert all(was_archived(server.gc_log) for server in servers)


def was_archived(log: Path) -> bool:
    return log.with_name(f"{log.name}.0").exists()
