"""Small, usual and large screens: each shows what it must, and what is too small says so."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.conftest import demo_environment
from tests.stories.console import Console
from tests.stories.home import PROGRAM

BLOCKS = ("1 Relay", "2 Topics", "3 Offsets", "4 Heap", "5 Queues")
SIZES = ((80, 24), (120, 40), (200, 60))


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    home = tmp_path_factory.mktemp("home")
    with Console([*PROGRAM, "--demo"], demo_environment(home), (80, 24), cwd=home) as console:
        console.sees("0 Overview", "orders.created")
        yield console


@pytest.fixture
def console(evening: Console) -> Console:
    evening.press("esc", "0")
    return evening


def is_whole(console: Console) -> bool:
    """Every line ends inside the screen, the first and the last are where they belong."""
    lines = console.lines()
    return (
        len(lines) == console.screen.lines
        and lines[0].startswith(" ▪ relay-console ›")
        and bool(re.search(r"\d\d:\d\d:\d\d$", lines[0]))
        and lines[-1].endswith("q quit")
    )


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_pane_is_whole_on_a_terminal_of(size: tuple[int, int], console: Console) -> None:
    console.resize(*size)
    console.sees("› Overview ", " DEMO ", *(rf"─ {block} \d" for block in BLOCKS), "─ Events ─")
    console.until(lambda: is_whole(console), "status row and hints")
    for title, key in (block.split()[::-1] for block in BLOCKS):
        console.press(key)
        console.sees(f"› {title} ", rf"^── {title} \d+")
        console.until(lambda: is_whole(console), "status row and hints")
        assert console.line("^›")


def test_a_large_screen_shows_the_detail_beside_the_list_a_usual_one_below_and_a_small_one_alone(console: Console) -> None:
    console.press("2", ":sort name\r", "g")
    console.resize(200, 60)
    console.sees(r"^── Topics \d+ .*── \S+ ─+$")
    console.resize(120, 40)
    console.sees(r"^── Topics \d+ ", r"^── [a-z]\S+ ─+$")
    console.resize(80, 24)
    console.sees(r"^── Topics \d+ ")
    console.loses(r"^── [a-z]\S+ ─+$")
    console.press("enter")
    console.sees(r"› Topics › [a-z]\S+ ", r"^── [a-z]\S+ ─+$")
    console.loses("^── Topics")


def test_a_screen_that_is_too_small_says_so_and_how_to_quit_and_growing_brings_all_back(console: Console) -> None:
    for columns, rows in ((59, 14), (200, 14), (59, 60), (20, 5)):
        console.resize(columns, rows)
        console.sees(f"{columns}x{rows} is too sm"[:columns], within=5)
        assert len(console.text().split("\n")) == rows
        assert sum(bool(line) for line in console.lines()) == 1
    console.resize(60, 15)
    console.sees("› Overview ", "1 Relay", "q quit")
    console.resize(120, 40)
    console.sees(*(rf"─ {block} \d" for block in BLOCKS))
    console.until(lambda: is_whole(console), "status row and hints")


def test_q_quits_where_nothing_fits(tmp_path: Path) -> None:
    with Console([*PROGRAM, "--demo"], demo_environment(tmp_path), (59, 14), cwd=tmp_path) as console:
        console.sees("^59x14 is too small: enlarge to 60x15, or press q to quit")
        console.press("q")
        assert console.ends() == 0
        assert console.left_on() == []
