"""The whole text of a file, plain or packed by gzip, whatever it is called. Read once, in flat memory."""

import gzip
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from backends.gclog.files.family import CHUNK

STDIN: Final = "-"
PACKED: Final = b"\x1f\x8b"


def text_at(path: str) -> Iterator[bytes]:
    """`-` is standard input. Of what breaks off, all that is there comes first. Raises family.UNREADABLE."""
    if path == STDIN:
        stream: Any = sys.stdin.buffer
        given = io.BufferedReader(stream)  # which can be looked into before it is read
        yield from _pieces(given)
        given.detach()  # it is not ours to close
        return
    with Path(path).open("rb") as file:
        yield from _pieces(file)


def _pieces(file: io.BufferedReader) -> Iterator[bytes]:
    if file.peek(len(PACKED)).startswith(PACKED):
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield from _chunks(unpacked)
    else:
        yield from _chunks(file)


def _chunks(file: io.BufferedReader | gzip.GzipFile) -> Iterator[bytes]:
    while piece := file.read1(CHUNK):
        yield piece
