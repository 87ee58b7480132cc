"""docs/configuration.md and docs/config.schema.json say what the code reads: every key, with its default, and no other."""

import json
import re
from pathlib import Path

from relay_console.commands.configuration import schema_text
from relay_console.consistency import OWN_FOLDERS
from tests.docs.keys import keys

DOCS = Path(__file__).parents[2] / "docs"


def documented() -> dict[str, str | None]:
    rows = re.findall(r"^\| `([a-z_.\[\]0-9]+)` \| (`.*?`|required) \|", (DOCS / "configuration.md").read_text(), re.MULTILINE)
    return {key: None if default == "required" else default.strip("`") for key, default in rows}


def test_every_key_stands_in_the_documentation_with_its_default_and_no_other_does() -> None:
    assert documented() == dict(keys())


def test_every_section_has_a_place() -> None:
    text = (DOCS / "configuration.md").read_text()
    assert all(f"`{key.path.split('.')[0].split('[')[0]}" in text for key in keys())
    assert all(f"`{folder}`" in text for folder in OWN_FOLDERS)


def test_the_published_schema_is_the_one_the_command_prints() -> None:
    assert (DOCS / "config.schema.json").read_text() == schema_text()


def test_the_schema_knows_every_section() -> None:
    schema = json.loads(schema_text())
    known = schema["$defs"]["Configuration"]["properties"]
    assert set(known) == {re.split(r"[.\[]", key.path)[0] for key in keys()}
