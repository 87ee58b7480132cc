"""Any of the three processes may be killed: nothing that was acknowledged is lost, and the others go on."""

import os
import signal

from tests.stories.console import Console
from tests.stories.home import PROGRAM, Home, is_alive, until


def test_a_console_that_was_killed_left_everything_running_and_the_next_one_attaches(home: Home) -> None:
    first = home.console()
    first.sees("embedded", "LISTENING")
    monitor, relay = home.running("monitor"), home.running("relay")
    with home.partner() as partner:
        assert partner.send("before") == "200"
        first.kill()
        assert partner.send("while nobody looks") == "200"
        second = home.console("--view", "relay")
        second.sees("attached", "Connections 1", r"LISTENING +partner-a +127\S+ +1 +2 ")
        assert partner.send("after") == "200"
        assert (home.pid("monitor"), home.pid("relay")) == (monitor, relay)


def test_a_monitor_that_was_killed_is_brought_back_by_the_console_and_adopts_the_relay(home: Home) -> None:
    console = home.console("--view", "relay")
    console.sees("embedded", "LISTENING")
    monitor, relay = home.running("monitor"), home.running("relay")
    with home.partner() as partner:
        assert partner.send("before") == "200"
        os.kill(monitor, signal.SIGSTOP)  # then nobody brings it back before we have sent what falls into the gap
        os.kill(monitor, signal.SIGKILL)
        assert [partner.send(f"in the gap {number}") for number in range(20)] == ["200"] * 20
        console.sees("NO DAEMON|embedded")
        until(lambda: home.pid("monitor") not in (None, monitor), "a new monitor")
        console.sees("embedded", "✓ all well", "Connections 1", r"LISTENING +partner-a +127\S+ +1 +21 ")
        assert home.running("relay") == relay
        assert partner.send("after") == "200"
        assert home.run("stop").returncode == 0
        assert home.inbox() == partner.sent
    until(lambda: not is_alive(relay), "end of the relay")


def test_a_console_without_means_to_start_a_daemon_says_that_it_died_and_shows_the_last_rows(home: Home) -> None:
    daemon = home.daemon()
    relay = home.running("relay")
    home.config.rename(home.directory / "elsewhere")  # the socket is all it needs
    attach = [*PROGRAM, "--attach", str(home.relay / "run" / "monitor.sock"), "--view", "relay"]
    with Console(attach, home.environment, cwd=home.directory) as console:
        console.sees("attached", "LISTENING")
        daemon.kill()
        daemon.wait(10)
        console.sees("NO DAEMON", "no daemon: .*(died|closed)", "LISTENING +partner-a")
        (home.directory / "elsewhere").rename(home.config)
        home.daemon()
        console.sees("attached", "✓ all well", "LISTENING +partner-a")
        assert home.pid("relay") == relay
        console.press("q")
        assert console.ends() == 0
    assert home.pid("monitor") is not None


def test_a_relay_that_was_killed_is_brought_back_by_the_monitor_and_has_what_it_acknowledged(home: Home) -> None:
    home.daemon()
    relay = home.running("relay")
    console = home.console("--view", "relay")
    console.sees("attached", "LISTENING")
    with home.partner() as partner:
        assert [partner.send(f"record {number}") for number in range(10)] == ["200"] * 10
        os.kill(relay, signal.SIGKILL)
        partner.wait_until_closed()
        acknowledged = partner.sent
    until(lambda: home.pid("relay") not in (None, relay), "a new relay")
    console.sees("✓ all well", r"LISTENING +partner-a +127\S+ +0 +0 +0 ")
    with home.partner() as partner:
        assert partner.send("after") == "200"
        acknowledged += partner.sent
    assert home.run("stop").returncode == 0
    assert home.inbox() == acknowledged
