"""The first console starts the daemon; whoever leaves decides what becomes of it."""

import json
import subprocess

from tests.stories.console import Console
from tests.stories.home import Home, is_alive, until

EXISTING = "This console started the daemon. Stop it too\\?"


def test_the_first_console_starts_daemon_and_relay_and_ends_both_when_asked_to(home: Home) -> None:
    console = home.console()
    console.sees("embedded", "✓ all well", "LISTENING")
    monitor, relay = home.running("monitor"), home.running("relay")
    with home.partner() as partner:
        assert [partner.send("one"), partner.send("two")] == ["200", "200"]
        console.press("1")
        console.sees("Connections 1", "127.0.0.1:.* in +partner-a")
        console.press("q")
        console.sees(EXISTING, r"Stop it \(1 live connection\)", "Leave it running", "Cancel")
        console.press("s")
        assert console.ends() == 0
        until(home.is_over, "end of the daemon", 2)
        until(lambda: not is_alive(monitor) and not is_alive(relay), "end of both daemons")
        assert home.inbox() == partner.sent
        partner.wait_until_closed()
    assert not list((home.relay / "inbox").rglob("*.part"))
    assert console.left_on() == []


def test_a_daemon_that_was_left_running_serves_the_next_console_which_does_not_ask_to_stop_it(home: Home) -> None:
    first = home.console()
    first.sees("embedded", "LISTENING")
    monitor, relay = home.running("monitor"), home.running("relay")
    first.press("q")
    first.sees(EXISTING)
    first.press("l")
    assert first.ends() == 0
    assert (home.pid("monitor"), home.pid("relay")) == (monitor, relay)

    second = home.console()
    second.sees("attached", "LISTENING")
    assert (home.pid("monitor"), home.pid("relay")) == (monitor, relay)
    second.press("q")
    assert second.ends() == 0
    assert (home.pid("monitor"), home.pid("relay")) == (monitor, relay)
    assert home.run("stop").returncode == 0
    assert home.is_over()


def test_q_is_answered_with_cancel_by_esc_and_the_chosen_answer_is_the_harmless_one(home: Home) -> None:
    console = home.console()
    console.sees("embedded", "LISTENING")
    console.press("q")
    console.sees(EXISTING)
    console.press("esc")
    console.loses(EXISTING)
    assert home.pid("monitor") is not None
    console.press("q", "enter")
    assert console.ends() == 0
    assert home.pid("monitor") is not None and home.pid("relay") is not None


def test_two_consoles_at_once_start_one_daemon(home: Home) -> None:
    consoles = [home.console(), home.console()]
    for console in consoles:
        console.sees("LISTENING")
    monitor = home.running("monitor")
    starts = [line for line in home.log("relay/run/monitor.log").splitlines() if "serves consoles" in line]
    assert len(starts) == 1 and f"pid {monitor} " in starts[0]
    until(lambda: sum(bool(console.line("embedded")) for console in consoles) == 1, "one console that says it started the daemon")
    assert sum(bool(console.line("attached")) for console in consoles) == 1


def test_a_daemon_in_the_foreground_drains_its_relay_on_sigterm_and_a_console_says_that_it_is_gone(home: Home) -> None:
    daemon = home.daemon()
    relay = home.running("relay")
    console = home.console()
    console.sees("attached", "LISTENING")
    with home.partner() as partner:
        assert partner.send() == "200"
        daemon.terminate()
        assert daemon.wait(20) == 0
        assert home.inbox() == partner.sent
    until(lambda: not is_alive(relay), "end of the relay")
    console.sees("NO DAEMON", "no daemon: the monitor was stopped")
    console.never(lambda: home.pid("monitor") is not None, "a daemon stopped on purpose was brought back", 2)
    console.press("q")
    assert console.ends() == 0


def test_the_console_of_another_daemon_attaches_to_its_socket_without_a_configuration(home: Home) -> None:
    home.daemon()
    socket = home.relay / "run" / "monitor.sock"
    command = [part for part in home.command("--attach", str(socket)) if part not in ("-c", str(home.config))]
    with Console(command, home.environment, cwd=home.directory) as console:
        console.sees("attached", "LISTENING")
        console.press("q")
        assert console.ends() == 0
    assert home.pid("monitor") is not None


def test_a_daemon_that_is_told_to_stop_twice_has_stopped(home: Home) -> None:
    home.daemon()
    assert home.run("stop").returncode == 0
    again: subprocess.CompletedProcess[str] = home.run("stop")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert json.loads(home.run("status", "--json").stdout)["monitor"]["attached"] is False
