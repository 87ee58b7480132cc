"""However the console ends, the terminal is as it was: no modes left on, the cursor shown, lines taken whole, the exit code told."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stories.conftest import demo_environment
from tests.stories.console import Console
from tests.stories.home import PROGRAM, Home
from tests.stories.home import home as new_home

ENDS_WITHIN = 5.0  # seconds from the death of its terminal, whatever else happens


@pytest.fixture(scope="module")
def left() -> Iterator[Home]:
    """A daemon that consoles come to and leave; they use all a terminal has, the mouse included."""
    with new_home({"console": {"mouse": True}}) as found:
        found.daemon()
        yield found


def is_as_before(console: Console) -> bool:
    return console.left_on() == [] and console.is_cooked() and not console.line("Overview")


@pytest.mark.parametrize(
    ("leave", "code"),
    [
        (lambda console: console.press("q"), 0),
        (lambda console: console.press("ctrl+c", "ctrl+c"), 130),
        (lambda console: console.process.send_signal(signal.SIGTERM), 143),
        (lambda console: console.process.send_signal(signal.SIGHUP), 129),
    ],
    ids=["q", "ctrl_c_twice", "SIGTERM", "SIGHUP"],
)
def test_the_terminal_is_as_before_after(leave: Callable[[Console], None], code: int, demo: Console) -> None:
    assert "?1049h" in demo.left_on()
    leave(demo)
    assert demo.ends(ENDS_WITHIN) == code
    assert is_as_before(demo)


def test_the_mouse_is_given_back(left: Home) -> None:
    mouse = left.console()
    mouse.sees("attached", "LISTENING")
    assert "?1000h" in mouse.left_on()
    mouse.process.send_signal(signal.SIGTERM)
    assert mouse.ends(ENDS_WITHIN) == 143
    assert is_as_before(mouse)


def test_one_ctrl_c_only_says_how_to_quit(demo: Console) -> None:
    demo.press("ctrl+c")
    demo.sees("Ctrl-C again quits")
    assert demo.process.poll() is None


def test_a_bug_in_the_console_is_one_line_without_values_and_the_terminal_is_as_before(tmp_path: Path) -> None:
    with Console([sys.executable, "-m", "tests.stories.crashing"], demo_environment(tmp_path), cwd=tmp_path) as console:
        assert console.ends() == 1
        assert is_as_before(console)
        said = console.text().split()
        assert " ".join(said) == (
            "relay-console: the console ended by a bug: LookupError('the store is broken')"
            " relay-console: the daemon goes on; the log has more (relay-console info says where it is)"
        )
        assert b"a-secret-value" not in console.output and b"Traceback" not in console.output


def test_a_console_whose_terminal_goes_away_ends_and_the_daemon_goes_on(left: Home) -> None:
    console = left.console()
    console.sees("attached", "LISTENING")
    console.hang_up()
    assert console.process.wait(ENDS_WITHIN) == 129
    with left.partner() as partner:
        assert partner.send() == "200"


def test_ctrl_z_gives_the_shell_back_and_fg_the_screen(tmp_path: Path) -> None:
    environment = {**demo_environment(tmp_path), "PS1": "shell> "}
    with Console(["/bin/bash", "--norc", "--noprofile", "-i"], environment, cwd=tmp_path) as shell:
        shell.sees("shell>")
        shell.press(" ".join(PROGRAM) + " --demo\r")
        shell.sees("0 Overview", "orders.created")
        shell.press("2", "ctrl+z")
        shell.sees("Stopped", "shell>$")
        assert shell.left_on() in ([], ["?2004h"])  # readline asks for bracketed paste itself
        shell.press("fg\r")
        shell.sees("› Topics", "orders.created", "0 Overview")
        shell.press("j", "q")
        shell.sees("shell>$")
        shell.press("echo code=$?\r")
        shell.sees("code=0")
