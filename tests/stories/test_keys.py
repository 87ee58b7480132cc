"""What the keys do, at one console over the scripted incident; each story begins at the overview."""

import re
from collections.abc import Iterator

import pytest

from tests.stories.conftest import demo_environment
from tests.stories.console import Console
from tests.stories.home import PROGRAM

PANES = {"1": "Relay", "2": "Topics", "3": "Offsets", "4": "Heap", "5": "Queues"}
TITLE = "^── {} "  # of the open pane's table


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console that stays open for all of these stories, as an operator's does."""
    home = tmp_path_factory.mktemp("home")
    with Console([*PROGRAM, "--demo"], demo_environment(home), (120, 40), cwd=home) as console:
        console.sees("0 Overview", "orders.created")
        yield console
        console.press("q")
        assert console.ends() == 0


@pytest.fixture
def console(evening: Console) -> Console:
    evening.press("esc", "0")  # each story clears its filters and marks itself
    evening.sees("› Overview ", "╭─ 5 Queues")
    return evening


def under_cursor(console: Console) -> str:
    return console.line(r"^›")


def clock(console: Console) -> str:
    return console.lines()[0].split()[-1]


def names(console: Console, pattern: str) -> list[str]:
    """What matches in the rows of the table, top to bottom."""
    rows = (line for line in console.lines() if re.match(r"[› ][▪ ] ?[ ?✖▴]", line))
    return [found[0] for line in rows if (found := re.search(pattern, line))]


def test_a_digit_shows_its_pane_and_zero_the_overview(console: Console) -> None:
    for key, title in PANES.items():
        console.press(key)
        console.sees(f"› {title} ", TITLE.format(title))
    console.press("0")
    console.sees("› Overview ", *(f"─ {key} {title} " for key, title in PANES.items()))
    console.press("tab")
    console.sees("› Relay ")


def test_j_k_g_and_G_move_the_cursor_which_stays_on_its_row(console: Console) -> None:
    console.press("5", ":sort name\r")
    console.sees("by QUEUE")
    console.press("g")
    console.sees(r"^› .* edge\.dlq")
    console.press("j", "down")
    console.sees(r"^› .* edge\.out")
    console.press("k")
    console.sees(r"^› .* edge\.in")
    console.press("G")
    console.sees(r"^› .* 알림\.대기")
    console.press("j", "j", "g", "k", "up")
    console.sees(r"^› .* edge\.dlq")
    console.press("j", "O")
    console.sees("by QUEUE ▴", r"^› .* edge\.in")


def test_a_filter_narrows_while_it_is_typed_inverse_and_fuzzy_too_and_esc_brings_all_back(console: Console) -> None:
    console.press("5", "/", "orders")
    console.sees("^ ?/orders", r"3 of \d+ ", "RE   !RE inverse   ~fuzzy")
    assert sorted(names(console, r"[\w.]+\.(in|out|dlq)")) == ["orders.dlq", "orders.in", "orders.out"]
    console.press("\\.(in|out)|raw", "backspace", "backspace", "backspace", "backspace", "enter")
    console.sees(r"^── Queues 2 of \d+  /orders\\\.\(in\|out\)")
    console.press("/", *["backspace"] * 16, "!orders|edge", "enter")
    console.sees(r"^── Queues 7 of \d+  /!orders")
    assert not any("orders" in name for name in names(console, r"[\w.]+\.(in|out|dlq)"))
    console.press("/", *["backspace"] * 12, "~pyzq", "enter")
    console.sees(r"^── Queues 0 of \d+  /~pyzq", r"0 of \d+ match", "Esc clears")
    console.press("/", *["backspace"] * 5, "~pymi", "enter")
    console.sees(r"^── Queues 1 of \d+  /~pymi", r"payments\.in")
    console.press("esc")
    console.sees(r"^── Queues \d+ ─")


def test_esc_while_a_filter_is_typed_leaves_it_as_it_was(console: Console) -> None:
    console.press("5", "/", "edge", "enter")
    console.sees(r"^── Queues 3 of \d+  /edge")
    console.press("/", ".in")
    console.sees(r"^── Queues 1 of \d+")
    console.press("esc")
    console.sees(r"^── Queues 3 of \d+  /edge ")
    console.press("esc")


def test_a_filter_that_is_no_regular_expression_says_so_and_changes_nothing(console: Console) -> None:
    console.press("5", "/", "edge(", "enter")
    console.sees(r"not a regular expression: missing \), unterminated subpattern", r"^── Queues \d+ ─")
    console.press("3", ":filter [a\r")
    console.sees("not a regular expression: unterminated character set", r"^── Offsets \d+ ─")


def test_a_filter_understands_korean(console: Console) -> None:
    console.press("5", "/", "알림", "enter")
    console.sees(r"^── Queues 1 of \d+  /알림", "알림.대기")
    console.press("esc")


def test_o_orders_by_the_next_column_and_O_reverses(console: Console) -> None:
    console.press("2", ":sort state\r")
    console.sees("by STATE ▾", r"STATE▾")
    console.press("o")
    console.sees("by TOPIC ▾", r"TOPIC▾")
    console.until(lambda: (seen := names(console, r"\S+\.\S+|userTopic_\w+|clicks")) == sorted(seen), "topics in order")
    console.press("O")
    console.sees("by TOPIC ▴", r"TOPIC▴")
    console.until(
        lambda: (seen := names(console, r"\S+\.\S+|userTopic_\w+|clicks")) == sorted(seen, reverse=True), "topics in reverse order"
    )
    console.press(":sort nonsense\r")
    console.sees("no column 'nonsense'; there are: ", within=5)


def test_rows_are_marked_one_by_one_in_ranges_and_all(console: Console) -> None:
    console.press("5", ":sort name\r", "g", "space")
    console.sees("1 marked", r"^ ▪ .*edge\.dlq", r"^› .*edge\.in")
    console.press("j", "v")
    console.sees("range begins here")
    console.press("G", "v")
    console.sees(r"1\d marked")
    console.press("*")
    console.sees("1 marked", r"^ ▪ .*edge\.in")
    console.press("esc")
    console.loses("marked")


def test_enter_looks_into_a_row_and_esc_comes_back_to_it(console: Console) -> None:
    console.press("2", "/", "payments.settled", "enter", "enter")
    console.sees(r"── payments\.settled ─", "Partitions", "Kafka record time")
    console.press("j", "esc", "esc")
    console.sees(r"^── Topics \d+ ", r"^› .*payments\.settled")
    console.press("z")
    console.loses(r"── payments\.settled ─")
    console.press("z")
    console.sees(r"── payments\.settled ─")


def test_enter_on_the_overview_goes_to_the_row_in_its_pane(console: Console) -> None:
    console.press("g", "j", "enter")
    console.sees("› Relay ", "^› +[▴✖]? ?(LISTENING|SENDING|DOWN|RETRYING) +(seoul-gw|busan-gw|partner-a)")


def test_the_help_lists_the_keys_that_work_here_and_enter_does_what_the_line_says(console: Console) -> None:
    console.press("5", "?")
    console.sees("─ Keys in Queues ─", "/ +filter: a regular expression", "X +purge the queue", "o +order by the next column")
    assert not console.line("send the failed file again")  # a key of another pane
    console.press("next", " pane")
    console.sees("/next pane", "› +Tab +next pane")
    console.press("enter")
    console.sees("› Overview ")
    console.press("1", "?")
    console.sees("─ Keys in Relay ─", r"X +disconnect the connection \(no connection here")
    console.press("esc")
    console.loses("Keys in Relay")
    console.press("0", "?")
    console.sees("─ Keys in Overview ─", "Esc Backspace +back", "Ctrl-Z +back to the shell")
    assert not console.line("mark the row")
    console.press("?")
    console.loses("Keys in Overview")


def test_a_command_is_completed_with_tab_and_a_wrong_one_is_answered_with_what_was_meant(console: Console) -> None:
    console.press(":")
    console.sees("^ ?:$", "overview .*topics .*subscribers .*filter", within=5)
    console.press("to")
    console.sees("^ ?:to$", "^ topics$")
    console.press("tab")
    console.sees("^ ?:topics")
    console.press("enter")
    console.sees("› Topics ")
    console.press(":toppics\r")
    console.sees("no command 'toppics'; did you mean :topics\\?")
    console.press(":xyzzy")
    console.sees("no such command")
    console.press("enter")
    console.sees("no command 'xyzzy'; \\? lists the keys, Tab the commands")
    console.press(":sort\r")
    console.sees(":sort needs COLUMN")
    console.press(":", "up", "up", "esc")
    console.loses("^ ?:$")


def test_p_stops_the_screen_while_the_data_goes_on(console: Console) -> None:
    console.press("5", ":sort name\r", "p")
    console.sees("PAUSED")
    before = names(console, r"edge\..*")
    assert len(before) == 3
    then = clock(console)
    console.until(lambda: clock(console) != then, "a clock that goes on")
    assert names(console, r"edge\..*") == before
    console.press("p")
    console.loses("PAUSED")
    console.until(lambda: names(console, r"edge\..*") != before, "figures that move again")


def test_another_theme_has_other_colours_at_once(console: Console) -> None:
    console.press("5")
    console.sees(r"^── Queues \d+ ")
    before = [(cell.fg, cell.bg) for cell in console.cells("5 Queues")]
    console.press(":theme ")
    console.sees("theme ansi-dark +theme light")
    console.press("light\r")
    console.until(lambda: [(cell.fg, cell.bg) for cell in console.cells("5 Queues")] != before, "other colours")
    console.press(":theme nope\r")
    console.sees("no theme '?nope")
    console.press(":theme ansi-dark\r")
    console.until(lambda: [(cell.fg, cell.bg) for cell in console.cells("5 Queues")] == before, "the colours of before")


def test_keys_that_mean_nothing_here_do_nothing(console: Console) -> None:
    console.press("5", ":sort name\r", "g")
    console.sees(r"^› .*edge\.dlq")
    console.press("9", "8", "Q", "W", "%", "~", "\x1b[15~", "\x1b[24~", "\x1b[1;5D", "\x1bx", "é", "🐰", "\x00", "\x1b[200~6\x1b[201~")
    console.press("j")
    console.sees(r"^› .*edge\.in", "› Queues ", r"^── Queues \d+ ")
    assert console.process.poll() is None


def test_the_keys_work_while_the_korean_input_method_is_on(console: Console) -> None:
    console.press("5", ":sort name\r", "g")
    console.sees(r"^› .*edge\.dlq", "by QUEUE ▾")
    console.press("ㅓ")  # the key of j
    console.sees(r"^› .*edge\.in", " 한")
    console.press("하")  # g and k, composed to a syllable: to the first row, and up
    console.sees(r"^› .*edge\.dlq")
    console.press("ㅖ")  # Shift with p: a question, which Esc leaves
    console.sees("Pause edge.dlq on broker-b")
    console.press("esc")
    console.loses("Pause edge.dlq on broker-b")
    console.press("ㅐ")  # o
    console.sees("by BROKER ▾|by PENDING ▾")
    console.press("ㅔ")  # p
    console.sees("PAUSED")
    console.press("p")
    console.loses("PAUSED")
    console.loses(" 한")
