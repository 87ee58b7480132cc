"""Whether this relay is the one that sends from an outbox that several share. `election.py` asks ZooKeeper; alone, we always are."""

from typing import Final, Protocol


class Leadership(Protocol):
    """Of one sender. `fence` is the number of the term: every later leader has a greater one."""

    @property
    def state(self) -> str:
        """`alone`, `leader`, `standby`, or `lost`: the coordinator does not answer, so we do not send."""

    @property
    def why(self) -> str | None:
        """Why we do not send, for an operator; None while we do."""

    @property
    def fence(self) -> int | None: ...

    def may_send(self) -> bool:
        """Checked before each delivery, in the sender's file thread: may read a file on the shared storage, never waits for a network."""

    def changed(self) -> bool:
        """Once after each change: true when claims of earlier leaders may be taken back now."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...


class _Alone:
    state = "alone"
    why = None
    fence = None

    def may_send(self) -> bool:
        return True

    def changed(self) -> bool:
        return False

    async def start(self) -> None:
        return

    async def close(self) -> None:
        return


ALONE: Final[Leadership] = _Alone()
