"""Who did what from where, and what came of it: one JSON object a line, before and after each action. Blocks for one fsync."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

MAX_VALUE: Final = 1000  # characters of one argument: the line tells what was done, it is no archive of message bodies
BODIES: Final = ("line", "lines", "body", "body_base64")  # arguments that are somebody's data: their size is written down


class AuditUnwritable(Exception):
    """The line could not be written; the message says what and why. The action must not happen."""


class Audit:
    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, fields: Mapping[str, Any]) -> None:
        """Durable when it returns. Raises AuditUnwritable."""
        line = msgspec.json.encode({key: _short(value) for key, value in fields.items()}) + b"\n"
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                if os.write(file, line) < len(line):
                    raise AuditUnwritable(f"the audit log {self.path} took only a part of the line: the disk is full")
                os.fdatasync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise AuditUnwritable(f"the audit log {self.path} cannot be written: {error.strerror}") from None


def _short(value: Any) -> Any:
    match value:
        case str() if len(value) > MAX_VALUE:
            return f"{value[:MAX_VALUE]}... ({len(value)} characters)"
        case Mapping():
            return {str(key)[:MAX_VALUE]: _size(inner) if key in BODIES else _short(inner) for key, inner in value.items()}
    return value


def _size(value: Any) -> str:
    return f"{len(str(value).encode(errors='replace'))} bytes"
