"""A tree of YAML nodes becomes typed values, leaf by leaf, and every mistake is kept with its line and column. Pure: no file is read here.

msgspec stops at the first mistake and knows no positions; this walker asks the same types. What it adds: durations and sizes, secrets by
reference only, forms (settings.forms), duplicate keys, and the surprises of YAML 1.1 (``on`` is true, ``1:30`` is 90, ``010`` is 8).
"""

import re
import types
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

from msgspec import NODEFAULT, Meta, Struct
from msgspec.structs import FieldInfo, fields
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from settings.forms import Form, Misfit
from settings.mistake import Mistake, Place
from settings.scalars import is_empty, limit_fault, yaml_surprise, yaml_type
from settings.secret import Secret
from settings.tree import MAX_DEPTH
from settings.units import Duration, Size, format_duration, format_size, parse_duration, parse_size
from settings.wording import Path, is_secret_key, nearest, short, spell, suggestion

MAX_VALUES: Final = (
    100_000  # values after aliases are followed: a configuration of 2,000 topics has 10,000; aliases of aliases have billions
)

BROKEN: Final = object()  # in place of a value that could not be made; its mistake is already noted

T = TypeVar("T")

DURATION: Final = get_args(Duration)[1]
SIZE: Final = get_args(Size)[1]
_SECRET_VALUE: Final = re.compile(r"(password|passphrase|secret|token|pem)$", re.IGNORECASE)  # of librdkafka's options those that hold one
_WANTED: Final = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
_REFERENCE: Final = "write {env: NAME}, {file: PATH} or {credential: NAME}"


def place_of(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


class Converter:
    """`mistakes` so far; `made`: every struct whose own keys were all right, with its path; `places`: where each value stands.

    `mappings`: the open parts by path, with BROKEN for what could not be made; `keys`: where each of their keys stands.
    """

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.made: list[tuple[Path, Struct]] = []
        self.places: dict[Path, Place] = {}
        self.mappings: dict[Path, dict[str, Any]] = {}
        self.keys: dict[Path, Place] = {}
        self._values = 0

    def of(self, kind: type[T]) -> list[tuple[Path, T]]:
        """The structs of this type that were made."""
        return [(path, struct) for path, struct in self.made if isinstance(struct, kind)]

    def mistake(self, path: Path, text: str, place: Place | None = None) -> None:
        """Noted at `place`, or where the value at `path` (or what holds it) stands."""
        if place is None:
            known = next((path[:n] for n in range(len(path), -1, -1) if path[:n] in self.places), None)
            place = self.places[known] if known is not None else Place(1, 1)
        self.mistakes.append(Mistake(place, spell(path), text))

    def convert(self, node: Node, kind: Any, path: Path = ()) -> Any:
        """The value, or BROKEN with at least one mistake noted."""
        self.places[path] = place_of(node)
        self._values += 1
        if self._values > MAX_VALUES:
            raise TooLarge(Mistake(place_of(node), spell(path), f"more than {MAX_VALUES} values; are aliases (*name) nested?"))
        if len(path) > MAX_DEPTH:
            return self._fail(path, f"deeper than {MAX_DEPTH} levels; does an anchor contain itself?")
        if not isinstance(node, ScalarNode) and not node.tag.startswith("tag:yaml.org,2002:"):
            return self._fail(path, "a tag (!name) has no meaning here")
        return self._typed(node, kind, path)

    def _typed(self, node: Node, kind: Any, path: Path) -> Any:
        origin = get_origin(kind)
        if origin is Annotated:
            return self._annotated(node, kind, path)
        if kind is Any:
            return self._plain(node, path)
        if origin in (Union, types.UnionType):
            return self._union(node, get_args(kind), path)
        if origin is Literal:
            return self._literal(node, get_args(kind), path)
        if origin in (list, tuple):
            return self._sequence(node, origin, get_args(kind)[0], path)
        if origin is dict:
            return self._mapping(node, get_args(kind)[1], path)
        if kind is Secret:
            return self._secret(node, path)
        if isinstance(kind, type) and issubclass(kind, Struct):
            return self._struct(node, kind, path)
        return self._scalar(node, kind, path)

    def _fail(self, path: Path, text: str) -> Any:
        self.mistake(path, text)
        return BROKEN

    # -- leaves ------------------------------------------------------------------------------------------------------------------

    def _annotated(self, node: Node, kind: Any, path: Path) -> Any:
        base, *notes = get_args(kind)
        if DURATION in notes:
            value = self._unit(node, parse_duration, "a duration, such as 500ms, 5s, 2m, 1h or 7d,", path)
        elif SIZE in notes:
            value = self._unit(node, parse_size, "a size, such as 4096, 64KiB or 1MiB,", path)
        else:
            value = self._typed(node, base, path)
        if value is BROKEN:
            return BROKEN
        show = format_duration if DURATION in notes else format_size if SIZE in notes else str
        for note in notes:
            fault = note.fault(value) if isinstance(note, Form) else limit_fault(note, value, show) if isinstance(note, Meta) else None
            if fault:
                return self._fail(path, fault)
        return value

    def _unit(self, node: Node, parse: Callable[[str], Any], wanted: str, path: Path) -> Any:
        if not isinstance(node, ScalarNode) or yaml_type(node) == "null":
            return self._fail(path, f"{wanted} is wanted, not {self._shown(node, path)}")
        if surprise := yaml_surprise(node):
            return self._fail(path, surprise)
        try:
            return parse(node.value)
        except ValueError as error:
            return self._fail(path, str(error))

    def _scalar(self, node: Node, kind: type, path: Path) -> Any:
        wanted = _WANTED[kind]
        if not isinstance(node, ScalarNode):
            return self._fail(path, f"{wanted} is wanted, not {self._shown(node, path)}")
        found = yaml_type(node)
        if kind is str and found == "str":
            return node.value
        if surprise := yaml_surprise(node, secret=self._is_secret(path)):
            return self._fail(path, surprise)
        if found == kind.__name__ or (kind is float and found == "int"):
            return kind(node.value) if kind is not bool else node.value.lower() == "true"
        hint = ""
        if kind is str and found != "null":
            hint = "; put it in quotes" if self._is_secret(path) else f"; put it in quotes: '{node.value}'"
        elif node.style and re.fullmatch(r"-?(0|[1-9][0-9.]*)|true|false", node.value):
            hint = "; take the quotes away"
        return self._fail(path, f"{wanted} is wanted, not {self._shown(node, path)}{hint}")

    def _literal(self, node: Node, allowed: tuple[Any, ...], path: Path) -> Any:
        value = node.value if isinstance(node, ScalarNode) and yaml_type(node) == "str" else self._plain(node, path)
        if value is BROKEN or value in allowed:
            return value
        words = [str(word) for word in allowed]
        text = f"{self._shown(node, path)} is not one of {', '.join(words)}"
        near = suggestion(value, words) if isinstance(value, str) else ""
        return self._fail(path, text + (near if "did you mean" in near else ""))

    def _secret(self, node: Node, path: Path) -> Any:
        """Exactly one reference. The text of a literal is never repeated."""
        if not isinstance(node, MappingNode):
            return self._fail(path, f"a secret never stands in this file; {_REFERENCE}")
        value = self._struct(node, Secret, path)
        if value is BROKEN:
            return BROKEN
        given = [name for name in ("env", "file", "credential") if getattr(value, name) is not None]
        if len(given) == 1 and getattr(value, given[0]):
            return value
        if any(mistake.path.startswith(f"{spell(path)}.") for mistake in self.mistakes):
            return BROKEN
        return self._fail(path, f"exactly one of env, file and credential is wanted; {_REFERENCE}")

    # -- shapes ------------------------------------------------------------------------------------------------------------------

    def _union(self, node: Node, kinds: tuple[Any, ...], path: Path) -> Any:
        """At most one kind fits a node's shape: null, mapping, sequence or scalar; tagged structs are told apart by their tag."""
        if types.NoneType in kinds and isinstance(node, ScalarNode) and yaml_type(node) == "null":
            return None
        rest = [kind for kind in kinds if kind is not types.NoneType]
        if Secret in rest and isinstance(node, ScalarNode) and _SECRET_VALUE.search(str(path[-1])):
            return self._secret(node, path)
        if isinstance(node, MappingNode):
            structs = [kind for kind in rest if isinstance(kind, type) and issubclass(kind, Struct)]
            if len(structs) > 1:
                return self._tagged(node, structs, path)
            fitting = structs or [kind for kind in rest if get_origin(kind) is dict]
        elif isinstance(node, SequenceNode):
            fitting = [kind for kind in rest if get_origin(kind) in (list, tuple)]
        else:
            fitting = [kind for kind in rest if _takes_scalar(kind, node)]
        return self._typed(node, (fitting or rest)[0], path)

    def _tagged(self, node: MappingNode, kinds: list[type[Struct]], path: Path) -> Any:
        by_tag = {kind.__struct_config__.tag: kind for kind in kinds}
        name = kinds[0].__struct_config__.tag_field or "type"
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.value == name:
                self.places[(*path, name)] = place_of(value)
                tag = self._literal(value, tuple(by_tag), (*path, name))
                return BROKEN if tag is BROKEN else self._struct(node, by_tag[tag], path)
        return self._fail((*path, name), f"missing; one of {', '.join(str(tag) for tag in by_tag)} is wanted")

    def _sequence(self, node: Node, make: type, kind: Any, path: Path) -> Any:
        if not isinstance(node, SequenceNode):
            return self._fail(path, f"a list is wanted, not {self._shown(node, path)}; write [a, b] or lines that begin with -")
        values = [self.convert(item, kind, (*path, index)) for index, item in enumerate(node.value)]
        return make(value for value in values if value is not BROKEN)

    def _mapping(self, node: Node, kind: Any, path: Path) -> Any:
        if not isinstance(node, MappingNode):
            return self._fail(path, f"keys and values are wanted, not {self._shown(node, path)}")
        values = self.mappings[path] = {}
        for key, key_node, value in self.pairs(node, path):
            self.keys[(*path, key)] = place_of(key_node)
            values[key] = self.convert(value, kind, (*path, key))
        return {key: value for key, value in values.items() if value is not BROKEN}

    def _struct(self, node: Node, kind: type[Struct], path: Path) -> Any:
        if not isinstance(node, MappingNode):
            keys = ", ".join(field.encode_name for field in fields(kind)[:4])
            return self._fail(path, f"keys and values ({keys}, ...) are wanted, not {self._shown(node, path)}")
        known = {field.encode_name: field for field in fields(kind)}
        tag = kind.__struct_config__.tag_field
        values: dict[str, Any] = {}
        meant: set[str] = set()  # a misspelt key is one mistake, not also a missing one
        is_whole = True
        for key, key_node, value_node in self.pairs(node, path):
            if key == tag:
                continue
            if key not in known:
                self.mistake((*path, key), "unknown key" + suggestion(key, list(known)), place_of(key_node))
                meant.update(nearest(key, list(known)))
                continue
            values[known[key].name] = self.section(value_node, known[key].type, default_of(known[key]), (*path, key))
            is_whole = is_whole and values[known[key].name] is not BROKEN
        missing = [field for field in known.values() if field.required and field.name not in values and field.encode_name not in meant]
        for field in missing:
            self.mistake((*path, field.encode_name), "missing", place_of(node))
        return self._make(kind, values, is_whole and not missing, path)

    def section(self, node: Node, kind: Any, default: Any, path: Path) -> Any:
        """A key with nothing behind it (its lines are comments) is the same as no key, where the value would be a list or keys."""
        if is_empty(node) and default is not NODEFAULT and _is_shape(kind):
            self.places[path] = place_of(node)
            return default
        return self.convert(node, kind, path)

    def _make(self, kind: type[Struct], values: dict[str, Any], is_whole: bool, path: Path) -> Any:
        """A value that is broken is replaced by its default, so that the rest of the struct can still be looked at."""
        sound = {name: value for name, value in values.items() if value is not BROKEN}
        if any(field.required and field.name not in sound for field in fields(kind)):
            return BROKEN
        try:
            struct = kind(**sound)
        except ValueError as error:
            if is_whole:
                self.mistake((*path, *(error.keys if isinstance(error, Misfit) else ())), str(error))
            return BROKEN
        if is_whole:
            self.made.append((path, struct))
        return struct

    def pairs(self, node: MappingNode, path: Path) -> Iterator[tuple[str, Node, Node]]:
        """Keys once, with merged ones (``<<: *anchor``) last; a key that stands twice is a mistake at its second place."""
        seen: dict[str, Node] = {}
        merged: list[Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged.append(value_node)
            elif not isinstance(key_node, ScalarNode) or (key := self._key(key_node, path)) is None:
                self.mistake(path, "a key is a text", place_of(key_node))
            elif key in seen:
                self.mistake((*path, key), f"the key stands twice; first in line {place_of(seen[key]).line}", place_of(key_node))
            else:
                seen[key] = key_node
                yield key, key_node, value_node
        yield from self._merged(merged, seen, path)

    def _merged(self, nodes: list[Node], seen: dict[str, Node], path: Path) -> Iterator[tuple[str, Node, Node]]:
        for node in nodes:
            parts = node.value if isinstance(node, SequenceNode) else [node]
            for part in parts:
                if not isinstance(part, MappingNode):
                    self.mistake(path, "<< wants an alias of keys and values", place_of(part))
                    continue
                for key_node, value_node in part.value:
                    if isinstance(key_node, ScalarNode) and key_node.value not in seen and key_node.value != "<<":
                        seen[key_node.value] = key_node
                        yield key_node.value, key_node, value_node

    def _key(self, node: ScalarNode, path: Path) -> str | None:
        """``401: 7`` and ``on: true`` have keys that YAML does not take for texts."""
        if yaml_type(node) == "str":
            return str(node.value)
        if surprise := yaml_surprise(node):
            self.mistake((*path, node.value), surprise, place_of(node))
        return str(node.value)

    # -- anything ----------------------------------------------------------------------------------------------------------------

    def _plain(self, node: Node, path: Path) -> Any:
        """A value of a part whose type is open. The surprises of YAML 1.1 are mistakes here too."""
        if isinstance(node, SequenceNode):
            return self._sequence(node, list, Any, path)
        if isinstance(node, MappingNode):
            return self._mapping(node, Any, path)
        found = yaml_type(node)
        if found == "str":
            return node.value
        if surprise := yaml_surprise(node, secret=self._is_secret(path)):
            return self._fail(path, surprise)
        if found == "bool":
            return node.value.lower() == "true"
        if found == "null":
            return None
        return int(node.value) if found == "int" else float(node.value) if found == "float" else str(node.value)

    def _is_secret(self, path: Path) -> bool:
        return any(isinstance(part, str) and is_secret_key(part) for part in path)

    def _shown(self, node: Node, path: Path) -> str:
        if isinstance(node, MappingNode):
            return "keys and values"
        if isinstance(node, SequenceNode):
            return "a list"
        if self._is_secret(path):
            return "what stands here"
        return "nothing" if is_empty(node) else short(node.value)


class TooLarge(Exception):
    """The file is not looked at any further."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.text)
        self.mistake = mistake


def default_of(field: FieldInfo) -> Any:
    """NODEFAULT when the key is required."""
    return field.default_factory() if field.default_factory is not NODEFAULT else field.default


def _takes_scalar(kind: Any, node: Node) -> bool:
    if get_origin(kind) is Annotated:
        return DURATION in get_args(kind) or SIZE in get_args(kind) or _takes_scalar(get_args(kind)[0], node)
    if get_origin(kind) is Literal:
        return node.value in get_args(kind)
    return kind is Any or (isinstance(kind, type) and kind.__name__ == yaml_type(node)) or (kind is float and yaml_type(node) == "int")


def _is_shape(kind: Any) -> bool:
    """A list, or keys and values: not a single value."""
    if get_origin(kind) in (list, tuple, dict):
        return True
    return isinstance(kind, type) and issubclass(kind, Struct) and kind is not Secret
