"""Where partners by TLS wait until their handshake is done: each of them holds one of the receiver's places from the first moment on."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

from relay.receiving.admission import Admission, Verdict
from relay.receiving.connection import Connection
from relay.receiving.encrypted import Encrypted, Failed
from relay.tls import ServerTls

SAID_AGAIN: Final = 60.0  # seconds in which failures are counted only: one event for each of a flood would hide all others


class Gate:
    """`make(described)` is the connection of a partner that came in; `trouble(severity, text)` reaches the operator."""

    def __init__(
        self, tls: ServerTls, admission: Admission, make: Callable[[str], Connection], trouble: Callable[[str, str], None]
    ) -> None:
        self.tls = tls
        self._admission = admission
        self._make = make
        self._trouble = trouble
        self._waiting: set[Encrypted] = set()
        self.failed: Counter[str] = Counter()
        self._last_error: str | None = None
        self._said_at: float | None = None
        self._unsaid = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def last_error(self) -> str | None:
        """Of our own certificates first: who mends them mends it for all partners."""
        return self.tls.files.error or self._last_error

    def accept(self) -> Encrypted:
        return Encrypted(self)

    def begin(self, encrypted: Encrypted) -> bool:
        """False: nobody can be told why before the handshake; it is counted."""
        if self._admission.judge(encrypted.address) is not Verdict.WELCOME:
            return False
        self._admission.enter(encrypted.address)
        self._waiting.add(encrypted)
        return True

    def succeed(self, encrypted: Encrypted, described: str) -> Connection:
        """Its place is that of the connection now, which enters in the same turn."""
        self.leave(encrypted)
        return self._make(described)

    def leave(self, encrypted: Encrypted) -> None:
        if encrypted in self._waiting:
            self._waiting.remove(encrypted)
            self._admission.leave(encrypted.address)

    def fail(self, encrypted: Encrypted, why: Failed, text: str) -> None:
        self.failed[why.value] += 1
        self._last_error = f"{encrypted.peer}: {text}"
        now = asyncio.get_running_loop().time()
        if self._said_at is not None and now - self._said_at < SAID_AGAIN:
            self._unsaid += 1
            return
        more = f" (and {self._unsaid} more failed before, since the last such line)" if self._unsaid else ""
        self._said_at, self._unsaid = now, 0
        self._trouble("warning", self._last_error + more)

    def cut(self) -> None:
        for encrypted in list(self._waiting):
            encrypted.socket.abort()
