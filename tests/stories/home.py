"""One configuration in a directory of its own, the commands a person gives there, and what runs for it. Nothing of it outlives the test."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.lab.server import free_port
from tests.stories.console import PATIENCE, Console
from tests.stories.peer import Peer

REPOSITORY = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "relay_console")
PARTS = ("monitor", "relay")


class Home:
    """`sections` are added to a configuration with one receiver; its directory is short, because the names of sockets must be."""

    def __init__(self, directory: Path, sections: Mapping[str, Any] | None = None, relay: Mapping[str, Any] | None = None) -> None:
        self.directory = directory
        self.port = free_port()
        self.relay = directory / "relay"
        receiver = {"name": "partner-a", "listen": f"127.0.0.1:{self.port}"}
        self.sections: dict[str, Any] = {
            "relay": {"directory": str(self.relay), "receivers": [receiver], **(relay or {})},
            "console": {"write": True},
            **(sections or {}),
        }
        self.config = directory / "config.yaml"
        self.write()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("RELAY_CONSOLE_", "XDG_"))},
            "HOME": str(directory),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(REPOSITORY),
            "ACTIVEMQ_PASSWORD": "admin",
        }
        self.environment.pop("NO_COLOR", None)
        self._open = contextlib.ExitStack()

    def write(self) -> None:
        """The configuration as `sections` say now; a daemon reads it when it starts."""
        self.config.write_text(yaml.safe_dump(self.sections, sort_keys=False, allow_unicode=True))

    def command(self, *words: str) -> list[str]:
        return [*PROGRAM, "-c", str(self.config), *words]

    def run(self, *words: str, wrapper: Sequence[str] = (), within: float = PATIENCE) -> "subprocess.CompletedProcess[str]":
        """One command's answer, its output and its errors apart. `wrapper`: a program that runs it."""
        return run([*wrapper, *self.command(*words)], self.environment, self.directory, within)

    def ask(self, *words: str) -> Any:
        """What a command prints with --json."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def source(self, name: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = [source for source in self.ask("status")["sources"] if source["name"] == name]
        return found[0]

    def console(self, *words: str, size: tuple[int, int] = (120, 40), wrapper: Sequence[str] = ()) -> Console:
        """Closed at the end of the test, if not before. `wrapper`: a program that runs it."""
        return self._open.enter_context(Console([*wrapper, *self.command(*words)], self.environment, size, cwd=self.directory))

    def daemon(self) -> "subprocess.Popen[bytes]":
        """`--headless` in the background, answering; killed at the end of the test."""
        with (self.directory / "daemon.log").open("ab") as log:
            daemon = subprocess.Popen(
                self.command("--headless"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd=self.directory,
                start_new_session=True,
            )
        self._open.callback(_end, daemon)
        until(lambda: self.pid("relay") is not None or daemon.poll() is not None, "a daemon with its relay")
        return daemon

    def partner(self) -> Peer:
        return self._open.enter_context(Peer(self.port))

    def log(self, name: str = "daemon.log") -> str:
        path = self.directory / name
        return path.read_text(errors="replace") if path.exists() else ""

    def pid(self, part: str) -> int | None:
        """Of the monitor or the relay that runs here: it holds its lock and answers on its socket."""
        run_directory = self.relay / "run"
        with contextlib.suppress(OSError, ValueError):
            pid = int((run_directory / f"{part}.lock").read_text())
            if (run_directory / f"{part}.sock").exists() and is_ours(pid, self.config):
                return pid
        return None

    def running(self, part: str) -> int:
        """The same, waited for."""
        until(lambda: self.pid(part) is not None, f"a {part}")
        pid = self.pid(part)
        assert pid is not None
        return pid

    def is_over(self) -> bool:
        """Nothing of ours runs and nothing is left in the way."""
        return all(self.pid(part) is None for part in PARTS) and not list((self.relay / "run").glob("*.sock"))

    def inbox(self) -> list[str]:
        """All published lines, in the order of their process numbers: a record with its number stored twice would stand here twice."""
        files = (self.relay / "inbox" / "partner-a").glob("[0-9]*_request*.txt")
        return sorted((line for file in files for line in file.read_text().splitlines()), key=lambda line: line.split("|")[2])

    def close(self) -> None:
        self._open.close()
        for part in PARTS:
            with contextlib.suppress(OSError, ValueError):
                kill(int((self.relay / "run" / f"{part}.lock").read_text()), self.config)


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()
    process.wait(10)


def kill(pid: int, config: Path) -> None:
    """Only what was started for that configuration: numbers of processes come again."""
    if is_ours(pid, config):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def is_ours(pid: int, config: Path) -> bool:
    try:
        return os.fsencode(config) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def is_alive(pid: int) -> bool:
    """Runs; a process that is dead and not yet buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def memory_kib(pid: int) -> int:
    """Resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])


def run(
    command: Sequence[str], environment: Mapping[str, str], directory: Path, within: float = PATIENCE
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, env=environment, cwd=directory, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=within, check=False
    )


def until(holds: Callable[[], bool], what: str, within: float = PATIENCE) -> None:
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, f"no {what} within {within:.0f} s"
        time.sleep(0.03)


@contextlib.contextmanager
def home(sections: Mapping[str, Any] | None = None, relay: Mapping[str, Any] | None = None) -> Iterator[Home]:
    directory = Path(tempfile.mkdtemp(prefix="stories."))
    found = Home(directory, sections, relay)
    try:
        yield found
    finally:
        found.close()
        shutil.rmtree(directory, ignore_errors=True)
