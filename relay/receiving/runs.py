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
