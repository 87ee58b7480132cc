"""An application's properties as an operator types them: `NAME=VALUE` is a text, `NAME:Int=5` says its type. Pure."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

Typed = str | bool | int | float

_BITS: Final = {"Byte": 8, "Short": 16, "Int": 32, "Long": 64}
_TYPE: Final = re.compile(r"(?P<name>.+):(?P<type>[A-Za-z]+)", re.DOTALL)


def properties_of(words: Sequence[str]) -> str:
    """The argument `properties`: a JSON object of texts, and of {"type", "value"} where a type is given. Raises ValueError."""
    found: dict[str, Typed | dict[str, Typed]] = {}
    for word in words:
        name, value = _property(word)
        if name in found:
            raise ValueError(f"{name} is given twice")
        found[name] = value
    return json.dumps(found, ensure_ascii=False)


def _property(word: str) -> tuple[str, Typed | dict[str, Typed]]:
    """NAME=VALUE, or NAME:Type=VALUE."""
    name, sign, value = word.partition("=")
    if not sign or not name:
        raise ValueError(f"{word!r} is no NAME=VALUE")
    match = _TYPE.fullmatch(name)
    if match is None:
        return name, value
    kind = next((kind for kind in READERS if kind.lower() == match["type"].lower()), None)
    if kind is None:
        raise ValueError(f"{match['type']!r} in {word!r} is no type; there are {', '.join(READERS)}")
    try:
        return match["name"], {"type": kind, "value": READERS[kind](value)}
    except ValueError as error:
        raise ValueError(f"{word!r}: {error}") from None


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _whole(bits: int) -> Callable[[str], int]:
    most = 1 << (bits - 1)

    def read(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,20}", text):
            raise ValueError(f"{text!r} is no whole number")
        if not -most <= int(text) < most:
            raise ValueError(f"{text} does not fit {bits} bits")
        return int(text)

    return read


def _fraction(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is no finite number")
    return value


READERS: Final[Mapping[str, Callable[[str], Typed]]] = {
    "String": str,
    "Boolean": _boolean,
    **{kind: _whole(bits) for kind, bits in _BITS.items()},
    "Float": _fraction,
    "Double": _fraction,
}
