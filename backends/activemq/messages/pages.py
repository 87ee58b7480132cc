"""The messages that one answer holds: which match, how much of them is kept, and why they are not all. Pure."""

from collections.abc import Callable, Iterable
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from backends.activemq.counts import Counts
from backends.messages import Message, Way
from backends.questions import ANSWER_BYTES, BODY_BYTES, MAX_MESSAGES, WHOLE_BYTES, MessagesOf
from backends.wording import count

MAX_LOOKED: Final = 20_000  # messages that are looked into for one answer; those that are skipped only cost time, which has a bound, too
MAX_READ: Final = 64 << 20  # bytes of their bodies

Stop = Literal["full", "room", "looked", "read", "time"]


class Look:
    """What is looked through, within its bounds, from the head of the queue."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._seen = self._read = 0  # messages and bytes that were looked into
        self.looked = self.taken = 0
        self.stop: Stop | None = None

    def take(self, size: int, make: Callable[[], Message]) -> bool:
        """The next message, whose body has `size` bytes; it is made only where it is looked into. False: it was not taken, nor will others
        be."""
        if self.stop is None:
            self.stop = self._why_stop()
        if self.stop is not None:
            return False
        self.looked += 1
        if self._passes():
            return True
        self._seen += 1
        self._read += size
        return self._see(make)

    def _passes(self) -> bool:
        """Whether it is skipped without a look into it, which costs next to nothing."""
        return False

    def _see(self, make: Callable[[], Message]) -> bool:
        raise NotImplementedError

    def _why_stop(self) -> Stop | None:
        if self._limit is not None and self.taken >= self._limit:
            return "full"
        if self._seen >= MAX_LOOKED:
            return "looked"
        return "read" if self._read >= MAX_READ else None


class Roll(Look):
    """Ids alone."""

    def __init__(self, limit: int | None) -> None:
        super().__init__(limit)
        self.ids: list[str] = []

    def _see(self, make: Callable[[], Message]) -> bool:
        self.ids.append(make().id)
        self.taken += 1
        return True


class Page(Look):
    """What a question asks for: those that match, after as many as are to be skipped, cut to what an answer holds."""

    def __init__(self, question: MessagesOf) -> None:
        is_one = question.id is not None
        super().__init__(1 if is_one else min(max(question.limit, 1), MAX_MESSAGES))
        self._id, self._needle = question.id, "" if is_one else (question.text or "").casefold()
        self._skip = 0 if is_one else max(question.skip, 0)
        self._body = WHOLE_BYTES if question.whole or is_one else BODY_BYTES
        self._room = ANSWER_BYTES
        self.found: list[Message] = []
        self.skipped = 0
        self.blind = 0  # messages that did not match, and had no body to look into

    def _passes(self) -> bool:
        if self._needle or self.skipped >= self._skip:
            return False
        self.skipped += 1
        return True

    def _see(self, make: Callable[[], Message]) -> bool:
        message = make()
        if (self._id is not None and message.id != self._id) or not has(message, self._needle):
            self.blind += bool(self._needle) and message.kind == "empty"
            return True
        if self.skipped < self._skip:
            self.skipped += 1
            return True
        return self._keep(cut(message, self._body))

    def _keep(self, message: Message) -> bool:
        self._room -= weight(message)
        if self._room < 0 and self.found:  # a single one is never too much
            self.looked -= 1
            self.stop = "room"
            return False
        self.found.append(message)
        self.taken += 1
        return True


def has(message: Message, needle: str) -> bool:
    """`needle` is casefolded; it may stand in a header, in a property's name or value, or in the body."""
    if not needle:
        return True
    headers = (message.id, message.correlation_id, message.type, message.reply_to, message.group_id, message.original_destination)
    if any(needle in text.casefold() for text in headers if text):
        return True
    if any(needle in each.name.casefold() or needle in str(each.value).casefold() for each in message.properties):
        return True
    return message.body is not None and needle in message.body.decode(errors="replace").casefold()


def cut(message: Message, most: int) -> Message:
    """With no more than `most` bytes of its body; a text is cut between two characters."""
    body = message.body
    if body is None or len(body) <= most:
        return message
    kept = body[:most]
    if message.kind != "bytes":
        kept = kept[: len(kept.decode(errors="ignore").encode())] if body[most] & 0xC0 == 0x80 else kept
    return replace(message, body=kept)


def weight(message: Message) -> int:
    """About the bytes of it in an answer."""
    return 256 + len(message.body or b"") + sum(len(each.name) + len(str(each.value)) + 16 for each in message.properties)


def merged(stomp: Message, jolokia: Message) -> Message:
    """The body of the one, with the types and headers of the other: among STOMP's headers a property may have taken a header's place."""
    is_told = stomp.kind != "empty"
    is_ended = jolokia.kind == "text" and b"\0" in (jolokia.body or b"")  # STOMP ends a text at a NUL
    body, size = (stomp.body, stomp.body_size) if is_told and not is_ended else (jolokia.body, jolokia.body_size)
    same_time = stomp.at is not None and jolokia.at is not None and 0 <= stomp.at - jolokia.at < 1  # Jolokia 1.x tells whole seconds
    return replace(
        jolokia,
        kind=stomp.kind if is_told else jolokia.kind,
        body=body,
        body_size=size,
        at=stomp.at if same_time else jolokia.at,
        redeliveries=stomp.redeliveries,
    )


class Window(Struct, frozen=True):
    """What the broker showed for one answer. `is_end`: it had no more to show."""

    way: Way
    key: str  # of the broker in the configuration
    has_stomp: bool
    is_end: bool
    is_selected: bool  # by the broker, which tells nothing of the others


def why_not_all(look: Look, window: Window, queue: Counts) -> list[str]:
    """The reasons, in plain words, why what was looked through is not all of the queue, nor as much as was asked for."""
    if look.stop is not None:
        return [said] if (said := _stopped(look, queue)) else []
    if not window.is_end or (not window.is_selected and look.looked >= queue.pending):
        return []
    return [said] if (said := _hidden(look.looked, window, queue)) else []


def _stopped(look: Look, queue: Counts) -> str:
    looked = f"looked through the first {look.looked:,} of {queue.pending:,}"
    return {
        "room": f"cut at {ANSWER_BYTES >> 20} MiB, after {count(look.taken, 'message')}",
        "looked": looked,
        "read": f"{looked}, which hold {MAX_READ >> 20} MiB",
        "time": f"{looked}: the time was up",
    }.get(look.stop or "", "")


def _hidden(seen: int, window: Window, queue: Counts) -> str:
    """What the broker does not show although it is there."""
    first = queue.page
    where = "the selector was asked of these only" if window.is_selected else f"{seen:,} of {queue.pending:,} shown"
    if window.way == "jolokia" and queue.pending > first and (window.is_selected or seen >= first):
        more = "STOMP shows more" if window.has_stomp else f"{window.key}.stomp shows more"
        return f"the broker shows only the first {first:,} (Jolokia); {more}" + (f"; {where}" if window.is_selected else "")
    if queue.cached is False:
        return f"the broker holds only the head in memory: {where}; raise maxBrowsePageSize or the queue's memoryLimit"
    return "" if window.is_selected else f"the broker showed {seen:,} of {queue.pending:,}; the others came or went meanwhile"


def is_complete(look: Look, window: Window, queue: Counts) -> bool:
    """Whether every message of the queue was looked at, by us or by the broker for its selector."""
    return window.is_end and look.stop is None and not why_not_all(look, window, queue)


def unseen(page: Page) -> list[str]:
    """That a text may stand where it was not looked for."""
    if not page.blind:
        return []
    return [f"the text was not looked for in the bodies of {count(page.blind, 'message')}: STOMP does not tell them (maps, objects)"]


def untold(messages: Iterable[Message]) -> list[str]:
    """What the broker garbled, or did not tell, of these messages."""
    garbled = any(each.kind == "map" and each.body is not None and "\ufffd".encode() in each.body for each in messages)
    return ["the broker does not write every character of a map: \ufffd stands for those, such as emoji"] if garbled else []


def untyped(messages: Iterable[Message], why: str) -> list[str]:
    """`why`: the broker's own words, or nothing."""
    number = sum(1 for each in messages if each.properties and not each.is_typed)
    said = f"properties of {count(number, 'message')} came as text: Jolokia does not tell their types"
    return [said + (f" ({why})" if why else "")] if number else []
