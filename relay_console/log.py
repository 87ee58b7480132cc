"""Log lines: one a line, for people, for journald or for programs. Nothing is written to a terminal that the console owns."""

import json
import logging
import logging.handlers
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from relay_console.errors import ServiceUnavailable
from tui.format import visible

_SYSLOG: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7))  # sd-daemon(3)
_QUIET: Final = ("kazoo", "stomp", "aiohttp", "asyncio")  # their warnings repeat what our sources say in plain words


def start(format: str, file: str | None, verbose: int, environ: Mapping[str, str]) -> None:
    """Once a process; `format` is text or json. Raises ServiceUnavailable when the file cannot be written."""
    handler = _handler(file)
    if format == "json":
        handler.setFormatter(Json())
    elif file is None and "JOURNAL_STREAM" in environ:
        handler.setFormatter(Journal())
    else:
        handler.setFormatter(Text())
    logging.raiseExceptions = False  # a full disk: logging would print its trouble onto the screen that the console owns
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.DEBUG if verbose > 1 else logging.ERROR)


def _handler(file: str | None) -> logging.Handler:
    if file is None:
        return logging.StreamHandler(sys.stderr)
    path = Path(file).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return logging.handlers.WatchedFileHandler(path, encoding="utf-8")  # logrotate may take it away
    except OSError as error:
        raise ServiceUnavailable(f"cannot write the log {path}: {error.strerror}") from None


class Text(logging.Formatter):
    """``2026-11-22T19:03:05.123+0900 WARNING relay.receiver: …``"""

    def format(self, record: logging.LogRecord) -> str:
        return f"{_moment(record.created)} {record.levelname} {record.name}: {_words(record)}{_trace(self, record)}"


class Journal(logging.Formatter):
    """``<4>relay.receiver: …``: journald adds the time and takes the severity from the prefix, so each line needs one."""

    def format(self, record: logging.LogRecord) -> str:
        prefix = next((f"<{number}>" for level, number in _SYSLOG if record.levelno >= level), "<7>")
        lines = f"{record.name}: {_words(record)}{_trace(self, record)}".split("\n")
        return "\n".join(prefix + line for line in lines)


class Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"at": record.created, "level": record.levelname.lower(), "logger": record.name, "text": record.getMessage()}
        if trace := _trace(self, record).strip():
            line["trace"] = trace
        return json.dumps(line, ensure_ascii=False)


def _moment(at: float) -> str:
    local = time.localtime(at)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{int(at * 1000) % 1000:03}{time.strftime('%z', local)}"


def _words(record: logging.LogRecord) -> str:
    """One line: what came from outside cannot forge another."""
    return visible(record.getMessage())


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return "\n" + formatter.formatException(record.exc_info) if record.exc_info else ""
