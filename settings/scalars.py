"""One scalar of a YAML file: its type, the surprises of YAML 1.1, and the limits that a type sets. Pure."""

import re
from collections.abc import Callable
from typing import Any, Final

from msgspec import Meta
from yaml.nodes import Node, ScalarNode

from settings.wording import short

MAX_DIGITS: Final = 18  # what fits 64 bits: a longer number is a mistake, and int() of a million digits takes minutes


def yaml_type(node: Node) -> str:
    """str, int, float, bool, null, timestamp; "?" for a tag of another family."""
    family, _, name = node.tag.rpartition(":")
    if family != "tag:yaml.org,2002":
        return "?"
    return "str" if name in ("value", "merge") else name


def is_empty(node: Node) -> bool:
    """Nothing stands behind the key, or only a comment."""
    return isinstance(node, ScalarNode) and node.value == "" and not node.style


def limit_fault(limit: Meta, value: Any, show: Callable[[Any], str] = str) -> str | None:
    """What msgspec would say about a value outside of its limits, for an operator."""
    if limit.ge is not None and value < limit.ge:
        return f"{show(value)} is too small; at least {show(limit.ge)}" + (f" and at most {show(limit.le)}" if limit.le is not None else "")
    if limit.le is not None and value > limit.le:
        return f"{show(value)} is too large; at most {show(limit.le)}"
    if limit.gt is not None and value <= limit.gt:
        return f"{show(value)} is too small; more than {show(limit.gt)}"
    if limit.lt is not None and value >= limit.lt:
        return f"{show(value)} is too large; less than {show(limit.lt)}"
    if limit.min_length is not None and len(value) < limit.min_length:
        return f"too short; at least {limit.min_length}" if value else "empty"
    if limit.max_length is not None and len(value) > limit.max_length:
        return f"too long; at most {limit.max_length}"
    if limit.pattern is not None and not re.search(limit.pattern, value):
        return f"{short(value)} has not the wanted form ({limit.pattern})"
    return None


def yaml_surprise(node: Node, secret: bool = False) -> str | None:
    """A plain word that YAML 1.1 takes for something else than an operator would: a mistake, because any guess may be wrong."""
    found, text = yaml_type(node), str(node.value)
    if found == "?":
        return "a tag (!name) has no meaning here"
    shown = "this" if secret else text
    if found == "bool" and text.lower() not in ("true", "false"):
        means = "true" if text.lower() in ("yes", "on", "y") else "false"
        return f"{shown} means {means} in YAML 1.1; write true or false, or put it in quotes"
    if found in ("int", "float") and ":" in text:
        return f"{shown} is a number of base 60 in YAML 1.1; write a duration such as 90s, or put it in quotes"
    if found == "int" and not re.fullmatch(r"[-+]?(0|[1-9][0-9]*)", text):
        return f"{shown} is octal, hexadecimal or has _ in YAML 1.1; write plain digits, or put it in quotes"
    if found == "int" and len(text) > MAX_DIGITS:
        return f"{shown[:20]} is too large a number"
    if found == "float" and not re.fullmatch(r"[-+]?[0-9]+\.?[0-9]*([eE][-+]?[0-9]{1,2})?|[-+]?\.[0-9]+", text):
        return f"{shown} is not a plain decimal number"
    return None
