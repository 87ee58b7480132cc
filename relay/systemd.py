"""What systemd and we tell each other: sockets that it opened for us (sd_listen_fds(3)), how we are (sd_notify(3)), that we live.

Nothing of it is needed: without systemd's variables in the environment every call here does nothing.
"""

import contextlib
import logging
import os
import socket
import time
from collections.abc import MutableMapping
from typing import Final, NamedTuple

from settings.forms import join_address

log = logging.getLogger(__name__)

FIRST_DESCRIPTOR: Final = 3  # SD_LISTEN_FDS_START
UNNAMED: Final = "unknown"  # what systemd calls a descriptor without a name


class Inherited(NamedTuple):
    name: str
    socket: socket.socket

    @property
    def address(self) -> str:
        found = self.socket.getsockname()
        if not isinstance(found, tuple):
            return str(found)
        return join_address(*found[:2])


class Sockets:
    """Listening sockets that were there before us and will be there after us: whoever connects meanwhile waits in their queue."""

    def __init__(self, found: list[Inherited]) -> None:
        self.left = found

    def take(self, name: str, listen: str) -> socket.socket | None:
        """That of a receiver: FileDescriptorName= is its name, or the address is its own."""
        named = [each for each in self.left if each.name == name]
        bound = [each for each in self.left if each.address == listen]
        for each in (named + bound)[:1]:
            self.left.remove(each)
            return each.socket
        return None


def listening(environment: MutableMapping[str, str]) -> Sockets:
    """Those that the environment promises, which afterwards does not: our children must not believe that they are theirs."""
    pid, count = environment.pop("LISTEN_PID", ""), environment.pop("LISTEN_FDS", "")
    names = environment.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()) or not count.isascii() or not count.isdigit():
        return Sockets([])
    found = []
    for place in range(int(count)):
        descriptor = FIRST_DESCRIPTOR + place
        name = names[place] if place < len(names) else UNNAMED
        try:
            os.set_inheritable(descriptor, False)
            taken = socket.socket(fileno=descriptor)
        except OSError as error:
            log.warning("descriptor %d (%s) of systemd is no socket: %s", descriptor, name, error.strerror)
            continue
        if taken.type is socket.SOCK_STREAM and taken.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            found.append(Inherited(name, taken))
        else:
            log.warning(
                "descriptor %d (%s) of systemd does not listen; the socket unit needs ListenStream= and Accept=no", descriptor, name
            )
            taken.close()
    return Sockets(found)


class Notifier:
    """`alive_every`: seconds between two signs of life, None when nobody asked for them."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        address = environment.pop("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.alive_every = _watchdog(environment) if address else None
        self._alive_at: float | None = None
        self._status = ""

    def ready(self) -> None:
        self._say("READY=1")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def reloading(self) -> None:
        """`ready` ends it."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; said when it changes."""
        if text != self._status:
            self._status = text
            self._say("STATUS=" + text.replace("\n", " "))

    def alive(self, now: float) -> None:
        """Call it as often as you like."""
        if self.alive_every is not None and (self._alive_at is None or now - self._alive_at >= self.alive_every):
            self._alive_at = now
            self._say("WATCHDOG=1")

    def _say(self, text: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
            speaker.setblocking(False)  # a manager that does not listen must not hold us up
            speaker.sendto(text.encode(), self._address)


def _watchdog(environment: MutableMapping[str, str]) -> float | None:
    """Half of what systemd waits for, less a second: we speak once a second at most."""
    pid, wait = environment.pop("WATCHDOG_PID", ""), environment.pop("WATCHDOG_USEC", "")
    if pid not in ("", str(os.getpid())) or not wait.isascii() or not wait.isdigit() or not int(wait):
        return None
    return max(int(wait) / 2e6 - 1.0, 0.0)
