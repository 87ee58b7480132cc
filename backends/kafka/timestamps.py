"""Times as producers write them into payloads. Pure: text in, epoch seconds out, or None for what is no credible time.

Known spellings: ``YYYY-MM-DD HH:MM:SS[.fff]`` and ISO 8601 with or without a zone, ``yyyymmddHHMMSS[mmm]``, and epoch
counts in s, ms, us and ns. A spelling without a zone is read in the zone of the configuration. A time outside of
`SANE_PAST`..`SANE_FUTURE` is not believed: it is more likely some other number than a time.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Literal

Format = Literal["auto", "iso", "compact", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns"]

SANE_PAST = 10 * 365.25 * 86400  # seconds; older than any retention we know
SANE_FUTURE = 86400.0  # seconds; a zone mistake is at most 14 h and is to be seen as a negative age, not hidden
MAX_TEXT = 64  # characters; the longest spelling has 37

_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})"
    r"(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?(?: ?(Z|z|[+-][0-9]{2}(?::?[0-9]{2})?))?"
)
_COMPACT = re.compile(r"((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{3})?")
_EPOCH = re.compile(r"([0-9]{1,20})(\.[0-9]{1,9})?")
_UNITS: dict[str, float] = {"epoch_s": 1.0, "epoch_ms": 1e3, "epoch_us": 1e6, "epoch_ns": 1e9}
_BY_DIGITS: dict[int, Format] = {10: "epoch_s", 13: "epoch_ms", 16: "epoch_us", 19: "epoch_ns"}  # of 2001 to 2286


def parse_time(text: str, written: Format, zone: tzinfo, now: float) -> float | None:
    """Epoch seconds of `text`, spelled as `written` says; "auto" recognises the spelling. `zone` is for spellings that carry none."""
    text = text.strip()
    if not text or len(text) > MAX_TEXT:
        return None
    at = _read(text, spelling_of(text) if written == "auto" else written, zone)
    return at if at is not None and now - SANE_PAST <= at <= now + SANE_FUTURE else None


def spelling_of(text: str) -> Format | None:
    """How a time is spelled, if it is one; `text` has no blanks around it."""
    if "-" in text:
        return "iso"
    digits = text.partition(".")[0]
    if len(digits) in (14, 17):
        return "compact"
    return _BY_DIGITS.get(len(digits))


def _read(text: str, written: Format | None, zone: tzinfo) -> float | None:
    if written == "iso":
        return _iso(text, zone)
    if written == "compact":
        return _compact(text, zone)
    return _epoch(text, _UNITS[written]) if written in _UNITS else None


def _iso(text: str, zone: tzinfo) -> float | None:
    found = _ISO.fullmatch(text)
    if not found:
        return None
    *date, second, fraction, offset = found.groups()
    return _epoch_of([*date, second or "0"], fraction, _zone(offset, zone))


def _compact(text: str, zone: tzinfo) -> float | None:
    found = _COMPACT.fullmatch(text)
    return _epoch_of(list(found.groups()[:6]), found[7], zone) if found else None


def _epoch(text: str, unit: float) -> float | None:
    return float(text) / unit if _EPOCH.fullmatch(text) else None


def _epoch_of(parts: list[str], fraction: str | None, zone: tzinfo | None) -> float | None:
    """None for a date that does not exist. Of an hour that a zone has twice (the end of summer time) the first is taken."""
    try:
        whole = datetime(*map(int, parts), tzinfo=zone) if zone else None  # type: ignore[arg-type, misc]
        return whole.timestamp() + float(f"0.{fraction or 0}") if whole else None
    except (ValueError, OverflowError):
        return None


def _zone(offset: str | None, default: tzinfo) -> tzinfo | None:
    """None where the offset is no possible one."""
    if offset is None:
        return default
    if offset in "Zz":
        return UTC
    digits = offset[1:].replace(":", "")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    if away >= timedelta(days=1):
        return None
    return timezone(-away if offset[0] == "-" else away)
