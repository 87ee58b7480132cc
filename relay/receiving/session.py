"""One partner's conversation with a receiver: bytes and time in, actions out. No sockets, no disk, no clock.

Lines are taken many at once. Those that need the disk, or the fate of a record that is on its way there, form a `Run`: answers that wait
for one batch. Runs and ready answers stand in one queue and leave it in the order of the requests.

What happens:   received, ended (the peer's end of file), settled (the batch of a run), blocked and unblocked (the peer does not read),
                tick (once a second, more often in a drain), drain.
What to do:     Send, Store, Keep, Pause and Resume (reading), Finish (shut down our side, hear the peer out for a second), Close, Abort.
"""

from typing import Final

from relay.config import ReceiverTimeouts
from relay.counters import Counters
from relay.receiving.intake import Intake
from relay.receiving.runs import Action, Do, Keep, Run, Send, Store
from relay.storage.commit import NONE, Refusals

__all__ = ["LINGER", "WINDOW", "Action", "Counters", "Do", "Keep", "Run", "Send", "Session", "Store"]

WINDOW: Final = 256  # unanswered records of one connection; more than a commit takes from one partner gains nothing
LINGER: Final = 1.0  # seconds after the last answer that a connection we end may take to read it
GRACE: Final = 1.0  # seconds in a drain for a record that is on its way: the connection was accepted, or the line begun, before it

NEWLINE: Final = 10


class Session:
    """`ended_by` says which deadline ended it: first_byte, record, idle or unread."""

    __slots__ = (
        "_began_at",
        "_buffer",
        "_drains_until",
        "_has_lines",
        "_heard_at",
        "_intake",
        "_is_blocked",
        "_is_deaf",
        "_is_done",
        "_is_ended",
        "_is_reading",
        "_line_at",
        "_linger_until",
        "_queue",
        "_timeouts",
        "_unanswered",
        "_unsent",
        "_unsent_at",
        "counters",
        "ended_by",
    )

    def __init__(self, intake: Intake, timeouts: ReceiverTimeouts, now: float, total: Counters | None = None) -> None:
        self._intake = intake
        self._timeouts = timeouts
        self._buffer = b""
        self._has_lines = False  # whole lines in the buffer, waiting for room in the window
        self._queue: list[Run] = []  # short: what came in one read is one run
        self._unanswered = 0
        self._is_reading = True
        self._is_blocked = False
        self._is_deaf = False  # what comes is thrown away: too_long, the end of a drain, a deadline
        self._is_ended = False  # the peer will say no more
        self._is_done = False  # Finish or Close was said
        self._began_at = self._heard_at = self._line_at = now
        self._drains_until: float | None = None
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
        if self._is_deaf or self._is_ended or self._drains_until is not None:
            return "draining"
        if self._unanswered:
            return "storing"
        return "reading" if self._buffer else "idle"

    @property
    def is_in_trouble(self) -> bool:
        """Something an operator would look for among 10,000 connections."""
        return self._is_blocked or bool(self.counters.naks)

    @property
    def is_reading(self) -> bool:
        """Pause and Resume say when this has changed."""
        return self._is_reading

    # What happens.

    def received(self, data: bytes, now: float) -> list[Action]:
        if self._is_deaf or self._is_ended:
            return []
        self.counters.heard(len(data))
        self._heard_at = now
        if data[-1] == NEWLINE and not self._buffer:  # whole lines and nothing before them: what nearly always comes
            self._line_at = now
            lines = data[:-1].split(b"\n")
            if len(lines) <= WINDOW - self._unanswered:
                actions: list[Action] = []
                self._take(lines, data, actions, now)
                return self._go_on(now, actions)
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
            self._intake.take_back(run, refusals, self.counters)
        kept: list[Action] = []
        if is_stored and run.conflicts:
            code = self._intake.layout.codes.conflict
            self.counters.refuse(code, len(run.conflicts))
            kept += [Keep(code, line) for line in run.conflicts.values()]
        return self._go_on(now, kept)

    def blocked(self) -> list[Action]:
        """The peer does not read its answers."""
        self._is_blocked = True
        return self._pace(0.0)

    def unblocked(self, now: float) -> list[Action]:
        self._is_blocked = False
        return self._pace(now)

    def drain(self, now: float) -> list[Action]:
        """Ends at the next boundary between records, at once if this is one. A peer that has not spoken yet, or is in the middle of a line,
        has GRACE seconds to finish it."""
        if self._drains_until is None:
            self._drains_until = now + GRACE
        return [] if self._is_deaf else self._go_on(now)

    def tick(self, now: float, unsent: int) -> list[Action]:
        """`unsent`: bytes that wait in our side of the socket. Ends what is overdue."""
        if self._linger_until is not None:
            return [Do.ABORT if unsent else Do.CLOSE] if now >= self._linger_until else []
        if self._drains_until is not None and now >= self._drains_until and not self._is_deaf:
            self._stop_listening()
            return self._go_on(now)
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

    def _go_on(self, now: float, actions: list[Action] | None = None) -> list[Action]:
        actions = [] if actions is None else actions
        while True:
            if self._queue and self._queue[0].is_settled:
                self._flush(actions)
            if not self._has_lines or self._unanswered >= WINDOW:
                break
            self._take_from_buffer(actions, now)
        if not self._has_lines and self._buffer:
            self._look_at_part(actions)
            if self._queue and self._queue[0].is_settled:
                self._flush(actions)
        if self._is_done:
            return actions
        if self._drains_until is not None and self.counters.bytes and not self._buffer:
            self._is_deaf = True
        if (self._is_deaf or self._is_ended) and not self._queue and not self._has_lines:
            self._end(actions, now)
        else:
            actions += self._pace(now)
        return actions

    def _stop_listening(self) -> None:
        """The whole lines that came are answered; the rest of one is neither stored nor refused: it will come again."""
        self._is_deaf = True
        if not self._has_lines:
            self._buffer = b""

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
        queue, answers = self._queue, []
        while queue and queue[0].is_settled:
            run = queue.pop(0)
            self._unanswered -= run.count
            answers += self._intake.refuse(run, self.counters) if run.is_lost else run.answers
            if run.acks and not run.is_lost:
                self.counters.acked(run.acks)
        actions.append(Send(b"".join(answers)))

    def _look_at_part(self, actions: list[Action]) -> None:
        """The buffer is a line without its newline."""
        if len(self._buffer) >= self._intake.layout.max_bytes:
            line = self._buffer[: self._intake.layout.max_bytes]
            self._buffer = b""
            self._too_long(line, actions)
        elif self._is_ended:
            self._answer_part()

    def _answer_part(self) -> None:
        """It will never get its newline."""
        part, self._buffer = self._buffer, b""
        self._refuse(part, self._intake.layout.codes.length)

    def _too_long(self, line: bytes, actions: list[Action]) -> None:
        """The last answer: where such a line ends, and whether the next is one, nobody can know."""
        code = self._intake.layout.codes.too_long
        self._refuse(line, code)
        actions.append(Keep(code, line))
        self._buffer = b""
        self._has_lines = False
        self._is_deaf = True

    def _refuse(self, part: bytes, code: int) -> None:
        """What is not a whole line."""
        layout = self._intake.layout
        self._push(Run(0, [layout.answer(layout.echo(part), code)], (None,)))
        self.counters.refuse(code)

    def _push(self, run: Run) -> None:
        self._queue.append(run)
        self._unanswered += run.count

    # Taking lines.

    def _take_from_buffer(self, actions: list[Action], now: float) -> None:
        """As many whole lines as the window has room for."""
        whole, newline, rest = self._buffer.rpartition(b"\n")
        lines = whole.split(b"\n")
        room = WINDOW - self._unanswered
        if len(lines) > room:
            self._buffer = b"\n".join([*lines[room:], rest])
            del lines[room:]
            whole = b"\n".join(lines)
        else:
            self._buffer = b"" if self._is_deaf else rest
            self._has_lines = False
        self._take(lines, whole + newline, actions, now)

    def _take(self, lines: list[bytes], data: bytes, actions: list[Action], now: float) -> None:
        """`data`: the same, each with its newline."""
        counters = self.counters
        counters.took(len(lines), now)
        taken = self._intake.take(lines, data, counters)
        if isinstance(taken, Run):
            self._push(taken)
            actions.append(Store(taken))
            return
        actions += taken.kept
        for run in taken.runs:
            self._push(run)
            if run.batch:
                actions.append(Store(run))
        if taken.too_long is not None:
            self._too_long(taken.too_long, actions)
