"""The lab's agents, real JVMs whose heaps tell a story, followed until the verdict is what the story says: and never a worse one before."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backends.heap import Agent, Heaps
from tests.lab import jars
from tests.lab.agent import AgentServer
from tests.lab.server import kill_together, start_together
from tests.lab.truth import Agent as Story

LOG_SIZE = "64k"  # left behind a few times while an agent hangs
AT_LEAST_S, DEADLINE_S = 15.0, 60.0
LOOK_EVERY_S = 0.5
STORIES = (
    Story("leaking-17", "leaking", "parallel", 24, 2000),
    Story("leaking-newest", "leaking", "g1", 24, 2000, "newest"),
    Story("leaking-beside-newest", "leaking", "shenandoah", 24, 2000, "newest"),
    Story("thrashing-17", "thrashing", "serial", 24, 0),
    Story("thrashing-newest", "thrashing", "parallel", 24, 0, "newest"),
    Story("plateau-17", "plateau", "parallel", 32, 1000),
    Story("plateau-newest", "plateau", "g1", 48, 1000, "newest"),
    Story("moving-17", "moving", "zgc", 48, 4000),
    Story("moving-newest", "moving", "zgc", 48, 4000, "newest"),
)
ON_THE_WAY = {  # what may be said before the end of a story
    "leaking": {"UNKNOWN", "OK", "SUSPECT", "LEAK", "THRASHING", "HANG"},
    "thrashing": {"UNKNOWN", "OK", "SUSPECT", "THRASHING"},
    "plateau": {"UNKNOWN", "OK", "SUSPECT"},
    "moving": {"UNKNOWN", "OK", "SUSPECT"},
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[AgentServer]]:
    root, class_path = tmp_path_factory.mktemp("agents"), jars.class_paths(["agent"])["agent"]
    made = [AgentServer(replace(story, rest_s=300), root / story.name, class_path, LOG_SIZE) for story in STORIES]
    try:
        start_together(made)
        yield made
    finally:
        kill_together(made)


async def test_every_agent_is_told_as_its_story_goes(servers: list[AgentServer]) -> None:
    source = Heaps([Agent(server.name, str(server.gc_log)) for server in servers])
    said: dict[str, list[str]] = {server.name: [] for server in servers}
    began = time.monotonic()
    while time.monotonic() - began < AT_LEAST_S or not all(said[story.name][-1] in story.verdicts for story in STORIES):
        for row in (await source.observe(time.time())).files:
            said[row.name].append(row.verdict)
        assert time.monotonic() - began < DEADLINE_S, {name: words[-1] for name, words in said.items()}
        await asyncio.sleep(LOOK_EVERY_S)
    await source.close()
    for story in STORIES:
        assert set(said[story.name]) <= ON_THE_WAY[story.story], story.name
        assert said[story.name].index("OK") < said[story.name].index(story.verdicts[0]) or story.verdicts[0] == "OK"
    assert all(server.is_running for server in servers)
    assert all(archives(server.gc_log) for server in servers if server.name.startswith(("leaking", "thrashing")))


def archives(log: Path) -> list[Path]:
    return list(log.parent.glob(f"{log.name}.*"))
