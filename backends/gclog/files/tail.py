"""Follows one log that another process writes, rotates, truncates or replaces. Knows nothing of garbage collection.

Pieces come in the order in which they were written. `Changed` stands between two files (or two lives of one) of which the second does not
go on where the first ended: the unfinished line before it will never be finished. What a rotation moved aside between two looks is read
from where it went, by its name beside ours: `gc.log` becomes `gc.log.3` (unified logging, logrotate), `gc.log.0.current` becomes `gc.log.0`
(JDK 8). A look never trusts an offset alone: the beginning of the file and the last bytes that were read must still be there.

What is lost by nature (a log emptied that nobody copied, more rotations between two looks than there are archives) is counted in `gaps`.
"""

import errno
import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing

from msgspec import Struct, structs

from backends.gclog.files.family import (
    ANCHOR,
    CHUNK,
    FINGERPRINT,
    TRIES,
    UNREADABLE,
    Beside,
    Inode,
    Known,
    beside,
    endless,
    hole_of,
    in_order,
    open_regular,
    root_of,
    snapshot,
    text_of,
)
from backends.gclog.files.moved import Opened, are_one, begins_as, holds, is_copy, present_of

MAX_LEFT = 4  # files
EMPTIED = "the log was emptied, and no copy of it is left: what was written between two looks is lost"
OVERWRITTEN = "all archives are newer than the last look: with more rotations than archives, what the overwritten ones held is lost"
UNREAD = "{} could not be read: what it held is missing"
UNCOPIED = "{} bytes were written while the log was copied and truncated, and are in neither file"


class Changed(Struct, frozen=True):
    """What follows comes from another file, or from this one begun anew."""


class Tail:
    """One followed log. Holds at most one descriptor between two looks; not for several threads at once."""

    def __init__(self) -> None:
        self._file: Opened | None = None
        self._known = Known()
        self._left: dict[Inode, Opened] = {}  # the last few we were in: a link may be switched back, a writer may come late
        self.modified_at: float | None = None  # of the newest state seen
        self.gaps = 0  # times at which something was lost, or may have been
        self.gap: str | None = None  # the last of them, in words

    def open_at_end(self, path: str) -> int:
        """Starts to follow at the present end; returns that offset. Raises OSError."""
        self.close()
        file = self._start(path)
        size = os.fstat(file.descriptor).st_size
        begin = hole_of(file.descriptor)
        head = os.pread(file.descriptor, min(FINGERPRINT, max(0, size - begin)), begin)
        anchor = os.pread(file.descriptor, min(ANCHOR, size), max(0, size - ANCHOR))
        self._file = structs.replace(file, offset=size, begin=min(begin, size), head=head, anchor=anchor)
        return size

    @property
    def descriptor(self) -> int | None:
        return None if self._file is None else self._file.descriptor

    @property
    def inode(self) -> Inode | None:
        return None if self._file is None else self._file.inode

    def poll(self, path: str) -> Iterator[bytes | Changed]:
        """What was written since the last look. Raises OSError when there is nothing to read; what was read before stays read."""
        if self._file is None:
            self._file = self._start(path)
            yield from self._rest()
            return
        try:
            if self._is_begun_anew(path, self._file):
                yield from self._begun_anew(path, self._file)
            elif not self._file.offset and self._is_live(path, self._file):
                yield from self._moved_meanwhile(path, self._file)
            if self._file.offset or not self._is_live(path, self._file):
                yield from self._rest()
        except OSError as trouble:
            if trouble.errno != errno.ESTALE:
                raise
            yield from self._withdrawn(path)
        live = self._live(path)
        if _inode(live) != self._file.inode:  # raises when the name is gone: the descriptor is kept for when the writer still holds it
            yield from self._replaced(path, live)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file.descriptor)
            self._file = None

    # The present file

    def _open(self, path: str) -> Opened:
        descriptor = open_regular(path)
        found = os.fstat(descriptor)
        return Opened(descriptor, (found.st_dev, found.st_ino))

    def _start(self, path: str) -> Opened:
        """The first file. What is beside it then is nobody's news, so nothing may be rotated between the listing and the opening."""
        for _ in range(TRIES):
            with ExitStack() as stack:
                before = {one.inode for one in beside(path)}
                file = self._written(path)
                files = snapshot(stack, path)
                if before == {one.inode for one in files} or len(before) > len(files):
                    self._known.learn([one for one in files if one.inode != file.inode])
                    self.modified_at = os.fstat(file.descriptor).st_mtime
                    return file
                os.close(file.descriptor)
        raise endless(path)

    def _written(self, path: str) -> Opened:
        """The file that is written now: the newest archive as long as the log itself is empty (see `_replaced`)."""
        file = self._open(self._live(path))
        archives = [one for one in beside(path) if one.size and not one.is_packed and not one.is_current]
        if not archives or os.fstat(file.descriptor).st_size:
            return file
        os.close(file.descriptor)
        return self._open(max(archives, key=lambda one: one.modified_ns).path)

    def _is_begun_anew(self, path: str, file: Opened) -> bool:
        """Shorter than what was read, another beginning, or other bytes where we stopped reading. Where only a few bytes were read these
        say little: then also when a copy that begins like them goes on in another way than the file."""
        if not holds(file.descriptor, file):
            return True
        if len(file.head) == FINGERPRINT or not file.offset or os.fstat(file.descriptor).st_size == file.offset:
            return False
        with ExitStack() as stack:
            files, _, first = _at_one_time(stack, path, file)
            is_copied = any(is_copy(one, file) and not first.startswith(one.head) and not self._known.has(one) for one in files)
        return is_copied and self._is_live(path, file)

    def _rest(self) -> Iterator[bytes | Changed]:
        """From the offset to the end as it is now. Each piece is read together with the bytes before it, which must be those we know."""
        assert self._file is not None
        found = os.fstat(self._file.descriptor)
        self.modified_at = found.st_mtime
        if not self._file.offset:
            begin = hole_of(self._file.descriptor)
            if begin >= found.st_size:
                return
            yield from self._seam(self._file.copied, begin)
            self._file = structs.replace(self._file, offset=begin, begin=begin, head=b"", copied=None)
        while (file := self._file).offset < found.st_size:
            known = len(file.anchor)
            data = os.pread(file.descriptor, CHUNK + known, file.offset - known)
            if data[:known] != file.anchor or len(data) == known:
                return  # truncated just now: the next look sees to it
            self._advance(file, data[known:], data[-ANCHOR:])
            yield data[known:]

    def _advance(self, file: Opened, piece: bytes, anchor: bytes) -> None:
        head = file.head
        if file.offset - file.begin == len(head) < FINGERPRINT:
            head += piece[: FINGERPRINT - len(head)]
        self._file = structs.replace(file, offset=file.offset + len(piece), head=head, anchor=anchor, copied=None)

    # What became of it

    def _live(self, path: str) -> str:
        """The file that is written now. Of several `.N.current` the one that changed since the last look: restarts leave old ones, and
        their times may be from before a step of the clock."""
        root = root_of(path)
        if root == path and os.path.exists(path):  # noqa: PTH110
            return path
        currents = {file.path: file for file in beside(root) if file.is_current}
        own = None if self._file is None else self._file.inode
        changed = [file for file in currents.values() if own is not None and file.inode != own and self._known.changed(file)]
        kept = [file for file in currents.values() if file.inode == own]
        found = changed or kept or list(currents.values())
        return max(found, key=lambda file: (file.modified_ns, file.path)).path if found else path

    def _is_live(self, path: str, file: Opened) -> bool:
        """It still has the name; of one that was moved `_replaced` knows what came after it."""
        try:
            return _inode(self._live(path)) == file.inode
        except OSError:
            return False

    def _begun_anew(self, path: str, file: Opened) -> Iterator[bytes | Changed]:
        """It was emptied, and perhaps written again. A copy beside it has what we missed; what came after it may have been copied too."""
        with ExitStack() as stack:
            files, begin, first = _at_one_time(stack, path, file)
            missed = self._missed_copies(path, files, file, first)
            copy = next((one for one in missed if is_copy(one, file)), None)
            self._file = Opened(file.descriptor, file.inode)
            if copy is None:
                self._missed(EMPTIED)
            else:
                end = yield from self._moved(copy, file.offset)
                self._file = structs.replace(self._file, copied=end)
            is_live = self._is_live(path, file)
            yield from self._went_on([one for one in missed if one is not copy and is_live])
            yield from self._taken(begin, first)

    def _moved_meanwhile(self, path: str, file: Opened) -> Iterator[bytes | Changed]:
        """Nothing was read of it yet: what was written and moved aside since the last look lies beside it."""
        with ExitStack() as stack:
            files, begin, first = _at_one_time(stack, path, file)
            if len(self._known) and files and not any(self._known.has(one) for one in files):
                self._missed(OVERWRITTEN)
            yield from self._went_on(self._missed_copies(path, files, file, first))
            yield from self._taken(begin, first)

    def _missed_copies(self, path: str, files: list[Beside], file: Opened, first: bytes) -> list[Beside]:
        """Those of the lives of a file before the present one, which may be copied already, too: it is about to be emptied, and still has
        all that its copy has."""
        past = [one for one in files if one.inode != file.inode and not first.startswith(one.head or b"none")]
        missed = self._missed_files(past, file)
        if self._is_live(path, file):  # else `_replaced` asks what is new
            self._known.learn(past)
        return in_order(missed, None, are_copies=True)

    def _taken(self, begin: int, first: bytes) -> Iterator[bytes | Changed]:
        """The first bytes of the present life, read when the copies of those before were listed."""
        file = self._file
        assert file is not None
        if first:
            yield from self._seam(file.copied, begin)
            end = begin + len(first)
            self._file = Opened(file.descriptor, file.inode, end, begin, first[:FINGERPRINT], first[-ANCHOR:])
            yield first

    def _went_on(self, copies: list[Beside]) -> Iterator[bytes | Changed]:
        """Copies of what the file was, one after the other: a line may begin in one of them and end in the next, or in the file itself."""
        for copy in copies:
            assert self._file is not None
            begin = 0 if copy.is_packed or copy.descriptor < 0 else hole_of(copy.descriptor)
            yield from self._seam(self._file.copied, begin)
            end = yield from self._moved(copy, begin)
            self._file = structs.replace(self._file, copied=end)

    def _seam(self, copied: int | None, begin: int) -> Iterator[Changed]:
        """A JVM that keeps its offset over a truncation goes on exactly where the copy ended, or something fell between the two. One that
        appends goes on at the beginning."""
        if copied is None:
            yield Changed()
        elif begin > copied:
            self._missed(UNCOPIED.format(begin - copied))
            yield Changed()

    def _replaced(self, path: str, live: str) -> Iterator[bytes | Changed]:
        """The name belongs to another file: the old one is whole now, then those that came and went between two looks, then the new one.

        A new file that is empty may be logrotate's, while the JVM goes on in the renamed one: the renamed one is followed until somebody
        writes to the new one."""
        former = self._file
        assert former is not None
        with ExitStack() as stack:
            fresh, files = self._consistent(stack, path, live)
            missed = self._missed_files(files, former, fresh)
            is_empty = os.fstat(fresh.descriptor).st_size == 0
            if is_empty and not missed:
                self._ask_for_gaps(files, former)
                self._remember([one for one in files if one.inode != former.inode])
                return
            yield from self._rest()  # what it got before its writer turned to the new one
            former = self._file or former
            self._ask_for_gaps(files, former)
            missed = in_order(missed, next((one.number for one in files if one.inode == former.inode), None))
            if is_empty and missed and missed[-1].descriptor >= 0 and not missed[-1].is_packed:
                last = missed.pop()
                fresh = Opened(last.descriptor, last.inode)
            self._leave(former)
            self._file = self._again(structs.replace(fresh, descriptor=os.dup(fresh.descriptor)))
            self._known.learn([one for one in files if one.inode != fresh.inode], (former.inode, former.head))
            for each in missed:
                yield Changed()
                yield from self._moved(each, 0)
            if self._file.offset:
                yield Changed()
        yield from self._rest()

    def _leave(self, file: Opened) -> None:
        os.close(file.descriptor)
        self._left.pop(file.inode, None)
        self._left[file.inode] = structs.replace(file, descriptor=-1)
        if len(self._left) > MAX_LEFT:
            self._left.pop(next(iter(self._left)))

    def _again(self, fresh: Opened) -> Opened:
        """Where we stopped in a file that we were in before."""
        left = self._left.get(fresh.inode)
        return fresh if left is None or not holds(fresh.descriptor, left) else structs.replace(left, descriptor=fresh.descriptor)

    def _consistent(self, stack: ExitStack, path: str, live: str) -> tuple[Opened, list[Beside]]:
        """The new file, and what is beside it: nothing may be rotated between the two, or it would be read too early, or not at all."""
        for _ in range(TRIES):
            with ExitStack() as attempt:
                fresh = self._open(live)
                attempt.callback(os.close, fresh.descriptor)
                files = snapshot(attempt, path)
                if _inode(live) == fresh.inode:
                    stack.push(attempt.pop_all())
                    return fresh, files
            live = self._live(path)
        raise endless(path)

    def _withdrawn(self, path: str) -> Iterator[bytes | Changed]:
        """A file server has removed it under our descriptor: it is looked for by what it holds, first in its own place."""
        file = self._file
        assert file is not None
        live = self._live(path)
        fresh = self._open(live)
        os.close(file.descriptor)
        self._file = structs.replace(file, descriptor=fresh.descriptor, inode=fresh.inode)
        if not holds(fresh.descriptor, file):
            yield from self._begun_anew(path, self._file)
        yield from self._rest()

    # What was missed

    def _missed_files(self, files: list[Beside], *followed: Opened) -> list[Beside]:
        """Those with something in them that came since the last look, and are not just packed forms of others."""
        own = [one.inode for one in followed]
        plain = [one.head for one in files if not one.is_packed]
        plain += [present_of(one.descriptor, FINGERPRINT)[1] for one in followed]
        others = [one for one in files if one.inode not in own and one.size > 0 and not self._known.has(one)]
        return [one for one in others if not one.is_packed or _is_news(one.head, plain)]

    def _remember(self, files: list[Beside]) -> None:
        """Nothing is news in these; asked at each look as long as a log stays empty, so only what was never seen is read."""
        if not self._known.covers(files):
            self._known.learn(files)

    def _moved(self, file: Beside, offset: int) -> Generator[bytes, None, int]:
        """A file that came and went between two looks, or the rest of one; gives where it ends."""
        with closing(text_of(file, offset)) as text:
            try:
                for piece in text:
                    offset += len(piece)
                    yield piece
            except UNREADABLE:
                self._missed(UNREAD.format(file.path))
        return offset

    def _ask_for_gaps(self, files: list[Beside], former: Opened) -> None:
        """The oldest archives are overwritten first: where one from before is left, or the file we were in, everything after it is."""
        if os.fstat(former.descriptor).st_nlink > 0 or not files:
            return
        if not any(self._known.has(one) or (one.is_packed and begins_as(one, former)) for one in files):
            self._missed(OVERWRITTEN)

    def _missed(self, why: str) -> None:
        self.gaps += 1
        self.gap = why


def _at_one_time(stack: ExitStack, path: str, file: Opened) -> tuple[list[Beside], int, bytes]:
    """What is beside a file, where its own text begins, and its first piece: all in the same of its lives."""
    for _ in range(TRIES):
        with ExitStack() as attempt:
            begin, before = present_of(file.descriptor, FINGERPRINT)
            files = snapshot(attempt, path)
            again, first = present_of(file.descriptor, CHUNK)
            if begin == again and are_one(before, first[:FINGERPRINT]):
                stack.push(attempt.pop_all())
                return files, begin, first
    raise endless(path)


def _is_news(packed: bytes, plain: list[bytes]) -> bool:
    """It can be read, and is not what is being packed, which is still there as it was."""
    return packed != b"" and not any(head.startswith(packed) for head in plain)


def _inode(path: str) -> Inode:
    found = os.stat(path)  # noqa: PTH116
    return found.st_dev, found.st_ino
