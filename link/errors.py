"""What can go wrong between two of our processes, in words for an operator.

LinkError
├── ProtocolError       (link.protocol) the bytes are none of ours
├── Unreachable         nobody answers on the socket; `trouble` says why, for programs
├── SocketUnusable      we cannot listen there: path too long, directory open to others or of another user
├── AlreadyRunning      somebody listens there or holds the lock; `pid` says who
└── StartFailed         the program behind the socket was started and did not come up
"""

import errno
import os
import pwd
from pathlib import Path
from typing import Final, Literal

Trouble = Literal["absent", "died", "denied", "silent", "refused", "closed", "garbled", "unusable"]
GONE: Final = ("absent", "died")  # nobody is there: a program behind the socket may be started


class LinkError(Exception):
    """Everything this package raises on purpose; the text is a sentence for an operator."""


class Unreachable(LinkError):
    """`trouble`: absent (no socket), died (socket without a process), denied (permissions), silent (no word for three beats),
    refused (it said no), closed (it went away), garbled (not our protocol), unusable (the path can be no socket)."""

    def __init__(self, text: str, trouble: Trouble) -> None:
        super().__init__(text)
        self.trouble: Trouble = trouble


class SocketUnusable(LinkError):
    pass


class AlreadyRunning(LinkError):
    def __init__(self, text: str, pid: int | None) -> None:
        super().__init__(text)
        self.pid = pid


class StartFailed(LinkError):
    pass


def unreachable(path: Path, error: OSError) -> Unreachable:
    """Why connecting to the socket failed. Three errors that look alike are told apart: not running, died, not yours."""
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return Unreachable(f"not running: there is no socket {path}", "absent")
        case errno.ECONNREFUSED:
            return Unreachable(f"it died: its socket {path} is there, but no process behind it; start it again", "died")
        case errno.EACCES | errno.EPERM:
            return Unreachable(f"the socket {path} belongs to {_owner(path)}; you are {user_name(os.geteuid())}", "denied")
        case errno.ENOTSOCK | errno.EPROTOTYPE:
            return Unreachable(f"{path} is no socket of ours; remove it or set another relay.directory", "unusable")
        case errno.EAGAIN:
            return Unreachable(f"it hangs: it takes no connections on {path}", "silent")
        case errno.ECONNRESET | errno.EPIPE:
            return Unreachable(f"what listens on {path} closed the connection", "closed")
    return Unreachable(f"cannot connect to {path}: {error.strerror or error}", "unusable")


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _owner(path: Path) -> str:
    """Of the socket, or of the first directory above it that may be looked at."""
    for place in (path, *path.parents):
        try:
            return user_name(place.stat().st_uid)
        except OSError:
            continue
    return "another user"
