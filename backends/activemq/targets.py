"""Names of queues: which one can be made or be the target of a move, and which name JMX gives it. Pure.

A broker reads more than a name in a name: `a,b` is two queues, `a.>` a pattern, `a?x=1` has options, `topic://a` is no queue, and blanks
at its ends are dropped.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from backends.wording import listed

MAX_NAME: Final = 512  # characters; nobody types more, and brokers have been seen with 300
PROTECTED: Final = ("ActiveMQ.Advisory.", "ActiveMQ.Statistics")
_MANGLED: Final[Mapping[str, str]] = {":": "_", ",": "_", "'": "_", '"': "_", "?": "&qe;", "=": "&amp;", "*": "&ast;"}
_PREFIX = re.compile(r"(queue|topic|temp-queue|temp-topic)://", re.IGNORECASE)


def mangled(name: str) -> str:
    """What stands in an ObjectName for it (ActiveMQ's JMXSupport). Two queues with the same one: the broker shows only the first."""
    return "".join(_MANGLED.get(sign, sign) for sign in name)


def why_protected(name: str) -> str | None:
    """None: something may be done to a queue of that name."""
    if name.startswith(PROTECTED):
        return f"'{name}' belongs to the broker itself (advisory or statistics): it is left alone"
    return None


def why_unusable(name: str) -> str | None:
    """Why no queue of that name can be made, or be written to. None: it can."""
    return next((said for rule in _RULES if (said := rule(name)) is not None), None)


def why_unnameable(name: str) -> str | None:
    """Why an operation that is told this name would mean another queue. None: it means this one; `,`, `*` and `>` are taken as they are."""
    if name != name.strip() or name != _trimmed(name):
        return f"'{name}' begins or ends with a blank, which the broker drops when it is told a name: another queue would be meant"
    if "?" in name or _PREFIX.match(name):
        return f"'{name}' would be read as another queue's name when the broker is told it"
    return None


def _trimmed(name: str) -> str:
    """As Java trims: everything up to the space, control characters included."""
    return name.strip("".join(map(chr, range(33))))


def _wildcards(name: str) -> str | None:
    parts = name.split(".")
    if "*" in parts or ">" in parts or any(sign in name for sign in "*>"):
        return f"'{name}' has a wildcard (* or >): consumers would read it as a pattern of names"
    return None


def _kinds(name: str) -> str | None:
    if (found := _PREFIX.match(name)) is None:
        return None
    if found[1].lower() == "queue":
        return f"give the plain name of the queue, without '{found[0]}'"
    return f"'{name}' is no queue, and what goes to a topic that nobody subscribes to is lost: give the plain name of a queue"


def _signs(name: str) -> str | None:
    found = sorted({f"U+{ord(sign):04X}" for sign in name if not sign.isprintable()})
    return f"the name has characters that cannot be printed ({listed(found)})" if found else None


def _blanks(name: str) -> str | None:
    return f"'{name}' begins or ends with a blank, which the broker drops" if name != name.strip() else None


_RULES: Final[tuple[Callable[[str], str | None], ...]] = (
    lambda name: None if name.strip() else "the name is empty",
    lambda name: None if len(name) <= MAX_NAME else f"the name has {len(name):,} characters; {MAX_NAME} is the most",
    _kinds,
    _signs,
    _blanks,
    why_protected,
    _wildcards,
    lambda name: f"'{name}' has a comma: the broker reads it as several queues" if "," in name else None,
    lambda name: f"'{name}' has a question mark: the broker reads what follows as options" if "?" in name else None,
    lambda name: f"'{name}' has '://': the broker reads what is before it as a kind of destination" if "://" in name else None,
)
