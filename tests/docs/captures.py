"""`make docs`: the console on the lab's real servers, each pane and what is inside of it, into docs/screens/ as SVG and as text.

`python -m tests.docs.captures demo` makes only those of the demonstration, which need no server; `agents` those of an agent that hangs.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.docs import agents
from tests.docs.picture import svg
from tests.lab.config import PASSWORD_VARIABLE
from tests.lab.console import Console as Commands
from tests.lab.lab import Lab
from tests.stories.console import Console

REPOSITORY = Path(__file__).parents[2]
SCREENS = REPOSITORY / "docs" / "screens"
SETTLE_S = 75.0  # rates over a minute need one
PANES = {"overview": "0", "relay": "1", "topics": "2", "offsets": "3", "heap": "4"}
SIZES = {"80x24": (80, 24), "200x60": (200, 60)}  # of some only, besides all at 120x40
WALKS = {  # keys that lead to a page, and what stands on it; each begins where the one before it ended
    "topics": (
        ("topics", ("2",), "── Topics "),
        ("topics-partitions", ("/", "orders-json\r", "enter"), "── Partitions "),
        ("topics-records", ("j", "enter"), "── Newest "),
        ("topics-record", ("enter",), "── Value "),
    ),
    "offsets": (
        ("offsets", ("3",), "── Offsets "),
        ("offsets-partitions", ("/", "audit-sink.*groups$\r", "enter"), "── Partitions "),
        ("offsets-history", ("enter",), "── History"),
    ),
    "queues": (
        ("queues", ("5",), "── Queues "),
        ("queues-browse", ("/", "^invoices.mixed .*old\r", "b"), "messages of invoices.mixed"),
        ("queues-message", ("enter",), "── Body"),
        ("queues-send", ("S",), "Send to invoices.mixed"),
        ("queues-send-counted", ("one more", "tab", "enter"), "Cancel"),
        ("queues-purge", ("esc", "X"), "Type invoices.mixed and Enter"),
        ("queues-brokers", ("esc", "esc", "esc", "esc", "esc", "left"), "── Brokers "),
    ),
}
DEMO_WALK = (
    ("heap-demo", ("4",), "── Heap 5 "),
    ("heap-demo-agent", ("enter",), "┤── capacity "),
    ("heap-demo-lines", ("enter",), "▲  \\[20"),
)
DEMO_MORE = (("heap-demo-pauses", ("esc", "z", "pagedown"), "── Pauses: "),)  # at 120x40 alone
DEMO_MOMENT = 196.0  # seconds into the incident: an agent hangs, another leaks


def main(words: Sequence[str]) -> int:
    SCREENS.mkdir(parents=True, exist_ok=True)
    if not words or "demo" in words:
        _capture_demonstration()
    if not words or "agents" in words:
        agents.capture(_save)
    if words:
        return 0
    os.environ[PASSWORD_VARIABLE] = "admin"
    root = Path(tempfile.mkdtemp(prefix="relay-console-captures."))
    try:
        with Lab(root) as lab:
            lab.start()
            config = lab.write_config(root / "config.yaml")
            command = [sys.executable, "-m", "relay_console", "-c", str(config), "--write"]
            try:
                _capture(command)
            finally:
                Commands(config).stop_daemon()
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return 0


def _capture(command: list[str]) -> None:
    with Console(command, os.environ, (120, 40), cwd=REPOSITORY) as console:
        console.sees("Overview")
        time.sleep(SETTLE_S)
        for name, key in PANES.items():
            console.press(key)
            time.sleep(2.5)
            _save(console, name)
        for walk in WALKS.values():
            _walk(console, walk, "")
        for name, size in SIZES.items():
            with Console(command, os.environ, size, cwd=REPOSITORY) as other:
                other.sees("Overview")
                time.sleep(4)
                _save(other, f"overview-{name}")
                for walk in WALKS.values():
                    _walk(other, walk, f"-{name}")


def _capture_demonstration() -> None:
    command = [sys.executable, "-m", "tests.docs.demonstration", str(DEMO_MOMENT)]
    for name, size in {"": (120, 40), **SIZES}.items():
        with Console(command, os.environ, size, cwd=REPOSITORY) as console:
            console.sees("Overview")
            time.sleep(2.5)
            _walk(console, DEMO_WALK, name and f"-{name}")
            _walk(console, () if name else DEMO_MORE, "")


def _walk(console: Console, pages: Sequence[tuple[str, tuple[str, ...], str]], ending: str) -> None:
    for name, keys, title in pages:
        console.press(*keys)
        console.sees(title)
        time.sleep(2.5)  # its answer, and a paint
        _save(console, name + ending)


def _save(console: Console, name: str) -> None:
    (SCREENS / f"{name}.svg").write_text(svg(console.screen, f"relay-console: {name}"))
    (SCREENS / f"{name}.txt").write_text(console.text().rstrip() + "\n")
    print(SCREENS / f"{name}.svg", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
