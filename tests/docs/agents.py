"""A real agent that leaks until it hangs, beside one that is well: what pane 4 shows of it on the way, list and page, at two sizes."""

import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.lab import jars
from tests.lab.agent import AgentServer
from tests.lab.server import kill_together, start_together
from tests.lab.truth import Agent
from tests.stories.console import Console
from tests.stories.home import home

AGENTS = (
    Agent("leaking-agent", "leaking", "parallel", 48, 1500, rest_s=600),
    Agent("moving-agent", "moving", "g1", 48, 4000, "newest"),
)
MOMENTS = {"ok": "OK", "suspect": "SUSPECT", "hang": "HANG"}  # ending of the captures, and the verdict they wait for
LIMIT_S = 180.0
SIZES = {"": (120, 40), "-80x24": (80, 24)}


def capture(save: Callable[[Console, str], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="agents.") as directory:
        class_path = jars.class_paths(["agent"])["agent"]
        servers = [AgentServer(replace(agent), Path(directory) / agent.name, class_path) for agent in AGENTS]
        try:
            with home({"heap": [{"name": server.name, "path": str(server.gc_log)} for server in servers]}) as watched:
                watched.daemon()
                start_together(servers)
                with Console(watched.command(), watched.environment, cwd=watched.directory) as console:
                    console.sees("attached")
                    console.press("4", "g")
                    for name, verdict in MOMENTS.items():
                        console.until(partial(_is_said, console, verdict), verdict, LIMIT_S)
                        _save(console, name, save)
        finally:
            kill_together(servers)


def _is_said(console: Console, verdict: str) -> bool:
    return re.search(rf"{verdict} +leaking-agent ", console.text()) is not None


def _save(console: Console, name: str, save: Callable[[Console, str], None]) -> None:
    for ending, size in SIZES.items():
        console.resize(*size)
        console.sees("── Heap ")
        save(console, f"heap-{name}{ending}")
        console.press("enter")
        console.sees("── After each collection")
        save(console, f"heap-{name}-agent{ending}")
        console.press("esc")
    console.resize(*SIZES[""])
