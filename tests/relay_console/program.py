"""relay-console as a program: started, asked, stopped by its id; every wait has a deadline."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

READY_S = 20.0
END_S = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Place:
    """A configuration with a directory of its own, and the commands on it."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self.config = folder / "config.yaml"
        self.directory = folder / "r"
        self.config.write_text(
            f"relay:\n  directory: {self.directory}\n  receivers: [{{name: a, listen: '127.0.0.1:{self.port}'}}]\n"
            f"  senders: [{{name: b, connect: '127.0.0.1:{free_port()}'}}]\n{more}"
        )

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "relay_console", "-c", str(self.config), *words]

    def run(self, *words: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return run(*words, "-c", str(self.config), environ=environ)

    def status(self) -> dict[str, Any]:
        done = self.run("status", "--json")
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    @contextlib.contextmanager
    def daemon(self, *words: str, wants: str = "ok") -> Iterator[subprocess.Popen[str]]:
        """Runs in the foreground until the block ends; begins when the relay is seen in the state that is wanted."""
        process = subprocess.Popen(
            self.argv(*(words or ("--headless",))), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment({})
        )
        try:
            self._wait_for_relay(process, wants)
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=END_S)

    def _wait_for_relay(self, process: subprocess.Popen[str], wants: str) -> None:
        ends_at = time.monotonic() + READY_S
        while time.monotonic() < ends_at and process.poll() is None:
            answer = self.status()
            relay = next(source for source in answer["sources"] if source["kind"] == "relay")
            if answer["monitor"]["attached"] and relay["state"] == wants:
                return
            time.sleep(0.1)
        raise AssertionError(f"the daemon did not come up: {process.poll()}")


def environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RELAY_CONSOLE_") and name != "JOURNAL_STREAM"}
    return {**kept, **more}


def run(*words: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "relay_console", *words],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
        env=environment(environ or {}),
    )
