"""What a line must be, and what it is answered. Pure: bytes in, verdicts and bytes out; lines come here without their newline.

A line with several faults has the first of: too long, encoding, columns, type, length. The process number is echoed as soon as its column
is closed by a `|` or by the end of the line, and readable (UTF-8, no NUL); a number that may have been cut is never echoed.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from relay.config import Codes, Records, RequestLayout, ResponseLayout

TLS_HELLO: Final = b"\x16\x03"  # how a client that speaks TLS begins
CACHED_LENGTHS: Final = 16384  # lines up to this many bytes have their first columns ready; longer ones are rare and take 1 us more


class LayoutFault(Exception):
    """The configured columns cannot make a record; `key` below relay.records, and a sentence."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(f"relay.records.{key}: {text}")


class Verdict(NamedTuple):
    code: int
    key: bytes  # what is echoed; b"" when it could not be read


class Answer(NamedTuple):
    key: bytes
    code: int


class Layout:
    """The shape of requests and of the answers to them, compiled once."""

    def __init__(self, records: Records, codes: Codes) -> None:
        request = records.request
        _check_columns(request, records.response)
        self.codes = codes
        self.max_bytes = request.max_bytes
        self._columns = len(request.columns)
        self._separators = self._columns - 1
        self._key = request.columns.index(request.key)
        self._type = request.type.encode()
        self._digits = request.length.digits
        self._in_characters = request.length.counts == "characters"
        self._heads = _Heads(self._digits, self._type)
        self._head = self._digits + len(self._type) + 2
        self._answer = _AnswerShape(records, self._digits)
        self._accepted = codes.accepted
        self._acks: dict[int, tuple[bytes, bytes]] = {}
        self._longest_key = self._answer.room
        _check_room(self, request)

    def keys(self, lines: Sequence[bytes], block: bytes) -> list[bytes] | None:
        """The process numbers if every line is right, else None: then `check` says what is wrong with each.

        `block` is the same lines joined by newlines. This is where the relay spends its time, hence the many lines at once.
        """
        if not block.isascii():
            if self._in_characters:
                return None
            try:
                block.decode()  # valid as a whole exactly when each line is: no character holds a newline byte
            except UnicodeDecodeError:
                return None
        if b"\0" in block:
            return None
        heads, head, separators, key = self._heads, self._head, self._separators, self._key
        keys = []
        for line in lines:
            if line[:head] != heads[len(line)] or line.count(b"|") != separators or len(line) >= self.max_bytes:
                return None
            keys.append(line.split(b"|", key + 1)[key])
        return keys if all(keys) else None

    def check(self, line: bytes) -> Verdict:
        """One whole line. `code` is `codes.accepted` when it is right; duplicates are not looked for here."""
        if len(line) >= self.max_bytes:
            return Verdict(self.codes.too_long, self.echo(line))
        columns = line.split(b"|")
        key = _readable(columns[self._key]) if len(columns) > self._key else b""
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return Verdict(self.codes.encoding, key)
        if b"\0" in line:
            return Verdict(self.codes.encoding, key)
        if len(columns) != self._columns or not key:
            return Verdict(self.codes.columns, key)
        if columns[1] != self._type:
            return Verdict(self.codes.wrong_type, key)
        size = len(text) if self._in_characters else len(line)
        if columns[0] != b"%0*d" % (self._digits, size + 1):
            return Verdict(self.codes.length, key)
        return Verdict(self._accepted, key)

    def echo(self, part: bytes) -> bytes:
        """The process number of a line whose end did not come, or is too far away: only one that is closed by its `|` counts."""
        columns = part[: self.max_bytes].split(b"|", self._key + 1)
        return _readable(columns[self._key]) if len(columns) > self._key + 1 else b""

    def reason(self, line: bytes, code: int) -> str:
        """Why a line was refused, in words, for the quarantine."""
        codes = self.codes
        if line.startswith(TLS_HELLO):
            return "it looks like TLS, and this port is plain"
        if code == codes.too_long:
            return f"longer than {self.max_bytes} bytes"
        if code == codes.encoding:
            return "not UTF-8, or a NUL in it"
        columns = line.split(b"|")
        if code == codes.columns:
            if len(columns) == self._columns:
                return "the process number is empty"
            return f"{len(columns)} {'column' if len(columns) == 1 else 'columns'} instead of {self._columns}"
        if code == codes.wrong_type:
            return f"type {columns[1][:20].decode(errors='replace')!r} instead of {self._type.decode()!r}"
        if code == codes.length:
            size = len(line.decode(errors="replace")) if self._in_characters else len(line)
            return f"says {columns[0][:20].decode(errors='replace')!r}, is {size + 1} {'characters' if self._in_characters else 'bytes'}"
        return str(code)

    def answer(self, key: bytes, code: int) -> bytes:
        """The whole answer with its newline. A number that would not fit the digits of the length is not echoed."""
        before, after = self._answer.around(code)
        size = len(before) + len(key) + len(after) + self._digits
        if self._in_characters and not key.isascii():
            size += len(key.decode()) - len(key)
        if len(str(size)) > self._digits:
            return self.answer(b"", code)
        return b"%0*d" % (self._digits, size) + before + key + after

    def acks(self, keys: Sequence[bytes]) -> list[bytes]:
        """Positive answers, quickly."""
        ready = self._acks
        answers = []
        for key in keys:
            around = ready.get(len(key))
            if around is None or (self._in_characters and not key.isascii()):
                answers.append(self._ack(key))
            else:
                answers.append(around[0] + key + around[1])
        return answers

    def _ack(self, key: bytes) -> bytes:
        answer = self.answer(key, self._accepted)
        if key.isascii() and len(key) <= CACHED_LENGTHS:
            before, after = self._answer.around(self._accepted)
            self._acks[len(key)] = (answer[: self._digits] + before, after)
        return answer

    def read_answer(self, line: bytes) -> Answer | None:
        """A partner's answer, without its newline. None when it has not this layout: nothing in it is to be believed."""
        return self._answer.read(line, self._in_characters)


class _Heads(dict[int, bytes]):
    """By the size of a line without its newline: the first two columns it must begin with."""

    def __init__(self, digits: int, kind: bytes) -> None:
        super().__init__()
        self._digits = digits
        self._rest = b"|" + kind + b"|"

    def __missing__(self, size: int) -> bytes:
        head = b"%0*d" % (self._digits, size + 1) + self._rest
        if size <= CACHED_LENGTHS:
            self[size] = head
        return head


class _AnswerShape:
    """Length first; what stands before and behind the process number."""

    def __init__(self, records: Records, digits: int) -> None:
        columns = records.response.columns
        self._digits = digits
        self._columns = columns
        self._type = records.response.type.encode()
        self._key = columns.index(records.request.key)
        self._code = columns.index("code")
        self._around: dict[int, tuple[bytes, bytes]] = {}
        before, after = self.around(999)
        self.room = 10**digits - 1 - digits - len(before) - len(after)  # bytes that a process number may have

    def around(self, code: int) -> tuple[bytes, bytes]:
        ready = self._around.get(code)
        if ready is None:
            values = {"type": self._type, "code": b"%d" % code}
            texts = [values.get(name, b"") for name in self._columns]
            ready = (
                b"".join(b"|" + text for text in texts[1 : self._key]) + b"|",
                b"".join(b"|" + text for text in texts[self._key + 1 :]) + b"\n",
            )
            self._around[code] = ready
        return ready

    def read(self, line: bytes, in_characters: bool) -> Answer | None:
        try:
            size = len(line.decode()) if in_characters else len(line)
        except UnicodeDecodeError:
            return None
        columns = line.split(b"|")
        if len(columns) != len(self._columns) or columns[1] != self._type:
            return None
        code = columns[self._code]
        if columns[0] != b"%0*d" % (self._digits, size + 1) or len(code) != 3 or not code.isdigit():
            return None
        return Answer(columns[self._key], int(code))


def _readable(key: bytes) -> bytes:
    try:
        key.decode()
    except UnicodeDecodeError:
        return b""
    return b"" if b"\0" in key else key


def _check_columns(request: RequestLayout, response: ResponseLayout) -> None:
    for name, columns in (("request", request.columns), ("response", response.columns)):
        if columns[:2] != ["length", "type"]:
            raise LayoutFault(f"{name}.columns", "the first two are 'length' and 'type' in every record")
        if len(set(columns)) != len(columns):
            raise LayoutFault(f"{name}.columns", "a column stands twice")
        if request.key not in columns[2:]:
            raise LayoutFault(f"{name}.columns", f"the process number {request.key!r} is not among them")
    if set(response.columns) != {"length", "type", request.key, "code"}:
        raise LayoutFault("response.columns", f"an answer has length, type, {request.key} and code, and nothing else is known")
    for name, kind in (("request", request.type), ("response", response.type)):
        if not kind or any(mark in kind for mark in "|\n\r\0"):
            raise LayoutFault(f"{name}.type", f"{kind!r} cannot stand in a column")


def _check_room(layout: Layout, request: RequestLayout) -> None:
    """Every process number that can be accepted must be answerable within the digits of the length."""
    if request.max_bytes >= 10**request.length.digits:
        raise LayoutFault("request.max_bytes", f"{request.max_bytes} does not fit the {request.length.digits} digits of the length")
    longest = request.max_bytes - layout._head - (len(request.columns) - 3) - 1
    if layout._longest_key < 0 or longest > layout._longest_key:
        raise LayoutFault("request.max_bytes", f"an answer to a line of {request.max_bytes} bytes might not fit the digits of the length")
