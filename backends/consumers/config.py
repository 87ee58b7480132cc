"""What an operator may say about offsets. Names and defaults are those of docs/configuration.md; durations are seconds."""

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from settings.forms import Addresses, Form, Misfit, Name
from settings.secret import Secret
from settings.units import Duration

LONGEST_NAME = 256  # characters of a node's name that an expression of the operator is let loose on


def _path(text: str) -> str | None:
    parts = text.split("/")
    return (
        None
        if len(parts) > 1 and not parts[0] and all(parts[1:])
        else f"{text!r} is no path of a znode; write one such as /lean/app/offsets"
    )


def _application(text: str) -> str | None:
    try:
        groups = re.compile(text).groups
    except (re.error, RecursionError, OverflowError) as error:
        return f"{text!r} is no regular expression: {error}"
    return None if groups == 1 else f"{text!r} has {groups} groups; write one (...) around the application in a node's name"


ZnodePath = Annotated[str, Meta(description="a path such as /lean/app/offsets"), Form(_path)]
Application = Annotated[str, Meta(description="a regular expression with one group"), Form(_application)]


class Login(Struct, frozen=True, forbid_unknown_fields=True):
    """ZooKeeper's scheme `digest`: who may read nodes whose ACL asks for it."""

    user: str
    password: Secret


class Watched(Struct, frozen=True, forbid_unknown_fields=True):
    """`zookeeper` and `path` for znodes; `kafka` alone for the groups of that cluster. Znodes with `kafka` have a lag, too."""

    name: Name
    zookeeper: Addresses | None = None
    path: ZnodePath | None = None
    layout: Literal["csv", "consumers"] = "csv"
    application: Application = r"(.+?)(?:[-_.]node)?[-_.][0-9]+"
    login: Login | None = None
    kafka: Name | None = None
    topic: str | None = None
    groups: list[str] = field(default_factory=lambda: ["*"])
    allowed_lag: Annotated[int, Meta(ge=0)] = 0
    interval: Duration = 10.0

    def __post_init__(self) -> None:
        if self.zookeeper is None and self.kafka is None:
            raise Misfit("missing: zookeeper and path for znodes, or kafka (the name of a cluster) for consumer groups")
        if self.zookeeper is not None and self.path is None and self.layout == "csv":
            raise Misfit("missing: path, such as /lean/app/offsets")
        if self.zookeeper is None and self.path is not None:
            raise Misfit("a path needs zookeeper, such as localhost:2181", "path")
        if self.zookeeper is None and self.login is not None:
            raise Misfit("a login is for zookeeper; that of brokers belongs to kafka[].options", "login")
        if self.topic is not None and self.kafka is None:
            raise Misfit("a topic needs kafka, the name of its cluster", "topic")
        if self.topic is None and self.kafka is not None and self.zookeeper is not None and self.layout == "csv":
            raise Misfit("the log ends of csv znodes need a topic beside kafka", "kafka")


def application_of(expression: re.Pattern[str], name: str) -> str:
    """What the nodes of an application have in common; a node that the expression does not fit is one of its own."""
    found = expression.fullmatch(name) if len(name) <= LONGEST_NAME else None
    return (found[1] or name) if found else name
