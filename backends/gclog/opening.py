"""The last state of a log of any size, found from its end. Costs the same for 1 MB and for 500.

Windows from the end, widened until they hold enough collections; before each a stretch that is read only to get into step, so that an event
cut by the window's beginning gives no figure. Where the end holds no collection (an application that writes into the same file), the last
one is looked for by its words: looking for a literal costs a hundredth of reading. So are full collections from before the window.
A file that a rotation began an hour ago goes on in front of itself, in its newest archives.
"""

import gzip
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from msgspec import Struct

from backends.gclog.events import Collected, Event, Launched, Named, Regioned, Sized
from backends.gclog.files.family import UNREADABLE, Beside, beside, open_as, root_of
from backends.gclog.files.tail import Tail
from backends.gclog.judging.account import Account
from backends.gclog.parsing.assemble import HEAD, Parser
from backends.gclog.parsing.detect import RANK

WINDOW, WINDOW_MAX = 256 << 10, 16 << 20  # bytes from the end: a thousand lines of one event each; thirty lines an event at worst
WIDER = 4
ENOUGH = 200  # collections in the first window for a first verdict; in one four times as wide a quarter of that
ENOUGH_FULL = 64
IN_STEP = 64 << 10  # bytes before a window: no event is longer
SEARCH_MAX = 256 << 20  # bytes searched for any collection at all, 0.1 s where nothing else is in the file
BLOCK, OVERLAP = 1 << 20, 64  # bytes searched at once, and again with the next
STEP, EVENT = 4 << 10, 64 << 10  # bytes read behind a word until its event is whole
BEFORE_FULL = 16 << 10  # bytes before the word of a full collection: the lines of its pools
RECALLED = 8  # full collections that a verdict wants, of those before the window
TRIES = 3 * RECALLED  # words looked at: each collection has two or three

COLLECTION_WORDS = {"unified": (b"GC(",), "legacy": (b"[GC", b"[Full GC", b"[Pause"), None: (b"GC(", b"[GC", b"[Full GC")}
FULL_WORDS = {
    "ZGC": (b"Garbage Collection (",),
    "ZGC generational": (b"Major Collection (",),
    "CMS": (b"Full GC", b"concurrent mode ", b"[CMS: "),
    "ParNew": (b"Full GC", b"concurrent mode ", b"[CMS: ", b"[Tenured"),
    "Serial": (b"Full GC", b"[Tenured"),
    "Epsilon": (),
}
"""By collector: the others have those of their family. A young collection that turns into a full one is called young in its first words."""
FULL_WORDS_OF = {"unified": (b"Pause Full",), "legacy": (b"Full GC", b"[Pause Full")}
CONTINUED = b"GC log file created"  # JDK 8 says so in a file that a rotation began, though it repeats its header there
FLAGS = b"CommandLine flags:"


class Found(Struct, frozen=True):
    account: Account
    parser: Parser
    first_at: float | None  # log time of the first event that was read
    is_whole: bool  # everything since the log began, or its JVM


class Text:
    """A log and its archives as one text. Positions are offsets in it."""

    def __init__(self, stack: ExitStack, descriptor: int, size: int) -> None:
        self._stack = stack
        self._parts: list[tuple[int, int, int]] = [(0, size, descriptor)]  # from, to, descriptor; newest first
        self.begin, self.end = 0, size

    def add(self, archive: Beside) -> bool:
        """In front of what is there; positions there are below zero."""
        descriptor = open_as(archive)
        if descriptor is None:
            return False
        self._stack.callback(os.close, descriptor)
        self._parts.append((self.begin - archive.size, self.begin, descriptor))
        self.begin -= archive.size
        return True

    def read(self, start: int, end: int) -> bytes:
        return b"".join(self.pieces(start, end))

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """One for each file."""
        for low, high, descriptor in reversed(self._parts):
            first, last = max(low, start), min(high, end)
            if first < last:
                yield os.pread(descriptor, last - first, first - low)

    def search_back(self, words: Sequence[bytes], end: int, stop: int) -> int | None:
        """Where the last of these words begins that ends before `end`."""
        while end > stop and words:
            start = max(stop, end - BLOCK)
            block = self.read(start, end)
            if (place := max(block.rfind(word) if word in block else -1 for word in words)) >= 0:
                return start + place
            if start == stop:
                return None
            end = start + OVERLAP
        return None


class Opening:
    """One first look. `run` gives what it found; the descriptor belongs to the tail."""

    def __init__(self, text: Text, archives: list[Beside]) -> None:
        self._text = text
        self._archives = archives  # newest first; those not added yet
        self._account, self._parser = Account(), Parser()
        self._first_at: float | None = None
        self._is_restarted = False  # within what was read
        self._heads: list[bytes] = []

    def run(self) -> Found:
        text = self._text
        is_continued = self._is_continued()
        if not is_continued:
            self._archives = []
        end, window = text.end, WINDOW
        self._heads = [text.read(0, min(HEAD, text.end))]
        while True:
            start = self._reach(end - window)
            self._parse(start, end)
            for _ in range(TRIES):
                if self._collections or (last := self._last_collection(start)) is None:
                    break
                end = self._end_of_lines(last)
                start = self._reach(end - window)
                self._parse(start, end)
            if start <= text.begin or self._is_enough(window) or window >= WINDOW_MAX:
                break
            window *= WIDER
        self._recall(start)
        is_whole = start <= text.begin and not (is_continued and self._archives) and end == text.end
        return Found(self._account, self._parser, self._first_at, is_whole)

    @property
    def _collections(self) -> int:
        return self._account.young + self._account.full

    def _is_enough(self, window: int) -> bool:
        account = self._account
        is_gauged = account.last is not None or account.last_heap is not None
        return is_gauged and (account.full >= ENOUGH_FULL or self._collections * window >= ENOUGH * WINDOW)

    def _is_continued(self) -> bool:
        """The file does not begin with the beginning of a JVM."""
        head = self._text.read(0, min(HEAD, self._text.end))
        if any(isinstance(event, Launched) for event in Parser().feed(head[: head.rfind(b"\n") + 1])):
            return False
        return CONTINUED in head or FLAGS not in head

    def _reach(self, start: int) -> int:
        """The position, or the first there is; with as many archives as it takes."""
        while start - IN_STEP < self._text.begin and self._archives:
            self._text.add(self._archives.pop(0))
        return max(start, self._text.begin)

    # Reading

    def _parse(self, start: int, end: int) -> None:
        """From nothing: what the head says of the collector, what gets us into step, the window, and the unfinished line at the end."""
        self._account, self._parser, self._first_at, self._is_restarted = Account(), Parser(), None, False
        text = self._text
        if start > 0:
            for head in self._believed(end):
                self._note([event for event in self._parser.feed(head) if isinstance(event, Named | Regioned)])
                self._parser.change_file()
        before = max(start - IN_STEP, text.begin)
        if before > text.begin:
            line = text.read(before, start).find(b"\n") + 1
            before = before + line if line else start
        self._in_step(before, start)
        self._feed(start, end)
        if end < text.end:
            last = text.read(max(end, text.end - EVENT), text.end)
            self._note(self._parser.feed(last[last.find(b"\n") + 1 :]))

    def _believed(self, end: int) -> list[bytes]:
        """The heads, unless the end of the log knows another collector: another JVM has gone on in the same file."""
        told = _collector(self._heads[0])
        last = self._text.read(max(self._text.begin, end - IN_STEP), end)
        seen = _collector(last[last.find(b"\n") + 1 :])
        return self._heads if told is None or seen is None or _are_akin(told, seen) else []

    def _in_step(self, start: int, end: int) -> None:
        is_timed = False
        for event in self._parser.feed(self._text.read(start, end)):
            if isinstance(event, Launched):
                self._is_restarted |= is_timed
            is_timed |= getattr(event, "at", None) is not None
            if isinstance(event, Named | Regioned):
                self._note([event])

    def _feed(self, start: int, end: int) -> None:
        for number, piece in enumerate(self._text.pieces(start, end)):
            if number:
                self._parser.change_file()
            self._note(self._parser.feed(piece))

    def _note(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Launched):
                self._is_restarted |= self._first_at is not None
            elif self._first_at is None:
                self._first_at = getattr(event, "at", None)
            self._account.note(event)

    # Searching

    def _last_collection(self, end: int) -> int | None:
        words = (b"Heap: ",) if self._account.collector == "Epsilon" else COLLECTION_WORDS[self._parser.style]
        return self._text.search_back(words, end + OVERLAP, max(self._text.begin, end - SEARCH_MAX))

    def _end_of_lines(self, place: int) -> int:
        """Behind the event that this word belongs to."""
        text = self._text.read(place, min(self._text.end, place + EVENT))
        return self._text.end if place + EVENT >= self._text.end else place + (text.rfind(b"\n") + 1 or len(text))

    def _recall(self, end: int) -> None:
        """The full collections before the window that a verdict wants, newest first, as long as they are of the same JVM."""
        wanted = RECALLED - self._account.full
        words = self._full_words()
        stop = max(self._text.begin, end - WINDOW_MAX)
        found: list[Collected] = []
        for _ in range(TRIES):
            if wanted <= len(found) or self._is_restarted or (place := self._text.search_back(words, end, stop)) is None:
                break
            end = self._text.read(max(stop, place - STEP), place).rfind(b"\n") + 1 + max(stop, place - STEP)
            full = self._full_at(end)
            if full is None or (found and full == found[-1]):
                continue
            if self._first_at is not None and full.at is not None and full.at > self._first_at:
                break
            found.append(full)
        self._account.recall(found[::-1])

    def _full_words(self) -> tuple[bytes, ...]:
        style, collector = self._parser.style, self._account.collector or ""
        if style is None:
            return ()
        return FULL_WORDS_OF[style] if style == "unified" and "ZGC" not in collector else FULL_WORDS.get(collector, FULL_WORDS_OF[style])

    def _full_at(self, line: int) -> Collected | None:
        """The full collection that this line, or for JDK 6-8 one of those that follow, completes. None where it is no such line."""
        text, parser, account = self._text, Parser(), Account()
        if self._account.region_kib is not None:
            account.note(Regioned(self._account.region_kib))
        before = text.read(max(text.begin, line - BEFORE_FULL), line)
        parser.feed(before[before.find(b"\n") + 1 :] if line - BEFORE_FULL > text.begin else before)
        if parser.style is None and self._parser.style is None:
            return None
        is_one_line = self._parser.style == "unified"
        for at in range(line, min(text.end, line + EVENT), STEP):
            data = text.read(at, min(text.end, at + STEP))
            if is_one_line:
                data = data[: data.find(b"\n") + 1]
            if _take(parser.feed(data), account) or is_one_line:
                break
        return account.last_full


def _take(events: list[Event], account: Account) -> bool:
    """Notes the first full collection and what is said of it afterwards. True when the next collection has begun."""
    for event in events:
        if isinstance(event, Collected) and account.last_full is not None:
            return True
        if (isinstance(event, Collected) and event.kind == "full") or (isinstance(event, Sized) and account.last_full is not None):
            account.note(event)
    return False


def open_log(tail: Tail, path: str) -> Found:
    """Starts to follow at the end, with the last state. Raises OSError."""
    size = tail.open_at_end(path)
    assert tail.descriptor is not None
    archives = [one for one in beside(path) if one.inode != tail.inode and one.number is not None and one.size and not one.is_current]
    archives.sort(key=lambda one: one.modified_ns, reverse=True)
    with ExitStack() as stack:
        is_archive = root_of(path) != path and not path.endswith(".current")  # which were before it is not known
        plain = [one for one in archives if not one.is_packed and not is_archive]
        found = Opening(Text(stack, tail.descriptor, size), plain).run()
    if found.account.collector == "G1" and found.account.region_kib is None:
        _ask(archives, found)
    return found


def _ask(archives: list[Beside], found: Found) -> None:
    """A rotated file has no header; the newest archive that has one tells the size of a region."""
    for archive in archives:
        try:
            with (gzip.open if archive.is_packed else open)(archive.path, "rb") as file:
                head = file.read(HEAD)
        except UNREADABLE:
            continue
        for event in Parser().feed(head[: head.rfind(b"\n") + 1]):
            if isinstance(event, Regioned):
                found.parser.know_region(event.region_kib)
                found.account.note(event)
                return


def _collector(data: bytes) -> str | None:
    names = [event.collector for event in Parser().feed(data[: data.rfind(b"\n") + 1]) if isinstance(event, Named)]
    return names[-1] if names else None


def _are_akin(told: str, seen: str) -> bool:
    """The same, or one of them says less: `ZGC` of `ZGC generational`, `ParNew` of CMS."""
    return told.split()[0] == seen.split()[0] or (RANK.get(told, 0) != RANK.get(seen, 0) and "ParNew" in (told, seen))
