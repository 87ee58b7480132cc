"""What a session keeps of lines it has taken, and what it asks for. Plain data, shared by session and intake."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple


class Run:
    """Answers that depend on one batch. `data` and `keys` are to be stored; both are empty when it only waits for another's record."""

    __slots__ = ("acks", "answers", "batch", "conflicts", "count", "data", "digests", "echoes", "is_lost", "is_settled", "keys")

    def __init__(
        self,
        batch: int,
        answers: list[bytes],
        echoes: Sequence[bytes | None],
        *,
        acks: int = 0,
        data: bytes = b"",
        keys: Sequence[bytes] = (),
        digests: Sequence[int] = (),
    ) -> None:
        self.batch = batch  # 0: the answers stand as they are
        self.answers = answers  # if the batch is stored
        self.echoes = echoes  # if it is not: whom to refuse; None is an answer that stands either way
        self.count = len(answers)
        self.acks = acks  # positive ones among the answers
        self.data = data
        self.keys = keys
        self.digests = digests
        self.conflicts: dict[int, bytes] = {}  # by the place of the answer: lines that are kept if the batch is stored
        self.is_settled = batch == 0
        self.is_lost = False


class Send(NamedTuple):
    data: bytes


class Store(NamedTuple):
    """Answer `settled` when `run.batch` is decided."""

    run: Run


class Keep(NamedTuple):
    """A refused line, for the quarantine or the conflicts."""

    code: int
    line: bytes


class Do(Enum):
    PAUSE = "pause"  # stop reading from the peer
    RESUME = "resume"
    FINISH = "finish"
    CLOSE = "close"
    ABORT = "abort"  # at once: the peer does not read


Action = Send | Store | Keep | Do


class Counters:
    """Of one connection, and as `total` of all that a receiver ever had. Kept as plain numbers: they change with every read, and the sum of
    10,000 connections is at hand whenever somebody looks."""

    __slots__ = ("acks", "bytes", "duplicates", "last_record_at", "naks", "records", "total")

    def __init__(self, total: "Counters | None" = None) -> None:
        self.total = total
        self.records = 0
        self.bytes = 0
        self.acks = 0
        self.duplicates = 0
        self.naks: dict[int, int] = {}
        self.last_record_at: float | None = None

    def heard(self, size: int) -> None:
        self.bytes += size
        if (total := self.total) is not None:
            total.bytes += size

    def took(self, records: int, now: float) -> None:
        self.records += records
        self.last_record_at = now
        if (total := self.total) is not None:
            total.records += records
            total.last_record_at = now

    def acked(self, count: int) -> None:
        self.acks += count
        if (total := self.total) is not None:
            total.acks += count

    def repeated(self) -> None:
        self.duplicates += 1
        if (total := self.total) is not None:
            total.duplicates += 1

    def refuse(self, code: int, count: int = 1) -> None:
        self.naks[code] = self.naks.get(code, 0) + count
        if self.total is not None:
            self.total.refuse(code, count)
