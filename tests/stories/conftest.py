"""What most stories begin with."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.server import free_port
from tests.stories.console import Console
from tests.stories.home import PROGRAM, REPOSITORY, Home
from tests.stories.home import home as new_home
from tests.stories.platform import Platform


@pytest.fixture
def home() -> Iterator[Home]:
    """A configuration with one receiver and nothing else; nothing runs yet."""
    with new_home() as found:
        yield found


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Console]:
    """The console over the scripted incident, at its overview."""
    with Console([*PROGRAM, "--demo"], demo_environment(tmp_path), (120, 40), cwd=tmp_path) as console:
        console.sees("0 Overview", "orders.created")
        yield console


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Real servers of these stories alone: the lab's are for those who do not kill them."""
    found = Platform(tmp_path_factory.mktemp("platform"))
    yield found
    found.close()


@pytest.fixture(scope="session")
def watched(platform: Platform) -> Iterator[Home]:
    """A daemon that watches the platform, whether that runs or not."""
    senders = [{"name": "partner-b", "connect": f"127.0.0.1:{free_port()}"}]  # nothing is in its outbox
    with new_home(platform.sections(), {"senders": senders}) as found:
        found.daemon()
        yield found


def demo_environment(directory: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RELAY_CONSOLE_", "XDG_", "NO_COLOR"))}
    return {**kept, "HOME": str(directory), "LANG": "C.UTF-8", "PYTHONPATH": str(REPOSITORY)}
