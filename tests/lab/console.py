"""relay-console over the lab: on a terminal its screen, elsewhere each pane's answer once. What it started ends with it."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.lab.report import say
from tests.lab.server import REPOSITORY, spawn

ANSWERS = ("status", "relays", "topics", "offsets", "heap", "queues")
COMMAND_LIMIT_S = 60.0
HEADLESS_LIMIT_S = 120.0
STOP_LIMIT_S = 30.0
POLL_S = 1.0
UNAVAILABLE = 69


class Console:
    """The commands of relay-console on one configuration."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.log = config.with_name("relay-console.log")

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "relay_console", "-c", str(self.config), *words]

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command's answer; a command that hangs counts as failed."""
        try:
            return subprocess.run(
                self.command(*words),
                cwd=REPOSITORY,
                capture_output=True,
                text=True,
                timeout=COMMAND_LIMIT_S,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(words, 75, "", f"no answer in {COMMAND_LIMIT_S:.0f} s")

    def read(self, command: str) -> dict[str, Any] | None:
        """A command's `--json` answer, None when there is none yet."""
        with contextlib.suppress(ValueError):
            answer = json.loads(self.ask(command, "--json").stdout)
            return answer if isinstance(answer, dict) else None
        return None

    def stop_daemon(self) -> None:
        """A daemon left behind on this configuration, if any."""
        done = self.ask("stop")
        if done.returncode:
            say(f"relay-console stop: {done.stderr.strip() or done.returncode}")


def show_screen(console: Console) -> int:
    """The console in the foreground of our terminal; Ctrl-C is its key meanwhile, not ours."""
    before = signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN, which the console would inherit
    screen = None
    try:
        screen = spawn(console.command(), output=1, errors=2, foreground=True)
        return screen.wait()  # as long as the person at the screen wants
    finally:
        if screen is not None and screen.poll() is None:
            _end(screen)
        console.stop_daemon()
        signal.signal(signal.SIGINT, before)


def show_answers(console: Console, limit_s: float, settle_s: float) -> int:
    with _daemon(console) as daemon:
        say("relay-console runs headless; waits until every source has data")
        trouble = _wait_for_sources(console, daemon, limit_s)
        if trouble:
            say(f"not ready after {limit_s:.0f} s: {trouble}; log: {_tail(console.log)}")
            return UNAVAILABLE
        _settle(settle_s)
        for command in ANSWERS:
            done = console.ask(command)
            print(f"$ relay-console {command}\n{done.stdout}", flush=True)
            if done.returncode:
                say(f"relay-console {command} ended with {done.returncode}: {done.stderr.strip()}")
                return UNAVAILABLE
    return 0


@contextmanager
def _daemon(console: Console) -> Iterator[subprocess.Popen[bytes]]:
    with console.log.open("ab") as log:
        daemon = spawn(console.command("--headless"), output=log)
    try:
        yield daemon
    finally:
        _end(daemon)
        console.stop_daemon()  # its relay, should it have stayed


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


def _wait_for_sources(console: Console, daemon: subprocess.Popen[bytes], limit_s: float) -> str:
    """What is wrong when the time is over; empty when every source is ok and has data."""
    deadline = time.monotonic() + limit_s
    trouble = "no answer from `relay-console status --json`"
    while time.monotonic() < deadline and daemon.poll() is None:
        status = console.read("status")
        if status is not None:
            trouble = trouble_of(status)
            if not trouble:
                return ""
        time.sleep(POLL_S)
    return f"the daemon ended with {daemon.poll()}" if daemon.poll() is not None else trouble


def trouble_of(status: dict[str, Any]) -> str:
    sources = status.get("sources", [])
    if not sources:
        return "it has no source yet"
    bad = [source for source in sources if source["state"] != "ok" or source.get("data") is None]
    return "; ".join(f"{source['name']}: {source.get('error') or source['state']}" for source in bad)


def _settle(settle_s: float) -> None:
    """A rate over a minute is of a minute only when one has passed; before that it is right, and of few seconds."""
    say(f"waits {settle_s:.0f} s more, so that rates a minute are of a whole one")
    time.sleep(settle_s)


def _tail(path: Path, size: int = 1500) -> str:
    return f"{path}\n{path.read_text(errors='replace')[-size:]}" if path.exists() else str(path)
