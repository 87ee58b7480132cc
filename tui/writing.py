"""What `w` writes: a table as CSV with whole texts, or the structs behind it as JSON. Pure but for `write_new`, which replaces no file.

`.jsonl` is one object a line; `.json` is the same in an array. Bytes of records are written as text where they are UTF-8, else as
`{"base64": …}`: nothing of them is lost or changed.
"""

import base64
import csv
import io
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from backends.messages import Messages
from backends.questions import Record, Records
from tui.format import size

ENDINGS: Final = (".csv", ".json", ".jsonl")
MAX_STEM: Final = 80  # characters of the proposed name: a topic's may have 249, and a file's no more than 255 bytes
_KEPT: Final = "-_.+@"  # besides letters and digits; the rest becomes _ in a proposed name


class Content(NamedTuple):
    """What there is to write. Rows and structs are made when they are written: of 10,000 that takes a while."""

    what: str  # "21 topics"
    titles: tuple[str, ...]
    rows: Callable[[], Iterable[Sequence[str]]]
    structs: Callable[[], Iterable[Any]]  # of backends.snapshots or .questions, or mappings


def proposed(stem: str, at: float, ending: str) -> str:
    """`topics-20261125-160102.csv`, in the current directory."""
    name = "".join(char if char.isalnum() or char in _KEPT else "_" for char in stem)[:MAX_STEM].lstrip(".-") or "page"
    return f"{name}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(at))}{ending}"


def encode(content: Content, ending: str) -> bytes:
    """The whole file. Raises ValueError with a sentence."""
    if ending == ".csv":
        if not content.titles:
            raise ValueError("there is no table on this page: a name that ends in .json or .jsonl writes what it holds")
        return _csv(content)
    if ending not in ENDINGS:
        raise ValueError(f"the name must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}: that says how it is written")
    lines = [line for struct in content.structs() for line in _json_lines(struct)]
    if ending == ".jsonl":
        return b"".join(line + b"\n" for line in lines)
    return b"[\n" + b",\n".join(lines) + b"\n]\n"


def _csv(content: Content) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(content.titles)
    writer.writerows([text.strip() for text in row] for row in content.rows())
    return out.getvalue().encode()


def _json_lines(item: Any) -> Iterable[bytes]:
    if isinstance(item, Messages):
        from backends.activemq.messages.lines import to_line

        return [to_line(item.queue, message).rstrip(b"\n") for message in item.messages]
    if isinstance(item, Records):
        return [msgspec.json.encode(record_of(item.topic, record)) for record in item.records]
    return [msgspec.json.encode(item)]


def record_of(topic: str, record: Record) -> dict[str, Any]:
    """A record as JSON has it, with nothing left out: `cut` says that there was more than was read."""
    cut = record.value_size > len(record.value or b"") or record.key_size > len(record.key or b"")
    return {
        "topic": topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.at,
        "timestamp_type": record.time_kind,
        "key": exact(record.key),
        "value": exact(record.value),
        "headers": [[name, exact(value)] for name, value in record.headers],
        "key_size": record.key_size,
        "value_size": record.value_size,
        "aborted": record.aborted,
        "cut": cut,
    }


def exact(data: bytes | None) -> str | dict[str, str] | None:
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def write_new(name: str, content: Content) -> str:
    """Writes the file and says so. Raises ValueError with a sentence; then there is no file, or the one that was there before."""
    path = Path(name).expanduser()
    data = encode(content, path.suffix.lower())
    try:
        file = path.open("xb")
    except FileExistsError:
        raise ValueError(f"{path} exists already and is left as it is: choose another name") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror or error}") from None
    try:
        with file:
            file.write(data)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise ValueError(f"{path} was not written: {error.strerror or error}; what there was of it is removed") from None
    return f"wrote {content.what} to {path} ({size(len(data))})"
