"""`--demo`: all panes with a story in them, and nothing of the world is touched."""

from pathlib import Path

import pytest

from tests.stories.conftest import demo_environment
from tests.stories.console import Console
from tests.stories.home import PROGRAM

SHOWN = {"1": "busan-gw", "2": "orders.confirmed", "3": "app1-node-1", "4": "producer-agent-1", "5": "edge.in"}


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
def test_the_demonstration_shows_every_pane_and_uses_no_network(size: tuple[int, int], tmp_path: Path) -> None:
    refused = tmp_path / "sitecustomize.py"
    refused.write_text(NO_NETWORK)
    environment = {**demo_environment(tmp_path), "RELAY_CONSOLE_CONFIG": str(tmp_path / "there-is-none.yaml")}
    environment["PYTHONPATH"] = f"{tmp_path}:{environment['PYTHONPATH']}"
    with Console([*PROGRAM, "--demo"], environment, size, cwd=tmp_path) as console:
        console.sees(" DEMO ", "› Overview ", "orders")
        for key, name in SHOWN.items():
            console.press(key)
            console.sees(" DEMO ", name)
        console.press("enter")
        console.sees(" DEMO ", "^ MESSAGES")
        console.press("q", "q")
        assert console.ends() == 0  # of a demonstration nothing stays behind, so nothing is asked
        assert console.left_on() == []
    assert not (tmp_path / "network").exists()
    assert sorted(path.name for path in tmp_path.rglob("*.sock")) == []


# In the interpreter of the demonstration: whoever asks for a socket that leads out of the process is written down.
NO_NETWORK = """
import pathlib, socket, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen"):
        with pathlib.Path(__file__).with_name("network").open("a") as file:
            file.write(f"{event} {arguments}\\n")

sys.addaudithook(watch)
"""
