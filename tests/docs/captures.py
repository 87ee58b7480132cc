"""`make docs`: the console on the lab's real servers, each pane captured into docs/screens/ as SVG and as text."""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.docs.picture import svg
from tests.lab.config import PASSWORD_VARIABLE
from tests.lab.console import Console as Commands
from tests.lab.lab import Lab
from tests.stories.console import Console

REPOSITORY = Path(__file__).parents[2]
SCREENS = REPOSITORY / "docs" / "screens"
SETTLE_S = 75.0  # rates over a minute need one
PANES = {"overview": "0", "relay": "1", "topics": "2", "offsets": "3", "heap": "4", "queues": "5"}
SIZES = {"80x24": (80, 24), "200x60": (200, 60)}  # of the overview only, besides all panes at 120x40


def main() -> int:
    SCREENS.mkdir(parents=True, exist_ok=True)
    os.environ[PASSWORD_VARIABLE] = "admin"
    root = Path(tempfile.mkdtemp(prefix="relay-console-captures."))
    try:
        with Lab(root) as lab:
            lab.start()
            config = lab.write_config(root / "config.yaml")
            command = [sys.executable, "-m", "relay_console", "-c", str(config)]
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
        for name, size in SIZES.items():
            with Console(command, os.environ, size, cwd=REPOSITORY) as other:
                other.sees("Overview")
                time.sleep(4)
                _save(other, f"overview-{name}")


def _save(console: Console, name: str) -> None:
    (SCREENS / f"{name}.svg").write_text(svg(console.screen, f"relay-console: {name}"))
    (SCREENS / f"{name}.txt").write_text(console.text().rstrip() + "\n")
    print(SCREENS / f"{name}.svg", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
