"""What cannot be done is said in one clear line with the right exit code, and nothing is left behind."""

import os
import shutil
import signal
import socket
from pathlib import Path

import pytest

from tests.lab.server import free_port
from tests.stories.console import Console
from tests.stories.home import Home, is_alive, until
from tests.stories.home import home as new_home

USAGE, UNAVAILABLE, CONFIGURATION = 2, 69, 78

TEN_MISTAKES = """\
relays: {}
relay:
  directory: 5
  min_fre: 1
  receivers:
    - {name: a/b, listen: 127.0.0.1:94000}
    - {name: c, listen: 9400}
  senders: [{name: x}]
kafka: [{name: main, bootstrap: h:1, interval: soon}]
heap: [{nam: a, path: /x}]
console: {theme: 1}
"""


def one_line(text: str) -> str:
    """Without the time that a log line begins with."""
    (line,) = text.splitlines()
    return line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nonsense"], "No such option '--nonsense'"),
        (["statsu"], "no such command 'statsu'; did you mean 'status'?"),
        (["queues", "["], "not a regular expression: unterminated character set"),
        (["--refresh", "0.2"], "not in the range"),
        (["--view", "nope"], "there is no pane 'nope'"),
        (["topics", "--wait", "soon"], "'soon' is no duration"),
        (["--headless", "--demo"], "exclude each other"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_command_line_is_told_how_it_is_wrong(words: list[str], said: str, home: Home) -> None:
    done = home.run(*words)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [[], ["--headless"], ["config", "check"]], ids=["console", "headless", "check"])
def test_a_configuration_with_ten_mistakes_is_told_all_ten(words: list[str], home: Home) -> None:
    home.config.write_text(TEN_MISTAKES)
    done = home.run(*words)
    assert (done.returncode, done.stdout) == (CONFIGURATION, "")
    lines = done.stderr.splitlines()
    assert len(lines) == 10
    assert all(line.startswith(f"{home.config}:") for line in lines)
    assert lines == sorted(lines, key=lambda line: [int(part) for part in line.removeprefix(f"{home.config}:").split(":")[:2]])
    assert f"{home.config}:4:3: relay.min_fre: unknown key; did you mean 'min_free'?" in lines


def test_a_configuration_that_is_not_there_is_named(tmp_path: Path, home: Home) -> None:
    home.config.unlink()
    done = home.run("--headless")
    assert done.returncode == CONFIGURATION
    assert str(home.config) in one_line(done.stderr)


def test_a_secret_that_stands_in_the_file_is_refused_without_repeating_it(home: Home) -> None:
    home.sections["activemq"] = [{"name": "a", "jolokia": "http://h:1/api/jolokia/", "user": "u", "password": "hunter2-of-ours"}]
    home.write()
    done = home.run("status")
    assert done.returncode == CONFIGURATION
    assert "activemq[0].password" in one_line(done.stderr) and "hunter2" not in done.stderr


def test_a_port_that_is_taken_is_named(home: Home) -> None:
    with socket.create_server(("127.0.0.1", home.port)):
        done = home.run("relay")
        assert (done.returncode, done.stdout) == (UNAVAILABLE, "")
        line = one_line(done.stderr)
        assert "partner-a" in line and f"127.0.0.1:{home.port}" in line and "in use" in line

        console = home.console("--view", "relay")
        console.sees("could not be started", "in use")  # the console tells what the monitor found
    console.sees("✓ all well", "LISTENING +partner-a")  # and it comes as soon as the port is free


def test_a_second_daemon_is_told_who_is_the_first_and_what_a_dead_one_leaves_is_no_obstacle(home: Home) -> None:
    home.daemon()
    monitor, relay = home.running("monitor"), home.running("relay")
    for words, pid in ((["--headless"], monitor), (["relay"], relay)):
        done = home.run(*words)
        assert done.returncode == UNAVAILABLE
        assert f"already running: pid {pid}" in one_line(done.stderr)
    for pid in (monitor, relay):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not is_alive(monitor) and not is_alive(relay), "dead daemons")
    assert (home.relay / "run" / "monitor.sock").exists() and (home.relay / "run" / "relay.sock").exists()
    done = home.run("pause", "partner-a")
    assert done.returncode == UNAVAILABLE and "no daemon runs" in one_line(done.stderr)
    console = home.console()
    console.sees("embedded", "✓ all well", "LISTENING")


def test_a_directory_that_is_a_file_is_named(home: Home) -> None:
    home.relay.write_text("in the way")
    for words in (["relay"], ["--headless"]):
        done = home.run(*words)
        assert done.returncode == UNAVAILABLE
        assert str(home.relay) in one_line(done.stderr) and "Not a directory" in done.stderr
    refused_console(home, rf"{home.relay}/run: Not a directory")


def test_a_directory_that_may_not_be_written_is_named(home: Home) -> None:
    home.relay.mkdir(mode=0o500)
    powerless = (
        [] if os.geteuid() else [shutil.which("setpriv") or "/usr/bin/setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
    )
    for words in (["relay"], ["--headless"]):
        done = home.run(*words, wrapper=powerless)
        assert done.returncode == UNAVAILABLE
        assert str(home.relay) in one_line(done.stderr) and ("Permission denied" in done.stderr or "not writable" in done.stderr)
    assert list(home.relay.iterdir()) == []


def test_a_directory_of_another_user_is_refused(home: Home) -> None:
    if os.geteuid() == 0:
        (home.relay / "run").mkdir(parents=True, mode=0o700)
        os.chown(home.relay / "run", 65534, 65534)
    else:
        home.sections["relay"]["directory"] = "/"  # /run belongs to root
        home.write()
    for words in (["relay"], ["--headless"]):
        done = home.run(*words)
        assert done.returncode == UNAVAILABLE
        assert "belongs to " in one_line(done.stderr) and "you are " in done.stderr
    refused_console(home, "run belongs to [a-z]+; you are [a-z]+")


def test_a_directory_that_others_may_enter_is_refused_with_what_to_do(home: Home) -> None:
    (home.relay / "run").mkdir(parents=True)
    (home.relay / "run").chmod(0o755)
    refused_console(home, "is open to others; run: chmod 700 ")


def test_a_socket_behind_which_nobody_is_is_refused(home: Home) -> None:
    path = home.directory / "other.sock"
    refused_console(home, r"there is no socket .*other\.sock", "--attach", str(path))
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
    refused_console(home, r"it died: its socket .*other\.sock is there", "--attach", str(path))


def test_a_name_too_long_for_a_socket_is_told_before_anything_is_made(home: Home) -> None:
    home.sections["relay"]["directory"] = str(home.directory / ("long" * 30))
    home.write()
    done = home.run("--headless")
    assert done.returncode == CONFIGURATION
    assert "the system allows 107" in one_line(done.stderr)


def test_a_terminal_that_cannot_draw_is_told_what_can(home: Home) -> None:
    with Console(home.command("--demo"), home.environment, cwd=home.directory, term="dumb") as console:
        assert console.ends() == 1
        said = " ".join(console.text().split())  # one line, which a terminal of 120 columns wraps
        assert said.startswith("relay-console: TERM=dumb cannot draw a screen") and said.endswith("relay-console status")
        assert b"\x1b" not in console.output and console.output.count(b"\n") == 1


def test_a_console_without_a_terminal_is_told_what_to_use_instead(home: Home) -> None:
    done = home.run("--demo")
    assert (done.returncode, done.stdout) == (1, "")
    assert "must be a terminal" in one_line(done.stderr) and "relay-console status" in done.stderr


def test_a_theme_that_is_not_there_is_told_before_the_screen_is_drawn(home: Home) -> None:
    with Console(home.command("--demo", "--theme", "nope"), home.environment, cwd=home.directory) as console:
        assert console.ends() == USAGE
        assert "nope" in console.text() and "ansi-dark" in console.text()
        assert console.left_on() == []


def refused_console(home: Home, pattern: str, *words: str) -> None:
    """Before a screen is drawn, in one line."""
    with Console(home.command(*words), home.environment, cwd=home.directory, size=(200, 20)) as console:
        assert console.ends() == UNAVAILABLE
        assert b"\x1b[?1049h" not in console.output
        assert console.line(pattern), console.text()
        assert console.line("^relay-console: ")


def test_two_relays_of_two_configurations_do_not_share_an_inbox(home: Home) -> None:
    home.daemon()
    with new_home() as other:
        other.sections["relay"]["receivers"][0] |= {"listen": f"127.0.0.1:{free_port()}", "inbox": str(home.relay / "inbox" / "partner-a")}
        other.write()
        done = other.run("relay")
        assert done.returncode == UNAVAILABLE
        assert "another relay is running on it" in one_line(done.stderr)
