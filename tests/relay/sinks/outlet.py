"""A broker that does what a test says, and remembers what it got."""

from collections.abc import Callable, Sequence

from relay.storage.commit import Refusals, StorageFailed

LIMIT = 300  # bytes; longer lines are refused


class Scripted:
    """`down`: every delivery fails, and each of more lines than `most`. `takes`: of the next delivery it keeps this many lines and fails
    then. `before`: called with each."""

    name = "a scripted broker"

    def __init__(self) -> None:
        self.down = False
        self.takes: int | None = None
        self.most = 1 << 30
        self.before: Callable[[Sequence[bytes]], None] = lambda lines: None
        self.got: list[bytes] = []
        self.calls = 0
        self.is_closed = False

    def deliver(self, lines: Sequence[bytes], keys: Sequence[bytes]) -> Refusals:
        assert len(lines) == len(keys)
        self.calls += 1
        self.before(lines)
        takes, self.takes = self.takes, None
        if self.down or takes is not None or len(lines) > self.most:
            self.got += lines[: takes or 0]
            raise StorageFailed(f"{self.name}: connection refused", is_space=False)
        self.got += [line for line in lines if len(line) <= LIMIT]
        return {key: 413 for line, key in zip(lines, keys, strict=True) if len(line) > LIMIT}

    def close(self) -> None:
        self.is_closed = True


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
