"""The text of a configuration file becomes a tree of YAML nodes that know their places, or one mistake where it stops being YAML.

Pure. A syntax error ends the reading: what stands behind it cannot be understood. libyaml composes by recursion in C, so depth is looked at
first, on its flat stream of events.
"""

from typing import Any, Final

import yaml
from yaml.nodes import Node

from settings.mistake import Mistake, Place

MAX_DEPTH: Final = 40  # ours is 7 deep; an anchor that contains itself is endless
MAX_BYTES: Final = 4 << 20  # a configuration of 2,000 topics with a limit each has 0.2 MiB


class NotYaml(Exception):
    """The one mistake where the file stops being YAML."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.text)
        self.mistake = mistake


def read_tree(raw: bytes) -> Node | None:
    """The root node; None when nothing but comments stands in the file. Raises NotYaml."""
    text = _decode(raw)
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _look_at_depth(text, loader)
        root: Node | None = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        raise NotYaml(Mistake(place, "", _explain(error, text, place))) from None
    except yaml.reader.ReaderError as error:
        raise NotYaml(Mistake(*_unprintable(text, error))) from None
    return root


def _decode(raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        raise NotYaml(Mistake(Place(1, 1), "", f"the file has {len(raw)} bytes; at most {MAX_BYTES} are read"))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig")
        raise NotYaml(
            Mistake(_place_behind(before), "", f"byte 0x{raw[error.start]:02x} is not UTF-8 text; save the file as UTF-8")
        ) from None


def _place_behind(before: str) -> Place:
    return Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def _unprintable(text: str, error: yaml.reader.ReaderError) -> tuple[Place, str, str]:
    at = next((index for index, letter in enumerate(text) if yaml.reader.Reader.NON_PRINTABLE.match(letter)), 0)
    return _place_behind(text[:at]), "", f"control character U+{ord(text[at]):04X}; take it out, or write it as an escape in double quotes"


def _look_at_depth(text: str, loader: Any) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                mark: Any = event.start_mark
                place = Place(mark.line + 1, mark.column + 1)
                raise NotYaml(Mistake(place, "", f"deeper than {MAX_DEPTH} levels"))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _explain(error: yaml.MarkedYAMLError, text: str, place: Place) -> str:
    """The parser's own words, unless we know better ones. Never a piece of the file: a password may stand there."""
    lines = text.split("\n")
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    problem = error.problem or "cannot be read"
    if line[place.column - 1 : place.column] == "\t" or line[: len(line) - len(line.lstrip())].count("\t"):
        return "not YAML: a tab; indent with spaces"
    if isinstance(error, yaml.composer.ComposerError):
        if "document" in f"{problem} {error.context or ''}":
            return "a second document (---) begins here; one file holds one configuration"
        return "not YAML: an alias (*name) without its anchor (&name) before it"
    return f"not YAML: {problem}" + (f" {error.context}" if error.context else "")
