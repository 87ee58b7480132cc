"""Bytes from outside as an operator can read them: text, JSON, XML, hex. Pure; what is shown of a huge value is bounded and says so."""

from functools import lru_cache
from typing import Final

import msgspec

from tui import hexdump, xmlview
from tui.format import pad, size, visible, width
from tui.pane import Form

MAX_SHOWN: Final = 64 << 10  # bytes of one value on a page; a screen shows some 10 KiB
MAX_COPIED: Final = 64 << 10  # characters; more than this no clipboard takes, see tui.clipboard
MAX_LINE: Final = 400  # bytes that one line of a table could show
MAX_PARSED: Final = 1 << 20  # bytes that are laid out as JSON: some 10 ms
TEXT_SHARE: Final = 0.7  # of the characters that must be printable for bytes to be called text


@lru_cache(2048)
def one_line(data: bytes | None) -> str:
    """For a cell: text where it is text, else hex; never anything that could steer a terminal."""
    if data is None:
        return ""
    head = data[:MAX_LINE]
    if (text := _decoded(head, cut=len(head) < len(data))) is not None:
        return visible(text)
    return head[: MAX_LINE // 8].hex(" ")


def _decoded(data: bytes, *, cut: bool) -> str | None:
    """As UTF-8 text, or None where it is none; a character that was cut off at the end is left out."""
    for missing in range(4 if cut else 1):
        try:
            text = data[: len(data) - missing].decode()
            break
        except UnicodeDecodeError:
            continue
    else:
        return None
    printable = sum(char.isprintable() or char in "\t\r\n" for char in text)
    return text if printable >= TEXT_SHARE * len(text) else None


@lru_cache(1024)
def copied(data: bytes | None) -> str:
    """What copying takes: the bytes themselves where they are text, else as hex."""
    if data is None:
        return ""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data[: MAX_COPIED // 2].hex()


def forms(data: bytes | None, whole: int) -> tuple[Form, ...]:
    """The ways to write these bytes, the best first. `whole` is how many there were when they were read."""
    if not data:
        return ()
    made = (Form("text", lambda: as_text(data, whole)), Form("hex", lambda: as_hex(data, whole)))
    if laid_out(data, whole) is not None:
        return (Form("JSON", lambda: as_json(data, whole)), *made)
    if len(data) >= whole and xmlview.laid_out(data) is not None:
        return (Form("XML", lambda: _bounded(xmlview.laid_out(data) or "", "XML")), *made)
    return made if _decoded(data[:MAX_SHOWN], cut=len(data) > MAX_SHOWN or whole > len(data)) is not None else made[::-1]


def map_forms(data: bytes, whole: int) -> tuple[Form, ...]:
    """Of a map, which is written as JSON: its names and values, one a line, before what it is written as."""
    usual = forms(data, whole)
    named = as_map(data) if len(data) >= whole else None
    return usual if named is None else (Form("map", lambda: _bounded(named, "a map")), *usual)


@lru_cache(8)
def as_map(data: bytes) -> str | None:
    if len(data) > MAX_PARSED:
        return None
    try:
        pairs = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return None
    names = max((width(visible(name)) for name in pairs), default=0)
    return "\n".join(f"{pad(visible(name), min(names, 40))}  {visible(bytes(value).decode())}" for name, value in pairs.items())


@lru_cache(8)
def laid_out(data: bytes, whole: int) -> str | None:
    """JSON objects and arrays, indented, their numbers and strings as they came; None where it is none, or cut, or too much."""
    if len(data) < whole or len(data) > MAX_PARSED or data.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        data.decode()
        msgspec.json.decode(data, type=msgspec.Raw)
        return msgspec.json.format(data, indent=2).decode()
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None


@lru_cache(8)
def as_json(data: bytes, whole: int) -> str:
    return _bounded(laid_out(data, whole) or "", "JSON")


def _bounded(text: str, what: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + f"\ncut at {size(MAX_SHOWN)} of {size(len(text))} as {what}"


@lru_cache(8)
def as_text(data: bytes, whole: int) -> str:
    return data[:MAX_SHOWN].decode(errors="replace") + _cut(data, whole)


@lru_cache(8)
def as_hex(data: bytes, whole: int) -> str:
    return "\n".join(hexdump.lines(data[: MAX_SHOWN // 4])) + _cut(data, whole, MAX_SHOWN // 4)


def _cut(data: bytes, whole: int, most: int = MAX_SHOWN) -> str:
    shown = min(len(data), most)
    return f"\ncut at {size(shown)} of {size(whole)}" if shown < whole else ""
