"""Files that other processes read while we write them: complete, or not there."""

import json
from pathlib import Path
from typing import Any


def write_whole(path: Path, text: str) -> None:
    """Under a dotted name first, so that nobody who watches the folder takes half a file."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.rename(path)


def write_json(path: Path, value: object) -> None:
    write_whole(path, json.dumps(value, indent=1))


def read_json(path: Path) -> Any:
    """None when there is no such file."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
