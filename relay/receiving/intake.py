"""Whole lines in, runs of answers out: what is right and new, what was seen before, what is wrong. No I/O, no clock.

One intake serves all sessions of a receiver. Most lines are right and new, and many come at once: they are judged together.
"""

from operator import is_
from typing import NamedTuple

from relay.counters import Counters
from relay.receiving.runs import Keep, Run
from relay.record import Layout
from relay.storage.commit import Refusals
from relay.storage.seen import DIGEST_BITS, DIGEST_MASK, Seen, digest


class Taken(NamedTuple):
    runs: list[Run]
    kept: list[Keep]
    too_long: bytes | None = None  # the line at which the taking stopped


class Intake:
    def __init__(self, layout: Layout, seen: Seen) -> None:
        self.layout = layout
        self._seen = seen

    def take(self, lines: list[bytes], data: bytes, counters: Counters) -> Run | Taken:
        """`data` is the same lines, each with its newline. A single run: all of them are right and new."""
        keys = self.layout.keys(lines, data)
        if keys is None:
            return self._take_each(lines, counters)
        seen = self._seen
        batch = seen.collecting
        base = batch << DIGEST_BITS
        digests = list(map(digest, lines))
        values = [base | value for value in digests]
        found = list(map(seen.known.setdefault, keys, values))
        if all(map(is_, found, values)):
            return Run(batch, self.layout.acks(keys), keys, acks=len(keys), data=data, keys=keys, digests=digests)
        sorting = _Sorting(self.layout, seen, counters)
        for line, key, value, old in zip(lines, keys, values, found, strict=True):
            sorting.judge(line, key, value, old)
        return sorting.taken()

    def _take_each(self, lines: list[bytes], counters: Counters) -> Taken:
        """At least one of them is wrong."""
        layout, seen = self.layout, self._seen
        sorting = _Sorting(layout, seen, counters)
        for line in lines:
            code, key = layout.check(line)
            if code == layout.codes.accepted:
                value = seen.collecting << DIGEST_BITS | digest(line)
                sorting.judge(line, key, value, seen.known.setdefault(key, value))
            elif code == layout.codes.too_long:
                return sorting.taken(line[: layout.max_bytes])
            else:
                sorting.refuse(line, key, code)
        return sorting.taken()

    def refuse(self, run: Run, counters: Counters) -> list[bytes]:
        """The answers of a run whose batch is not stored."""
        layout = self.layout
        code = layout.codes.storage
        counters.refuse(code, sum(key is not None for key in run.echoes))
        return [answer if key is None else layout.answer(key, code) for answer, key in zip(run.answers, run.echoes, strict=True)]

    def take_back(self, run: Run, refusals: Refusals, counters: Counters) -> None:
        """Single records of the batch were refused: whoever repeated one of them hears its code. A line that would have been in conflict
        with one was not judged at all: it may come again."""
        layout = self.layout
        for place, key in enumerate(run.echoes):
            if key is None or key not in refusals:
                continue
            if run.conflicts.pop(place, None) is None:
                code = refusals[key]
                run.acks -= 1
            else:
                code = layout.codes.storage
            run.answers[place] = layout.answer(key, code)
            counters.refuse(code)


class _Sorting:
    """Makes runs out of lines of every kind. An answer that depends on no batch joins the run before it: order keeps it there anyway."""

    def __init__(self, layout: Layout, seen: Seen, counters: Counters) -> None:
        self._layout = layout
        self._seen = seen
        self._counters = counters
        self._runs: list[Run] = []
        self._kept: list[Keep] = []
        self._open: _Open | None = None  # the last run

    def refuse(self, line: bytes, key: bytes, code: int) -> None:
        self._kept.append(Keep(code, line))
        self._add(0, None, self._layout.answer(key, code))
        self._counters.refuse(code)

    def judge(self, line: bytes, key: bytes, value: int, old: int) -> None:
        """`old` is what was known of the number; `value` itself when it was not."""
        accepted = self._layout.codes.accepted
        if old is value:
            run = self._add(value >> DIGEST_BITS, key, self._layout.answer(key, accepted))
            run.acks += 1
            run.lines.append(line)
            run.keys.append(key)
            run.digests.append(value & DIGEST_MASK)
            return
        is_same = old & DIGEST_MASK == value & DIGEST_MASK
        code = accepted if is_same else self._layout.codes.conflict
        batch = old >> DIGEST_BITS if self._seen.is_pending(old) else 0
        run = self._add(batch, key if batch else None, self._layout.answer(key, code))
        if is_same:
            run.acks += 1
            self._counters.repeated()
        elif batch:
            run.conflicts[len(run.answers) - 1] = line
        else:
            self._counters.refuse(code)
            self._kept.append(Keep(code, line))

    def taken(self, too_long: bytes | None = None) -> Taken:
        self._close()
        return Taken(self._runs, self._kept, too_long)

    def _add(self, batch: int, echo: bytes | None, answer: bytes) -> "_Open":
        run = self._open
        if run is None or (batch and run.batch not in (0, batch)):
            self._close()
            run = self._open = _Open()
        run.batch = run.batch or batch
        run.answers.append(answer)
        run.echoes.append(echo)
        return run

    def _close(self) -> None:
        if (found := self._open) is None:
            return
        data = b"\n".join(found.lines) + b"\n" if found.lines else b""
        run = Run(found.batch, found.answers, found.echoes, acks=found.acks, data=data, keys=found.keys, digests=found.digests)
        run.conflicts = found.conflicts
        self._runs.append(run)


class _Open:
    """A run that may still grow."""

    def __init__(self) -> None:
        self.batch = 0
        self.acks = 0
        self.answers: list[bytes] = []
        self.echoes: list[bytes | None] = []
        self.lines: list[bytes] = []
        self.keys: list[bytes] = []
        self.digests: list[int] = []
        self.conflicts: dict[int, bytes] = {}
