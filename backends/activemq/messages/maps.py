"""The body of a map message: what the broker makes of it for STOMP, and the JSON that we show, keep and send in its place. Pure.

Ours is one object, in which a text, true, false, null and an Int stand as they are, and any other type says so:
`{"name": "kim", "n": 5, "total": {"type": "Long", "value": 5}}`. Types are those of properties, and Char, and Bytes as base64. What has no
place there, such as a list in a map, is left as the broker wrote it.

The broker writes XStream's XML or its JSON; the JSON gives a text "5.0" as 5 and loses a text "null" that is sent, so XML is what we send.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

INT_MIN, INT_MAX = -(1 << 31), (1 << 31) - 1
RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "Byte": (-(1 << 7), (1 << 7) - 1),
    "Short": (-(1 << 15), (1 << 15) - 1),
    "Int": (INT_MIN, INT_MAX),
    "Long": (-(1 << 63), (1 << 63) - 1),
}
ELEMENTS: Final[Mapping[str, str]] = {  # of XStream, by our name of the type
    "String": "string",
    "Boolean": "boolean",
    "Byte": "byte",
    "Short": "short",
    "Int": "int",
    "Long": "long",
    "Float": "float",
    "Double": "double",
    "Char": "char",
    "Bytes": "byte-array",
    "Null": "null",
}
TYPES: Final[Mapping[str, str]] = {element: name for name, element in ELEMENTS.items()}
NOT_FINITE: Final[Mapping[str, float]] = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}  # as Java writes them

Entry = tuple[str, str, str]  # name, type, value as Java writes it


class _Odd(ValueError):
    """It has no place in our JSON."""


def shown(body: bytes) -> bytes:
    """The broker's XML or JSON as our JSON; as it came where that would lose something."""
    try:
        text = body.decode()
        entries = list(_of_xml(text) if text.lstrip().startswith("<") else _of_json(text))
        names = [name for name, _, _ in entries]
        if len(set(names)) != len(names):
            raise _Odd
        return msgspec.json.encode({name: _told(kind, value) for name, kind, value in entries})
    except (ValueError, RecursionError):
        return body


def xml(body: bytes) -> bytes:
    """What is sent for our JSON. Raises ValueError with a sentence. XML of the broker is sent as it is."""
    if body.lstrip().startswith(b"<map"):
        return body
    try:
        values = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the map is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise ValueError("the map is not a JSON object")
    entries = "".join(f"<entry>{_element('String', name)}{_element(*_meant(name, value))}</entry>" for name, value in values.items())
    return f"<map>{entries}</map>".encode()


def types(body: bytes) -> set[str]:
    """The types of the values of such a map; none where it is not understood."""
    try:
        return {_meant(name, value)[0] for name, value in msgspec.json.decode(body, type=dict[str, Any]).items()}
    except (ValueError, RecursionError):
        return set()


def fraction(value: str | float) -> float:
    """Raises ValueError."""
    return NOT_FINITE[value] if isinstance(value, str) and value in NOT_FINITE else float(value)


def java_fraction(value: float) -> float | str:
    """JSON has no name for what is not finite."""
    return value if value - value == 0 else {True: "Infinity", False: "-Infinity"}[value > 0] if value == value else "NaN"


def _told(kind: str, value: str) -> Any:
    """A value in our JSON."""
    if kind == "Null":
        return None
    if kind == "String":
        return value
    if kind == "Boolean":
        return {"true": True, "false": False}[value] if value in ("true", "false") else _refuse()
    if kind in RANGES:
        return int(value) if kind == "Int" else {"type": kind, "value": int(value)}
    if kind in ("Float", "Double"):
        return {"type": kind, "value": java_fraction(fraction(value))}
    if kind == "Bytes":
        base64.b64decode(value, validate=True)
    return {"type": kind, "value": value}


def _meant(name: str, value: Any) -> tuple[str, str]:
    """Type of a value in our JSON, and its value as Java writes it. Raises ValueError."""
    if isinstance(value, dict) and value.keys() == {"type", "value"}:
        kind, value = value["type"], value["value"]
    else:
        kind = plain_type(value)
    if not isinstance(kind, str) or kind not in _WRITTEN:
        raise ValueError(f"the map's value {name!r} has no type that a map takes")
    written = _WRITTEN[kind](kind, value)
    if written is None:
        raise ValueError(f"the map's value {name!r} is no {kind}")
    return kind, written


def plain_type(value: Any) -> str:
    """What a value that does not tell its type is taken for; "" for none."""
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int):
        return "Int" if INT_MIN <= value <= INT_MAX else "Long"
    return "Null" if value is None else {str: "String", float: "Double"}.get(type(value), "")


def _whole(kind: str, value: Any) -> str | None:
    low, high = RANGES[kind]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None


def _fraction(kind: str, value: Any) -> str | None:
    if isinstance(value, bool) or not (isinstance(value, int | float) or value in NOT_FINITE):
        return None
    told = java_fraction(fraction(value))
    return told if isinstance(told, str) else repr(told)


def _base64(kind: str, value: Any) -> str | None:
    try:
        return base64.b64encode(base64.b64decode(value, validate=True)).decode()
    except (TypeError, ValueError, binascii.Error):
        return None


_WRITTEN: Final[Mapping[str, Callable[[str, Any], str | None]]] = {
    "String": lambda _, value: value if isinstance(value, str) else None,
    "Boolean": lambda _, value: str(value).lower() if isinstance(value, bool) else None,
    **dict.fromkeys(RANGES, _whole),
    **dict.fromkeys(("Float", "Double"), _fraction),
    "Char": lambda _, value: value if isinstance(value, str) and len(value) == 1 and value <= "\uffff" else None,
    "Bytes": _base64,
    "Null": lambda _, value: "" if value is None else None,
}


def _element(kind: str, value: str) -> str:
    return "<null/>" if kind == "Null" else f"<{ELEMENTS[kind]}>{_UNSAFE.sub(_reference, value)}</{ELEMENTS[kind]}>"


_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f&<>\"'\x7f-\x9f\ufffe\uffff]")  # XStream's reader takes any number, XML's rules or not


def _reference(match: "re.Match[str]") -> str:
    return f"&#x{ord(match[0]):x};"


# XStream's own XML: elements without attributes, texts, references; it has the control characters that XML's parsers refuse.
_TOKEN = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][\w.\-]*)(?P<empty>/?)>|(?P<text>[^<]+)")
_REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(lt|gt|amp|quot|apos));")
_NAMED: Final[Mapping[str, str]] = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


def _of_xml(text: str) -> Iterator[Entry]:
    leaves: list[tuple[str, str]] = []
    for path, value in _leaves(text):
        if path[:2] != ("map", "entry") or len(path) != 3:
            if path == ("map",) and not value.strip() and not leaves:
                continue
            raise _Odd
        leaves.append((path[2], value))
    if len(leaves) % 2:
        raise _Odd
    yield from map(_entry, leaves[::2], leaves[1::2])


def _leaves(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Path and text of every element without elements in it."""
    path: list[str] = []
    value, is_leaf, at = "", False, 0
    while at < len(text):
        token = _TOKEN.match(text, at) or _refuse()
        at = token.end()
        if token["text"] is not None:
            value = token["text"]
            continue
        if token["empty"]:
            yield (*path, token["name"]), ""
        elif not token["end"]:
            path.append(token["name"])
        else:
            if not path or path.pop() != token["name"]:
                raise _Odd
            if is_leaf:
                yield (*path, token["name"]), _REFERENCE.sub(_referred, value)
        is_leaf, value = not token["end"] and not token["empty"], ""
    if path:
        raise _Odd


def _referred(match: "re.Match[str]") -> str:
    return _NAMED[match[3]] if match[3] else chr(int(match[1], 16) if match[1] else int(match[2]))


def _of_json(text: str) -> Iterator[Entry]:
    """Numbers are kept as they are written: a text that looks like one comes as a number."""
    value = json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
    entries = (
        value["map"]["entry"]
        if isinstance(value, dict) and isinstance(value.get("map"), dict)
        else []
        if value == {"map": ""}
        else _refuse()
    )
    for entry in entries if isinstance(entries, list) else [entries]:
        if not isinstance(entry, dict):
            raise _Odd
        leaves = [(kind, each) for kind, given in entry.items() for each in (given if isinstance(given, list) else [given])]
        if len(leaves) != 2 or any(isinstance(each, dict) for _, each in leaves):
            raise _Odd
        yield _entry(*((kind, _written(each)) for kind, each in leaves))


class _Number(str):
    __slots__ = ()


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str) else _refuse()


def _entry(name: tuple[str, str], value: tuple[str, str]) -> Entry:
    if name[0] != "string" or value[0] not in TYPES:
        raise _Odd
    return name[1], TYPES[value[0]], value[1]


def _refuse() -> Any:
    raise _Odd
