"""SIGHUP to a relay as it is really started: its own file, read again."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.relay_console.program import Place, environment, free_port

DEADLINE = 20.0


def _until(holds: Callable[[], bool], what: str) -> None:
    ends_at = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < ends_at, what
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_relay_reads_its_file_again_when_it_is_told_to(tmp_path: Path) -> None:
    place, second, log = Place(tmp_path), free_port(), tmp_path / "log"
    right = place.config.read_text()
    with log.open("wb") as out:
        relay = subprocess.Popen(place.argv("relay"), stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment({}))
    try:
        _until(lambda: "relay ready" in log.read_text(), "it starts")
        place.config.write_text(right.replace("receivers: [", f"receivers: [{{name: z, listen: '127.0.0.1:{second}', lissten: 1}}, "))
        relay.send_signal(signal.SIGHUP)
        _until(lambda: "the old one stays" in log.read_text(), "a mistake is told")
        assert f"{place.config}:3:" in log.read_text()  # at its place in the file
        assert "unknown key; did you mean 'listen'?" in log.read_text()
        assert not _listens(second)
        assert _listens(place.port)
        place.config.write_text(right.replace("receivers: [", f"receivers: [{{name: z, listen: '127.0.0.1:{second}'}}, "))
        relay.send_signal(signal.SIGHUP)
        _until(lambda: "the configuration was read again: new: z" in log.read_text(), "it is used")
        assert _listens(second)
        assert _listens(place.port)
        relay.terminate()
        assert relay.wait(DEADLINE) == 0
    finally:
        if relay.poll() is None:
            relay.kill()
            relay.wait()
