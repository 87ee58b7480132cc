"""Every key that a configuration may have, from the types that read it, with its default as operators write it."""

import json
import types
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from msgspec import Struct
from msgspec.structs import fields

from relay_console.sections import sections
from settings.convert import default_of
from settings.publish import to_plain
from settings.secret import Secret


class Key(NamedTuple):
    path: str  # relay.receivers[].timeouts.idle
    default: str | None  # None: it must be given


def keys() -> Iterator[Key]:
    for section in sections():
        yield from _of(section.kind, section.key, section.default)


def _of(kind: Any, path: str, default: Any) -> Iterator[Key]:
    structs = [part for part in _parts(kind) if isinstance(part, type) and issubclass(part, Struct) and part is not Secret]
    items = [get_args(part)[0] for part in _parts(kind) if get_origin(part) is list]
    inner = [part for item in items for part in _parts(item) if isinstance(part, type) and issubclass(part, Struct)]
    for struct in (*structs, *inner):
        prefix = f"{path}[]" if struct in inner else path
        for field in fields(struct):
            value = None if field.required else default_of(field)
            yield from _of(field.type, f"{prefix}.{field.encode_name}", ... if field.required else value)
    if not structs and not inner:
        yield Key(path, None if default is ... else _text(to_plain(default, kind)))


def _parts(kind: Any) -> tuple[Any, ...]:
    if get_origin(kind) is Annotated:
        return _parts(get_args(kind)[0])
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)
