"""Where the logs with known answers are: the corpus when it is at hand, and always the few that were generated for this tree."""

import json
import os
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
BESIDE = Path(__file__).parents[4] / "shared" / "gclogs"


def folder() -> tuple[Path, str]:
    """The folder to read, and a sentence that says which it is."""
    named = os.environ.get("RELAY_CONSOLE_GCLOGS")
    for place in (Path(named) if named else None, BESIDE):
        if place is not None and (place / "expected.json").exists():
            return place, f"the corpus in {place}"
    return DATA, "only the logs in the tree (set RELAY_CONSOLE_GCLOGS to the folder of the corpus for all)"


def entries(place: Path) -> list[dict[str, Any]]:
    found = json.loads((place / "expected.json").read_text())["logs"]
    return [entry for entry in found if entry["gate"] and path_of(place, entry).exists()]


def path_of(place: Path, entry: dict[str, Any]) -> Path:
    plain = place / str(entry["file"])
    return plain if plain.exists() else plain.with_name(plain.name + ".gz")


def logs() -> list[Path]:
    """A few whole logs of every family, from the tree."""
    return sorted(path for path in DATA.iterdir() if path.suffix in (".log", ".txt"))
