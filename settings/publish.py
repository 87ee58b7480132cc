"""The way back from typed settings: what `config show` prints and the JSON schema that editors read. Pure."""

import types
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from settings.convert import DURATION, SIZE
from settings.secret import Secret
from settings.units import format_duration, format_size


def to_plain(value: Any, kind: Any) -> Any:
    """The way back, for `config show`: what `Converter` would read as this value. Durations and sizes as operators write them."""
    if get_origin(kind) is Annotated:
        if DURATION in get_args(kind):
            return format_duration(value)
        return format_size(value) if SIZE in get_args(kind) else to_plain(value, get_args(kind)[0])
    if isinstance(value, Struct):
        return _struct_to_plain(value)
    if isinstance(value, list | tuple):
        inner = get_args(kind)[0] if get_origin(kind) in (list, tuple) else Any
        return [to_plain(item, inner) for item in value]
    if isinstance(value, dict):
        inner = get_args(kind)[1] if get_origin(kind) is dict else Any
        return {key: to_plain(item, inner) for key, item in value.items()}
    if value is not None and get_origin(kind) in (Union, types.UnionType):
        return to_plain(value, next((part for part in get_args(kind) if get_origin(part) is Annotated), Any))
    return value


def _struct_to_plain(value: Struct) -> dict[str, Any]:
    shown = {field.encode_name: to_plain(getattr(value, field.name), field.type) for field in fields(value)}
    if isinstance(value, Secret):
        return {key: item for key, item in shown.items() if item is not None}
    if value.__struct_config__.tag is not None:
        return {value.__struct_config__.tag_field or "type": value.__struct_config__.tag, **shown}
    return shown


def json_schema(kind: Any) -> dict[str, Any]:
    """The published schema: msgspec's, with defaults as operators write them and secrets of exactly one reference."""
    schema = msgspec.json.schema(kind)
    for name, part in schema.get("$defs", {}).items():
        if name == "Secret":
            part.update(minProperties=1, maxProperties=1)
        for item in part.get("properties", {}).values():
            examples = item.get("examples")
            if examples == DURATION.extra_json_schema["examples"] and isinstance(item.get("default"), int | float):
                item["default"] = format_duration(item["default"])
            elif examples == SIZE.extra_json_schema["examples"] and isinstance(item.get("default"), int):
                item["default"] = format_size(item["default"])
    return schema
