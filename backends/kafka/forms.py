"""What is known of the form of each topic's values. Pure; times are arguments.

A form that was found out is kept while records fit it. It is given up when MISFITS of the newest WINDOW do not fit it and fit one and the
same other form: a single odd record is odd, and never changes how the others are read.
"""

from collections import deque
from collections.abc import Sequence
from datetime import tzinfo
from typing import Final

from msgspec import Struct

from backends.kafka.config import AUTO, Payload
from backends.kafka.config import Place as Configured
from backends.kafka.detect import Asked, Choice, Finding, Wanted, choose, look
from backends.kafka.payload import Layout, excerpt, read_payload, sample_of, spell_place
from backends.kafka.payload import Payload as Read
from backends.kafka.values import steps_of
from backends.snapshots import PayloadForm

WINDOW: Final = 16  # newest values of a topic whose findings are kept
MISFITS: Final = 12  # of them


class Sample(Struct, frozen=True):
    value: bytes
    record_at: float | None


def wanted_of(payload: Payload, zone: tzinfo) -> Wanted | None:
    """None: no value is to be looked at."""
    if payload.format == "none":
        return None
    loaded, sent = _asked(payload.loaded), _asked(payload.sent)
    given = {type(each) for each in (loaded, sent)}
    is_csv = payload.delimiter != AUTO or int in given
    kind = payload.format if payload.format != "auto" else "csv" if is_csv else "json" if tuple in given else "auto"
    return Wanted(kind, payload.delimiter, loaded, sent, payload.time, zone)


def _asked(place: Configured) -> Asked:
    if place == AUTO:
        return AUTO
    return steps_of(place) if isinstance(place, str) else place


class TopicForm:
    """One topic's values. Until a layout is known its values wait for `decide`; `read` takes the others at once."""

    def __init__(self, wanted: Wanted | None, zone_name: str) -> None:
        self._wanted, self._zone_name = wanted, zone_name
        self._layout = _configured(wanted)
        self._choice: Choice | None = None
        self._is_fixed = wanted is None or self._layout is not None
        self._fits: deque[bool] = deque(maxlen=WINDOW)
        self._findings: deque[Finding] = deque(maxlen=WINDOW)  # of what did not fit

    @property
    def is_decided(self) -> bool:
        return self._is_fixed or self._layout is not None

    @property
    def note(self) -> str | None:
        """What is to be said of the choice."""
        note = self._choice.note if self._choice is not None else None
        return f"{note}; say which in kafka[].payloads" if note else None

    def decide(self, samples: Sequence[Sample], now: float) -> None:
        """The newest values, of a topic that has no layout yet, or whose layout no longer fits."""
        if self._wanted is None or self._is_fixed:
            return
        for sample in samples[-WINDOW:]:
            self._findings.append(look(sample.value, self._wanted, sample.record_at, now))
        if not self._findings:
            return
        choice = choose(tuple(self._findings), self._wanted)
        if self._layout is None or (choice.layout != self._layout and choice.fits >= MISFITS):
            self._choice, self._layout = choice, choice.layout
            self._fits.clear()

    def read(self, value: bytes | None, record_at: float | None, now: float) -> Read:
        read = read_payload(value, self._layout, now)
        if value is None or self._wanted is None:
            return read
        if self._layout is None:
            return self._unread(value)
        self._fits.append(read.state == "ok")
        if read.state != "ok" and not self._is_fixed:
            self._findings.append(look(value, self._wanted, record_at, now))
            if self._fits.count(False) >= MISFITS:
                self.decide((), now)
        elif not self._is_fixed and all(self._fits):
            self._findings.clear()  # what was odd is longer ago than the window
        return read

    def _unread(self, value: bytes) -> Read:
        """Nothing in these values that we take for a time."""
        choice, number = self._choice, len(self._findings)
        if choice is None or choice.kind == "binary":
            kinds = ", ".join(dict.fromkeys(each.binary for each in reversed(self._findings) if each.binary)) or "not read yet"
            return Read("not text", sample=sample_of(value), reason=f"values are not text ({kinds}): judged by record time")
        values = "value" if number == 1 else f"{number} values"
        reason = f"no time found in the newest {values}: {excerpt(value)}; judged by record time"
        return Read("unparsable", sample=sample_of(value), reason=reason, is_missed=True)

    def form(self) -> PayloadForm | None:
        """None: nothing was looked at."""
        wanted, layout, choice = self._wanted, self._layout, self._choice
        if wanted is None:
            return None
        if layout is None:
            return PayloadForm(choice.kind, None, None, detected=("format",), fits=0, samples=len(self._findings)) if choice else None
        written = choice.written if choice is not None else None
        return PayloadForm(
            format=layout.format,
            loaded=_spelled(layout.loaded),
            sent=_spelled(layout.sent),
            delimiter=layout.delimiter if layout.format == "csv" else None,
            written=wanted.time if wanted.time != "auto" else written,
            timezone=self._zone_name,
            detected=_detected(wanted, layout, written),
            fits=self._fits.count(True),
            samples=len(self._fits),
        )


def _configured(wanted: Wanted | None) -> Layout | None:
    """The layout that leaves nothing to find out."""
    if wanted is None or wanted.format == "auto" or AUTO in (wanted.loaded, wanted.sent):
        return None
    if wanted.format == "csv" and wanted.delimiter == AUTO:
        return None
    loaded, sent = wanted.loaded, wanted.sent
    assert not isinstance(loaded, str) and not isinstance(sent, str)
    return Layout(wanted.format, wanted.delimiter, loaded, sent, wanted.time, wanted.zone)


def _detected(wanted: Wanted, layout: Layout, written: str | None) -> tuple[str, ...]:
    asked = {
        "format": wanted.format,
        "delimiter": wanted.delimiter if layout.format == "csv" else None,
        "loaded": wanted.loaded if layout.loaded is not None else None,
        "sent": wanted.sent if layout.sent is not None else None,
        "written": wanted.time if written is not None else None,
    }
    return tuple(name for name, value in asked.items() if value == AUTO)


def _spelled(place: int | tuple[str, ...] | None) -> str | None:
    return None if place is None else spell_place(place).removeprefix("column ")
