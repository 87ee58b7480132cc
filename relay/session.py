"""One partner's conversation with a receiver: bytes and time in, actions out. No sockets, no disk, no clock.

Lines are taken many at once. Those that need the disk, or the fate of a record that is on its way there, form a `Run`: answers that wait
for one batch. Runs and ready answers stand in one queue and leave it in the order of the requests.

What happens:   received, ended (the peer's end of file), settled (the batch of a run), blocked and unblocked (the peer does not read),
                tick (once a second), drain.
What to do:     Send, Store, Keep, Pause and Resume (reading), Finish (shut down our side, hear the peer out for a second), Close, Abort.
"""

from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from operator import is_
from typing import Final, NamedTuple

from relay.commit import NONE, Refusals
from relay.config import ReceiverTimeouts
from relay.record import Layout
from relay.seen import DIGEST_BITS, DIGEST_MASK, Seen, digest

WINDOW: Final = 256  # unanswered records of one connection; more than a commit takes from one partner gains nothing
LINGER: Final = 1.0  # seconds after the last answer that a connection we end may take to read it


class Run:
    """Answers that depend on one batch. `data` and `keys` are to be stored; both are empty when it only waits for another's record."""

    __slots__ = ("acks", "answers", "batch", "conflicts", "count", "data", "digests", "echoes", "is_lost", "is_settled", "keys")

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.data = b""
        self.keys: list[bytes] = []
        self.digests: list[int] = []
        self.answers: list[bytes] = []  # if the batch is stored
        self.echoes: Sequence[bytes | None] = ()  # if it is not: whom to refuse; None is an answer that stands either way
        self.conflicts: list[bytes] = []  # lines that are kept if it is stored
        self.count = 0
        self.acks = 0  # positive ones among them
        self.is_settled = False
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
        if self.total is not None:
            self.total.heard(size)

    def took(self, records: int, now: float) -> None:
        self.records += records
        self.last_record_at = now
        if self.total is not None:
            self.total.took(records, now)

    def acked(self, count: int) -> None:
        self.acks += count
        if self.total is not None:
            self.total.acked(count)

    def repeated(self) -> None:
        self.duplicates += 1
        if self.total is not None:
            self.total.repeated()

    def refuse(self, code: int, count: int = 1) -> None:
        self.naks[code] = self.naks.get(code, 0) + count
        if self.total is not None:
            self.total.refuse(code, count)


class Session:
    """`ended_by` says which deadline ended it: first_byte, record, idle or unread."""

    def __init__(self, layout: Layout, seen: Seen, timeouts: ReceiverTimeouts, now: float, total: Counters | None = None) -> None:
        self._layout = layout
        self._seen = seen
        self._timeouts = timeouts
        self._buffer = b""
        self._has_lines = False  # whole lines in the buffer, waiting for room in the window
        self._queue: deque[Run] = deque()
        self._unanswered = 0
        self._is_reading = True
        self._is_blocked = False
        self._is_deaf = False  # what comes is thrown away: too_long, drain, a deadline
        self._is_ended = False  # the peer will say no more
        self._is_done = False  # Finish or Close was said
        self._began_at = self._heard_at = self._line_at = now
        self._linger_until: float | None = None
        self._unsent = 0
        self._unsent_at = now
        self.counters = Counters(total)
        self.ended_by: str | None = None

    @property
    def state(self) -> str:
        if self._is_done:
            return "ending"
        if self._is_blocked:
            return "peer does not read"
        if self._is_deaf or self._is_ended:
            return "draining"
        if self._unanswered:
            return "storing"
        return "reading" if self._buffer else "idle"

    @property
    def is_in_trouble(self) -> bool:
        """Something an operator would look for among 10,000 connections."""
        return self._is_blocked or bool(self.counters.naks)

    # What happens.

    def received(self, data: bytes, now: float) -> list[Action]:
        if self._is_deaf or self._is_ended:
            return []
        self.counters.heard(len(data))
        self._heard_at = now
        had_part = bool(self._buffer)
        self._buffer = self._buffer + data if had_part else data
        if not self._has_lines:
            if b"\n" in data:
                self._has_lines = True
                self._line_at = now
            elif not had_part:
                self._line_at = now
        return self._go_on(now)

    def ended(self, now: float) -> list[Action]:
        """The peer's end of file: what it sent is answered to the end."""
        self._is_ended = True
        return [Do.CLOSE] if self._is_done else self._go_on(now)

    def settled(self, run: Run, is_stored: bool, now: float, refusals: Refusals = NONE) -> list[Action]:
        run.is_settled = True
        run.is_lost = not is_stored
        if refusals:
            self._take_back(run, refusals)
        if is_stored and run.conflicts:
            code = self._layout.codes.conflict
            self.counters.refuse(code, len(run.conflicts))
            kept: list[Action] = [Keep(code, line) for line in run.conflicts]
            return kept + self._go_on(now)
        return self._go_on(now)

    def _take_back(self, run: Run, refusals: Refusals) -> None:
        """Single records of the batch were refused: whoever waits for one of them hears its code."""
        refused = [(place, key, refusals[key]) for place, key in enumerate(run.echoes) if key is not None and key in refusals]
        run.answers = list(run.answers)
        for place, key, code in refused:
            run.answers[place] = self._layout.answer(key, code)
            self.counters.refuse(code)
        run.acks -= len(refused)

    def blocked(self) -> list[Action]:
        """The peer does not read its answers."""
        self._is_blocked = True
        return self._pace(0.0)

    def unblocked(self, now: float) -> list[Action]:
        self._is_blocked = False
        return self._pace(now)

    def drain(self, now: float) -> list[Action]:
        """Answers the whole lines that came, takes no more, and ends."""
        if self._is_deaf:
            return []
        self._is_deaf = True
        if not self._has_lines:
            self._buffer = b""
        return self._go_on(now)

    def tick(self, now: float, unsent: int) -> list[Action]:
        """`unsent`: bytes that wait in our side of the socket. Ends what is overdue."""
        if self._linger_until is not None:
            return [Do.ABORT if unsent else Do.CLOSE] if now >= self._linger_until else []
        if unsent == 0 or unsent != self._unsent:
            self._unsent, self._unsent_at = unsent, now
        elif now - self._unsent_at >= self._timeouts.unread:
            self.ended_by = "unread"
            return [Do.ABORT]
        if self._is_deaf or self._is_ended or not self._is_reading or self._unanswered:
            return []
        return self._overdue(now)

    def _overdue(self, now: float) -> list[Action]:
        """Nothing is owed to the peer; it is its turn to speak."""
        limits = self._timeouts
        if self._buffer:
            if now - self._line_at < limits.record:
                return []
            self.ended_by = "record"
            self._answer_part()
        elif self.counters.bytes == 0:
            if now - self._began_at < limits.first_byte:
                return []
            self.ended_by = "first_byte"
        elif now - self._heard_at >= limits.idle:
            self.ended_by = "idle"
        else:
            return []
        self._is_deaf = True
        return self._go_on(now)

    # What follows from it.

    def _go_on(self, now: float) -> list[Action]:
        actions: list[Action] = []
        while True:
            if self._queue and self._queue[0].is_settled:
                self._flush(actions)
            if not self._has_lines or self._unanswered >= WINDOW:
                break
            self._take(actions, now)
        if not self._has_lines and self._buffer:
            self._look_at_part(actions)
            if self._queue and self._queue[0].is_settled:
                self._flush(actions)
        if self._is_done:
            return actions
        if (self._is_deaf or self._is_ended) and not self._queue and not self._has_lines:
            self._end(actions, now)
        else:
            actions += self._pace(now)
        return actions

    def _pace(self, now: float) -> list[Action]:
        """Whether to read on."""
        wanted = self._is_deaf or self._is_ended or not (self._is_blocked or self._has_lines or self._unanswered >= WINDOW)
        if wanted == self._is_reading:
            return []
        self._is_reading = wanted
        if not wanted:
            return [Do.PAUSE]
        self._heard_at = self._line_at = now  # time in which we did not listen is not the peer's
        return [Do.RESUME]

    def _end(self, actions: list[Action], now: float) -> None:
        self._is_done = True
        if self._is_ended:
            actions.append(Do.CLOSE)
            return
        self._linger_until = now + LINGER
        actions.append(Do.FINISH)
        if not self._is_reading:
            self._is_reading = True
            actions.append(Do.RESUME)  # unread input would make the system reset the connection and destroy our last answers

    def _flush(self, actions: list[Action]) -> None:
        """Answers that stand at the head of the queue and are decided."""
        layout, counters = self._layout, self.counters
        answers: list[bytes] = []
        while self._queue and self._queue[0].is_settled:
            run = self._queue.popleft()
            self._unanswered -= run.count
            if run.is_lost:
                busy = layout.codes.storage
                for answer, key in zip(run.answers, run.echoes, strict=True):
                    answers.append(answer if key is None else layout.answer(key, busy))
                counters.refuse(busy, sum(key is not None for key in run.echoes))
            else:
                answers += run.answers
                counters.acked(run.acks)
        actions.append(Send(b"".join(answers)))

    def _look_at_part(self, actions: list[Action]) -> None:
        """The buffer is a line without its newline."""
        if len(self._buffer) >= self._layout.max_bytes:
            line = self._buffer[: self._layout.max_bytes]
            self._buffer = b""
            self._too_long(line, actions)
        elif self._is_ended:
            self._answer_part()

    def _answer_part(self) -> None:
        """It will never get its newline."""
        code = self._layout.codes.length
        run = Run(0)
        self._refuse(run, self._layout.echo(self._buffer), code)
        run.is_settled = True
        self._buffer = b""
        self._push(run)

    def _too_long(self, line: bytes, actions: list[Action]) -> None:
        """The last answer: where such a line ends, and whether the next is one, nobody can know."""
        code = self._layout.codes.too_long
        run = Run(0)
        self._refuse(run, self._layout.echo(line), code)
        run.is_settled = True
        actions.append(Keep(code, line))
        self._push(run)
        self._buffer = b""
        self._has_lines = False
        self._is_deaf = True

    def _refuse(self, run: Run, key: bytes, code: int) -> None:
        run.answers.append(self._layout.answer(key, code))
        run.count += 1
        self.counters.refuse(code)

    def _push(self, run: Run) -> None:
        self._queue.append(run)
        self._unanswered += run.count

    # Taking lines.

    def _take(self, actions: list[Action], now: float) -> None:
        """As many whole lines as the window has room for."""
        *lines, rest = self._buffer.split(b"\n")
        room = WINDOW - self._unanswered
        if len(lines) > room:
            self._buffer = b"\n".join([*lines[room:], rest])
            del lines[room:]
        else:
            self._buffer = b"" if self._is_deaf else rest
            self._has_lines = False
        self.counters.took(len(lines), now)
        block = b"\n".join(lines)
        keys = self._layout.keys(lines, block)
        if keys is None:
            self._take_each(lines, actions)
            return
        seen = self._seen
        batch = seen.collecting
        base = batch << DIGEST_BITS
        digests = list(map(digest, lines))
        values = [base | value for value in digests]
        found = list(map(seen.known.setdefault, keys, values))
        if not all(map(is_, found, values)):
            self._sort_out(lines, keys, values, found, actions)
            return
        run = Run(batch)
        run.data = block + b"\n"
        run.keys = run.echoes = keys
        run.digests = digests
        run.answers = self._layout.acks(keys)
        run.count = run.acks = len(keys)
        self._push(run)
        actions.append(Store(run))

    def _take_each(self, lines: list[bytes], actions: list[Action]) -> None:
        """At least one of them is wrong."""
        builder = _Builder(self._layout, self._seen, self.counters)
        for line in lines:
            code, key = self._layout.check(line)
            if code == self._layout.codes.accepted:
                value = self._seen.collecting << DIGEST_BITS | digest(line)
                builder.judge(line, key, value, self._seen.known.setdefault(key, value))
                continue
            if code == self._layout.codes.too_long:
                builder.finish(self._push, actions)
                self._too_long(line[: self._layout.max_bytes], actions)
                return
            actions.append(Keep(code, line))
            builder.refuse(key, code)
        builder.finish(self._push, actions)

    def _sort_out(self, lines: list[bytes], keys: list[bytes], values: list[int], found: list[int], actions: list[Action]) -> None:
        """All of them are right, and at least one number is known."""
        builder = _Builder(self._layout, self._seen, self.counters)
        for line, key, value, old in zip(lines, keys, values, found, strict=True):
            builder.judge(line, key, value, old)
        builder.finish(self._push, actions)


class _Builder:
    """Makes runs out of lines of every kind. An answer that depends on no batch joins the run before it: order keeps it there anyway."""

    def __init__(self, layout: Layout, seen: Seen, counters: Counters) -> None:
        self._layout = layout
        self._seen = seen
        self._counters = counters
        self._runs: list[Run] = []
        self._lines: list[bytes] = []  # to be stored, of the last run
        self._echoes: list[bytes | None] = []
        self._kept: list[Action] = []

    def refuse(self, key: bytes, code: int) -> None:
        self._add(None, None, self._layout.answer(key, code))
        self._counters.refuse(code)

    def judge(self, line: bytes, key: bytes, value: int, old: int) -> None:
        """`old` is what was known of the number; `value` itself when it was not."""
        if old is value:
            batch = value >> DIGEST_BITS
            run = self._add(batch, key, self._layout.answer(key, self._layout.codes.accepted))
            run.acks += 1
            run.keys.append(key)
            run.digests.append(value & DIGEST_MASK)
            self._lines.append(line)
            return
        is_same = old & DIGEST_MASK == value & DIGEST_MASK
        code = self._layout.codes.accepted if is_same else self._layout.codes.conflict
        batch_or_none = old >> DIGEST_BITS if self._seen.is_pending(old) else None
        answer = self._layout.answer(key, code)
        run = self._add(batch_or_none, None if batch_or_none is None else key, answer)
        if is_same:
            run.acks += 1
            self._counters.repeated()
        elif batch_or_none is None:
            self._counters.refuse(code)
            self._kept.append(Keep(code, line))
        else:
            run.conflicts.append(line)

    def finish(self, push: Callable[[Run], None], actions: list[Action]) -> None:
        self._close_run()
        actions += self._kept
        for run in self._runs:
            push(run)
            if run.batch:
                actions.append(Store(run))

    def _add(self, batch: int | None, key: bytes | None, answer: bytes) -> Run:
        run = self._runs[-1] if self._runs else None
        if run is None or (batch is not None and run.batch not in (0, batch)):
            self._close_run()
            run = Run(0)
            self._runs.append(run)
        if batch is not None:
            run.batch = batch
        run.answers.append(answer)
        self._echoes.append(key)
        run.count += 1
        return run

    def _close_run(self) -> None:
        if not self._runs:
            return
        run = self._runs[-1]
        run.echoes, self._echoes = self._echoes, []
        run.is_settled = run.batch == 0
        if self._lines:
            run.data = b"\n".join(self._lines) + b"\n"
            self._lines = []
