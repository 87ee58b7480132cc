"""The configuration file: found, read once, checked whole. Every mistake is named at its line and column, or nothing is.

`load` imports every source module; `relay_console.quick` does not.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from yaml.nodes import MappingNode, Node, ScalarNode

from relay.config import Relay
from relay_console import paths
from relay_console.consistency import Fault, faults, options_asked
from relay_console.errors import BadConfiguration
from relay_console.sections import OURS, Console, Section, sections
from settings.convert import BROKEN, Converter, TooLarge, place_of
from settings.mistake import Mistake
from settings.tree import NotYaml, read_tree
from settings.wording import suggestion

MAX_MISTAKES_SHOWN: Final = 1000  # a file of another program has one a line; nobody reads more


class Configuration(Struct, frozen=True):
    """`sections` holds every section, with its defaults where the file says nothing; `given` those that stand in the file."""

    path: Path
    sections: dict[str, Any]
    given: tuple[str, ...]

    @property
    def relay(self) -> Relay:
        """Its directory is absolute."""
        found: Relay = self.sections["relay"]
        return found

    @property
    def console(self) -> Console:
        found: Console = self.sections["console"]
        return found

    @property
    def directory(self) -> Path:
        return Path(self.relay.directory)

    @property
    def not_used_yet(self) -> list[str]:
        """Sections of the file whose feature comes later."""
        later = {section.key for section in OURS if not section.is_used}
        return [key for key in self.given if key in later]


def load(path: Path, *, asks_librdkafka: bool = True) -> Configuration:
    """Raises BadConfiguration with a line for each mistake.

    Whether librdkafka takes its options is not asked by who will not use them: the relay, whom a pane's mistakes do not concern, and
    whoever only looks for a name. That costs 25 MB and 50 ms where there are options.
    """
    return read(_bytes(path), path, sections(), asks_librdkafka=asks_librdkafka)


def read(raw: bytes, path: Path, known: Sequence[Section], *, asks_librdkafka: bool = True) -> Configuration:
    """From the bytes of a file. Raises BadConfiguration."""
    converter = Converter()
    found: dict[str, Any] = {}
    try:
        found = _convert(converter, read_tree(raw), known)
        relay = found.get("relay", Relay())
        directory = paths.relay_directory(relay.directory, path)
        if fault := paths.length_fault(directory):
            converter.mistake(("relay", "directory"), fault)
        _note(converter, faults(converter, [section.key for section in known], directory))
        if asks_librdkafka:
            _note(converter, options_asked(converter))
    except NotYaml as error:
        raise BadConfiguration(*_lines(path, [error.mistake])) from None
    except TooLarge as error:
        converter.mistakes.append(error.mistake)
    if converter.mistakes:
        raise BadConfiguration(*_lines(path, converter.mistakes))
    whole = {section.key: found.get(section.key, section.default) for section in known}
    whole["relay"] = msgspec.structs.replace(relay, directory=str(directory))
    return Configuration(path, whole, tuple(found))


def _note(converter: Converter, found: Iterable[Fault]) -> None:
    for path, text, is_key in found:
        converter.mistake(path, text, converter.keys.get(path) if is_key else None)


def _convert(converter: Converter, root: Node | None, known: Sequence[Section]) -> dict[str, Any]:
    """The sections that stand in the file and could be made."""
    if root is None or (isinstance(root, ScalarNode) and root.value == ""):
        return {}
    converter.places[()] = place_of(root)
    if not isinstance(root, MappingNode):
        converter.mistake((), "sections are wanted, such as relay: and kafka:")
        return {}
    by_key = {section.key: section for section in known}
    values: dict[str, Any] = {}
    for key, key_node, node in converter.pairs(root, ()):
        if key in by_key:
            values[key] = converter.section(node, by_key[key].kind, by_key[key].default, (key,))
        else:
            converter.mistake((key,), "unknown key" + suggestion(key, list(by_key)), place_of(key_node))
    return {key: value for key, value in values.items() if value is not BROKEN}


def _lines(path: Path, mistakes: list[Mistake]) -> list[str]:
    """As compilers write them, in the order of the file."""
    lines = []
    for place, where, text in sorted(set(mistakes))[:MAX_MISTAKES_SHOWN]:
        lines.append(f"{path}:{place.line}:{place.column}: " + (f"{where}: {text}" if where else text))
    if len(mistakes) > MAX_MISTAKES_SHOWN:
        lines.append(f"{path}: and {len(mistakes) - MAX_MISTAKES_SHOWN} more")
    return lines


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadConfiguration(f"{path}: {error.strerror}; give another with -c FILE") from None
