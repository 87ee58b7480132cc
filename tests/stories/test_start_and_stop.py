"""The first console starts the daemon; whoever leaves decides what becomes of it."""

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
    first.press("esc")
    first.loses(EXISTING)
    first.press("q", "enter")  # the harmless answer is the chosen one
    assert first.ends() == 0
    assert (home.pid("monitor"), home.pid("relay")) == (monitor, relay)

    second = home.console()
    second.sees("attached", "LISTENING")
    assert (home.pid("monitor"), home.pid("relay")) == (monitor, relay)
    second.press("q")
    assert second.ends() == 0
    assert (home.pid("monitor"), home.pid("relay")) == (monitor, relay)
    for _ in range(2):  # what is stopped already has stopped
        done = home.run("stop")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert home.is_over()


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
    console.never(lambda: home.pid("monitor") is not None, "a daemon stopped on purpose was brought back", 1)
    console.press("q")
    assert console.ends() == 0
