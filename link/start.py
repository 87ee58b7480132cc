"""Connect to the socket; if nobody answers, start the program behind it and connect again. The same rule at each joint. Blocks.

Two lock files: the daemon holds LOCK for as long as it lives (`hold_lock`); who is about to start one holds LOCK.start, so that two
consoles at once start one daemon. flock(2): the kernel lets go of both when their process dies, however it dies.
"""

import contextlib
import fcntl
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from msgspec import Struct

from link.ask import greet
from link.errors import AlreadyRunning, SocketUnusable, StartFailed, Unreachable
from link.place import check_length, private_directory
from link.protocol import PROTOCOL, Hello

POLL: Final = 0.03  # seconds between two looks at a daemon that comes up
GREETING: Final = 2.0  # seconds that a running daemon has to say Welcome; then it hangs
PROBE_TOLERANCE: Final = 0.5  # seconds that `hold_lock` waits out somebody who only looks whether it is held
LOG_TAIL: Final = 4096  # bytes of the log in which its last line is looked for
LINE_LENGTH: Final = 300  # characters of it that go into the error

_children: list[subprocess.Popen[bytes]] = []  # started here; looked at on each call so that none stays a zombie


class Started(Struct, frozen=True):
    started: bool  # by us; False: it ran already
    pid: int


def connect_or_start(
    path: Path,
    lock: Path,
    argv: Sequence[str],
    log: Path,
    deadline: float = 10.0,
    *,
    hello: Hello = Hello((PROTOCOL,), "starter", "", wants="answers"),  # noqa: B008, an immutable value
) -> Started:
    """Blocks until the program behind `path` says Welcome. What it starts outlives us: own session, output appended to `log`.

    Raises SocketUnusable, StartFailed, or Unreachable when a program is there that will not talk to us.
    """
    for child in [child for child in _children if child.poll() is not None]:
        _children.remove(child)
    ends_at = time.monotonic() + deadline
    check_length(path)
    if (pid := _running(path, hello)) is not None:
        return Started(False, pid)
    private_directory(lock.parent)
    with _starting(lock, ends_at, deadline):
        while (holder := _holder(lock)) is not None:  # it comes up, goes down, or hangs: no second one beside it
            if (pid := _running(path, hello)) is not None:
                return Started(False, pid)
            if time.monotonic() > ends_at:
                raise StartFailed(f"pid {holder} holds {lock} and does not answer on {path} within {deadline:g} s; it hangs: kill {holder}")
            time.sleep(POLL)
        if (pid := _running(path, hello)) is not None:
            return Started(False, pid)
        return _start(path, lock, argv, log, ends_at, deadline, hello)


@contextlib.contextmanager
def hold_lock(lock: Path) -> Iterator[None]:
    """One daemon a lock file. Raises AlreadyRunning with the pid of the other, or SocketUnusable."""
    private_directory(lock.parent)
    ends_at = time.monotonic() + PROBE_TOLERANCE
    with _open(lock) as file:
        while not _take(file, fcntl.LOCK_EX):
            if time.monotonic() > ends_at:
                pid = _pid_in(file)
                raise AlreadyRunning(f"already running: pid {pid or 'unknown'} holds {lock}", pid)
            time.sleep(POLL)
        try:
            file.truncate(0)
            file.write(f"{os.getpid()}\n".encode())
        except OSError as error:
            raise SocketUnusable(f"cannot write the lock file {lock}: {error.strerror}") from None
        yield


def _running(path: Path, hello: Hello) -> int | None:
    """The pid of who answers; None when nobody does, or not in time."""
    try:
        return greet(path, hello, GREETING).pid
    except Unreachable as error:
        if error.trouble in ("absent", "died", "closed", "silent"):
            return None
        raise


@contextlib.contextmanager
def _starting(lock: Path, ends_at: float, deadline: float) -> Iterator[None]:
    with _open(lock.with_name(lock.name + ".start")) as file:
        while not _take(file, fcntl.LOCK_EX):
            if time.monotonic() > ends_at:
                raise StartFailed(f"another process has been starting it for {deadline:g} s (it holds {lock}.start)")
            time.sleep(POLL)
        yield


def _start(path: Path, lock: Path, argv: Sequence[str], log: Path, ends_at: float, deadline: float, hello: Hello) -> Started:
    with _open_log(log) as output:
        began_at = output.tell()
        try:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        except OSError as error:
            raise StartFailed(f"cannot start {argv[0]}: {error.strerror}") from None
    _children.append(child)
    while True:
        code = child.poll()
        if (pid := _running(path, hello)) is not None:  # perhaps another one, started by hand, that was quicker
            return Started(pid == child.pid, pid)
        if code is not None and _holder(lock) is None:
            raise StartFailed(f"it was started and ended at once ({_ended(code)}): {_last_line(log, began_at)}")
        if time.monotonic() > ends_at:
            raise StartFailed(f"pid {child.pid} was started and did not answer within {deadline:g} s: {_last_line(log, began_at)}")
        time.sleep(POLL)


def _ended(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"


def _last_line(log: Path, began_at: int) -> str:
    """The last thing it said, as one printable line."""
    try:
        with log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(began_at, end - LOG_TAIL))
            lines = file.read(LOG_TAIL).decode(errors="replace").split("\n")
    except OSError as error:
        return f"its log {log} cannot be read: {error.strerror}"
    said = next((line for line in reversed(lines) if line.strip()), None)
    if said is None and _is_full(log):
        return f"the disk is full, not even its log {log} can be written"
    if said is None:
        return f"it said nothing; its log is {log}"
    return "".join(character if character.isprintable() else " " for character in said.strip()[:LINE_LENGTH]) + f" (log: {log})"


def _is_full(log: Path) -> bool:
    try:
        return os.statvfs(log).f_bavail == 0
    except OSError:
        return False


def _open_log(log: Path) -> IO[bytes]:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab")
    except OSError as error:
        raise StartFailed(f"cannot write the log {log}: {error.strerror}") from None
    file.seek(0, os.SEEK_END)
    return file


def _open(lock: Path) -> IO[bytes]:
    try:
        return os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b", buffering=0)
    except OSError as error:
        raise SocketUnusable(f"cannot open the lock file {lock}: {error.strerror}") from None


def _take(file: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: Path) -> int | None:
    """The pid of the daemon that holds the lock, 0 when it has not written it yet; None when it is free."""
    with _open(lock) as file:
        return None if _take(file, fcntl.LOCK_SH) else _pid_in(file) or 0


def _pid_in(file: IO[bytes]) -> int | None:
    file.seek(0)
    text = file.read(20).strip()
    return int(text) if text.isdigit() else None
