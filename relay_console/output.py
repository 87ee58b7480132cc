"""Answers on standard output: whole, in the encoding of the reader, and without complaint when nobody reads any more."""

import os
import sys
from collections.abc import Iterable

from relay_console import tables
from relay_console.errors import ActionFailed


def write_lines(lines: Iterable[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    write_bytes(text.encode(sys.stdout.encoding or "utf-8", "replace"))


def write_bytes(data: bytes) -> None:
    """Raises ActionFailed, and BrokenPipeError, which the program's end knows what to do with."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ActionFailed(f"cannot write the answer: {error.strerror}") from None


def is_coloured(is_refused: bool) -> bool:
    return tables.wants_colour(sys.stdout.isatty(), is_refused, os.environ)


def let_go() -> None:
    """Of a reader that is gone: the interpreter would complain once more when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
