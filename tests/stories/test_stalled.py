"""A terminal that nobody reads: the console waits, nothing else notices, and what is shown afterwards is the present."""

import time

from tests.stories.home import Home, memory_kib, until

STALL = 6.0  # seconds; more than the 3 or so that Textual alone can bear
GROWTH = 2048  # KiB that the monitor may grow meanwhile


def test_a_terminal_that_stops_reading_costs_the_daemon_nothing_and_shows_the_present_when_it_reads_again(home: Home) -> None:
    home.daemon()
    console = home.console("--view", "relay")
    console.sees("attached", "LISTENING")
    other = home.console("--view", "relay")
    other.sees("attached", "LISTENING")
    monitor = home.running("monitor")
    with home.partner() as partner:
        assert partner.send("before") == "200"
        console.sees("Connections 1")
        before = memory_kib(monitor)
        console.stall()
        for pane in "12345121":  # more than a terminal holds that nobody reads
            console.press(pane, "ctrl+l")
        ends_at = time.monotonic() + STALL
        slowest = 0.0
        while time.monotonic() < ends_at:
            began = time.monotonic()
            assert partner.send("while nobody reads the screen") == "200"
            slowest = max(slowest, time.monotonic() - began)
            assert home.source("relay")["age_s"] < 4.0
        stored = len(partner.sent)
        until(lambda: _stored(home) == stored, "a monitor that has seen every record")
        assert memory_kib(monitor) - before < GROWTH
        assert slowest < 2.0
        assert console.process.poll() is None
        other.sees(rf"LISTENING +partner-a +127\S+ +1 +{stored} ", within=5.0)
        console.resume()
        console.sees("› Relay ", rf"LISTENING +partner-a +127\S+ +1 +{stored} ", within=5.0)
        assert "✓ all well" in console.text()


def _stored(home: Home) -> int:
    return int(home.ask("relays")["sources"][0]["data"]["receivers"][0]["stored"])
