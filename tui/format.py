"""Text as it stands on the screen and in the command line's tables: numbers, ages, bars, and foreign text made harmless. Pure.

A width is counted in terminal cells, never in characters: Hangul takes two. What is not known is shown as `UNKNOWN`, never as 0.
"""

import unicodedata
from collections.abc import Sequence

UNKNOWN = "-"
MAX_MARKS = 2  # combining marks a character may carry; more would paint over the lines above and below

_CONTROL = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421", 0xFE0E: "", 0xFE0F: ""}
_REPLACED = "\ufffd"

# What the console itself draws, for terminals that cannot, or that give these characters two cells (East Asian "ambiguous" width).
_ASCII = str.maketrans(
    {
        "─": "-",
        "│": "|",
        "╭": "+",
        "╮": "+",
        "╰": "+",
        "╯": "+",
        "├": "+",
        "└": "`",
        "┤": "+",
        "═": "=",
        "✖": "!",
        "▴": "*",
        "▾": "v",
        "▲": "^",
        "▼": "v",
        "▸": ">",
        "▪": "#",
        "✓": "+",
        "›": ">",
        "…": "~",
        "·": ".",
        "█": "#",
        "░": ".",
        "→": ">",
        "←": "<",
        "↑": "^",
        "↓": "v",
        "\ufffd": "?",
        **dict(zip("▁▂▃▄▅▆▇", "_..--==", strict=True)),
        **{chr(0x2400 + code): "?" for code in range(0x22)},
    }
)


def visible(text: str) -> str:
    """Foreign text in one line that cannot steer a terminal: controls as symbols, composed, with few combining marks."""
    if text.isascii() and text.isprintable():
        return text
    out: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", text):
        code = ord(char)
        if code in _CONTROL:
            out.append(_CONTROL[code])
        elif not char.isprintable():
            out.append(_REPLACED)
        elif unicodedata.combining(char):
            marks += 1
            if marks <= MAX_MARKS and out:
                out.append(char)
            continue
        else:
            out.append(char)
        marks = 0
    return "".join(out)


def to_ascii(text: str) -> str:
    """The same number of cells without our own drawing characters; foreign text stays as it is."""
    return text if text.isascii() else text.translate(_ASCII)


def width(text: str) -> int:
    """Cells. Only text outside ASCII needs the tables of rich, so only then are they loaded."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def clip(text: str, cells: int, end: str = "…") -> str:
    """At most that many cells; what is cut off is shown by `end`."""
    if width(text) <= cells:
        return text
    room = cells - width(end)
    if room < 0:
        return ""
    if text.isascii():
        return text[:room] + end
    kept: list[str] = []
    for char in text:
        room -= width(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept) + end


def pad(text: str, cells: int, align: str = "left") -> str:
    """Exactly that many cells."""
    text = clip(text, cells)
    space = " " * (cells - width(text))
    return space + text if align == "right" else text + space


def number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f}"


def count(amount: int, one: str, many: str = "") -> str:
    """`1 file`, `1,204 files`."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def rate(value: float | None) -> str:
    """Of anything a second or a minute: `0`, `0.4`, `12.5`, `1,204`, `98.3k`, `1.2M`."""
    if value is None:
        return UNKNOWN
    if value == 0:
        return "0"
    if abs(value) < 0.05:
        return "<0.1" if value > 0 else ">-0.1"
    if abs(value) < 100:
        return f"{value:.1f}".removesuffix(".0")
    if abs(value) < 100_000:
        return f"{value:,.0f}"
    return f"{value / 1e3:,.1f}k" if abs(value) < 1e6 else f"{value / 1e6:,.1f}M"


def size(count: float | None) -> str:
    """`512 B`, `1.8 KiB`, `12 MiB`."""
    if count is None:
        return UNKNOWN
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while abs(count) >= 1024 and len(units) > 1:
        count /= 1024
        del units[0]
    return f"{count:.0f} {units[0]}" if units[0] == "B" or abs(count) >= 10 else f"{count:.1f} {units[0]}"


def percent(part: float | None, whole: float | None) -> str:
    return UNKNOWN if part is None or not whole else f"{part * 100 / whole:.0f}%"


def age(seconds: float | None) -> str:
    """`42s`, `6m12s`, `3h05m`, `2d`. A negative age (a clock is ahead) keeps its sign."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0:
        return "-" + age(-seconds) if seconds <= -1 else "0s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 10 * 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 3600}h" if whole < 48 * 3600 else f"{whole // 86400}d"


def span(seconds: float | None) -> str:
    """A short duration where parts of a second matter: `412ms`, `6.2s`, `3m05s`."""
    if seconds is None:
        return UNKNOWN
    if abs(seconds) < 1:
        return f"{seconds * 1000:.0f}ms"
    return f"{seconds:.1f}s" if abs(seconds) < 60 else age(seconds)


_STEPS = (5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


def coarse_age(seconds: float) -> str:
    """An age that changes seldom, for the status row: `10s 20s … 50s`, then whole minutes, hours, days."""
    if seconds < 60:
        return f"{max(0, int(seconds)) // 10 * 10}s"
    if seconds < 3600:
        return f"{int(seconds) // 60}m"
    return f"{int(seconds) // 3600}h" if seconds < 48 * 3600 else f"{int(seconds) // 86400}d"


def fresh_bound(interval: float) -> str:
    """What a source that answers every `interval` seconds is always younger than: `<15s`. Steady, so it costs nothing to show."""
    bound = next((step for step in _STEPS if step >= 1.5 * interval + 1), None)
    return f"<{age(bound).removesuffix('00s').removesuffix('00m')}" if bound else f"<{age(2 * interval)}"


def bar(fraction: float | None, cells: int) -> str:
    """A gauge: `████░░░░`. Dotted when nothing is known."""
    if fraction is None:
        return "·" * cells
    return ("█" * round(min(1.0, max(0.0, fraction)) * cells)).ljust(cells, "░")


def sparkline(values: Sequence[float | None], cells: int) -> str:
    """The newest `cells` values, scaled to their own maximum; what is missing is a gap."""
    shown = list(values)[-cells:]
    top = max((value for value in shown if value is not None), default=0) or 1
    marks = ["·" if value is None else "▁▂▃▄▅▆▇█"[min(7, int(max(0, value) * 8 / top))] for value in shown]
    return "".join(marks).rjust(cells)


def clock(at: float | None, *, seconds: bool = True) -> str:
    """Local time of day."""
    if at is None:
        return UNKNOWN
    import time

    return time.strftime("%H:%M:%S" if seconds else "%H:%M", time.localtime(at))


def moment(at: float | None) -> str:
    """Local date and time with its zone."""
    if at is None:
        return UNKNOWN
    import time

    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(at))


def short_moment(at: float | None, now: float) -> str:
    """The time of day, with the day where it is another one."""
    if at is None:
        return UNKNOWN
    text = moment(at)
    return text[11:19] if text[:10] == moment(now)[:10] else text[5:16]
