"""Where a socket may live: a directory of our own that nobody else can enter. Nothing here waits."""

import os
import socket
import stat
import struct
from pathlib import Path
from typing import Final, NamedTuple

from link.errors import AlreadyRunning, SocketUnusable, unreachable, user_name

MAX_PATH: Final = 107  # bytes; sun_path of unix(7) holds 108 with its last NUL
BACKLOG: Final = 64
_credentials: Final = struct.Struct("3i")


class Credentials(NamedTuple):
    """Of the process at the other end, as the kernel knows them (SO_PEERCRED)."""

    pid: int
    uid: int
    gid: int


def credentials(connection: socket.socket) -> Credentials:
    return Credentials(*_credentials.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _credentials.size)))


def private_directory(path: Path) -> None:
    """Makes it with mode 0700 when it is missing. Raises SocketUnusable when it is not ours alone."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
    except OSError as error:
        raise SocketUnusable(f"cannot make the directory {path}: {error.strerror}") from None
    if found.st_uid != os.geteuid():
        raise SocketUnusable(f"the directory {path} belongs to {user_name(found.st_uid)}; you are {user_name(os.geteuid())}")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise SocketUnusable(f"the directory {path} is open to others; run: chmod 700 {path}")


def listen(path: Path) -> socket.socket:
    """A listening socket of mode 0600, not blocking. A socket left over from a dead process is replaced.

    Raises SocketUnusable, or AlreadyRunning when a process answers there.
    """
    check_length(path)
    private_directory(path.parent)
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(os.fspath(path))  # between this and the chmod only the directory's mode guards it; nobody else can enter that
        path.chmod(0o600)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise SocketUnusable(f"cannot listen on {path}: {error.strerror}") from None
    return listener


def check_length(path: Path) -> None:
    size = len(os.fsencode(path))
    if size > MAX_PATH:
        raise SocketUnusable(
            f"the path of the socket has {size} bytes, the system allows {MAX_PATH}; set a shorter relay.directory: {path}"
        )


def _remove_stale(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise SocketUnusable(f"{path} is in the way and no socket; remove it")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a hung process with a full backlog answers EAGAIN: alive
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except BlockingIOError:
            raise AlreadyRunning(f"already running: a process that hangs listens on {path}", None) from None
        except OSError as error:
            raise SocketUnusable(str(unreachable(path, error))) from None
        pid = credentials(probe).pid  # of a listening socket: the process that called listen()
        raise AlreadyRunning(f"already running: pid {pid} listens on {path}", pid)
