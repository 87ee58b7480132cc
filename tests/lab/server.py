"""One child process of the lab: started until it answers, ended by its own id, never by a name.

A restart keeps port, data and log. Every child dies with the lab, even when the lab is killed.
"""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from tests.lab.errors import LabError

REPOSITORY = Path(__file__).resolve().parents[2]
POLL_S = 0.05
HANG_LIMIT_S = 5.0
PORTS = range(20_000, 32_000)  # below Linux' ephemeral range, so that no outgoing connection takes a port between two starts

# PR_SET_PDEATHSIG fires when the *thread* that forked ends, not the process: one thread that lives to the end forks for all.
_FORK = ThreadPoolExecutor(1, thread_name_prefix="lab-fork")
_SETPRIV = shutil.which("setpriv")  # util-linux; where it is missing a killed lab leaves its children to the init process
_taken: set[int] = set()


def free_port() -> int:
    """A port nobody listens on, and which this process gave to nobody else."""
    for _ in range(200):
        port = random.choice(PORTS)
        if port in _taken:
            continue
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            _taken.add(port)
            return port
    raise LabError(f"no free port between {PORTS.start} and {PORTS.stop} on 127.0.0.1")


def spawn(
    command: Sequence[str],
    *,
    output: IO[bytes] | int,
    errors: IO[bytes] | int = subprocess.STDOUT,
    environment: Mapping[str, str] | None = None,
    directory: Path = REPOSITORY,
    foreground: bool = False,
) -> subprocess.Popen[bytes]:
    """Starts a child that dies with us; `foreground` leaves it on our terminal, otherwise it has a session of its own."""
    guard = [_SETPRIV, "--pdeathsig", "KILL", "--"] if _SETPRIV else []

    def fork() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*guard, *command],
            stdin=None if foreground else subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env={**os.environ, **(environment or {})},
            cwd=directory,
            start_new_session=not foreground,
        )

    return _FORK.submit(fork).result(30)


class Server:
    """A child process with a log file. Subclasses say what to `prepare` and when it `is_ready`."""

    start_limit_s = 60.0
    stop_limit_s = 10.0
    rest_s = 0.0  # a start this soon after kill() waits first

    def __init__(self, name: str, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.directory = directory
        self.log = directory / f"{name}.log"
        self.start_s: float | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._killed_at = 0.0

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        return {}

    def prepare(self) -> None:
        """Writes what the process needs; called before each start, so it keeps data that is there."""

    def is_ready(self) -> bool:
        raise NotImplementedError

    def address(self) -> str:
        return ""

    @property
    def pid(self) -> int:
        if self._process is None:
            raise LabError(f"{self.name} was never started")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        if self.is_running:
            return
        if self._killed_at:
            time.sleep(max(0.0, self._killed_at + self.rest_s - time.monotonic()))
        began = time.monotonic()
        self.prepare()
        with self.log.open("ab") as log:
            self._process = spawn(self.command(), output=log, environment=self.environment())
        while not self.is_ready():
            if not self.is_running or time.monotonic() - began > self.start_limit_s:
                ended = "ended" if not self.is_running else f"gave no answer in {self.start_limit_s:.0f} s"
                self.kill()
                raise LabError(f"{self.name} {ended}; its log is {self.log}:\n{self.tail()}")
            time.sleep(POLL_S)
        self.start_s = round(time.monotonic() - began, 2)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when that is not enough; a hung process is woken first."""
        if self._process is None or not self.is_running:
            return
        self._process.send_signal(signal.SIGTERM)
        self._process.send_signal(signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self.stop_limit_s)
            return
        self.kill()

    def kill(self) -> None:
        if self._process is None or not self.is_running:
            return
        self._process.kill()
        self._process.wait(10)
        self._killed_at = time.monotonic()

    def hang(self) -> None:
        """Stops the process where it is: connections stay open and nobody answers. `resume` ends it."""
        if not self.is_running:
            raise LabError(f"{self.name} does not run")
        hang(self.pid)

    def resume(self) -> None:
        if self._process is None or not self.is_running:
            raise LabError(f"{self.name} does not run")
        self._process.send_signal(signal.SIGCONT)

    def tail(self, size: int = 2000) -> str:
        """The end of the log."""
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""

    def describe(self) -> dict[str, object]:
        facts = {"address": self.address(), "pid": self.pid, "log": str(self.log), "start_s": self.start_s}
        return facts


def hang(pid: int) -> None:
    """SIGSTOP, and a wait until it has reached every thread: on a busy machine one of them may answer yet."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + HANG_LIMIT_S
    while not all(_is_stopped(thread) for thread in Path(f"/proc/{pid}/task").glob("*/stat")):
        if time.monotonic() > deadline:
            raise LabError(f"process {pid} does not stop")
        time.sleep(0.001)


def _is_stopped(stat: Path) -> bool:
    """A thread that has ended meanwhile answers nobody, either."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0] in "TtZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def start_together(servers: Sequence[Server]) -> None:
    """Returns when all of them answer. Raises the first LabError; the others may run then."""
    with ThreadPoolExecutor(len(servers)) as pool:
        list(pool.map(lambda server: server.start(), servers))


def kill_together(servers: Sequence[Server]) -> None:
    """For servers whose data nobody needs any more."""
    for server in servers:
        server.kill()


def ask(port: int, request: bytes, size: int) -> bytes:
    """The first `size` bytes of the answer, fewer when there are no more, none when nobody answers within a second."""
    answer = b""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as peer:
        peer.sendall(request)
        while len(answer) < size and (chunk := peer.recv(size - len(answer))):
            answer += chunk
    return answer
