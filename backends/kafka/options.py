"""Whether librdkafka will take the `options` of a configuration: each wrong one is named with its reason, before anything connects.

`faults` is pure. `asked` looks at the files that options name, and asks librdkafka itself by making handles that have no broker to go to;
it imports confluent-kafka (25 MB, 50 ms), so it is called only where there are options. No secret is read: a placeholder stands for each.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from backends.kafka.client import QUIET, READER
from backends.kafka.properties import PROPERTIES
from settings.secret import Secret
from settings.wording import is_secret_key, nearest, short

Value = str | int | float | bool | Secret
Use = Literal["read", "write"]  # the panes read, the relay's sink writes

PLACEHOLDER: Final = "placeholder"  # in place of a secret
MAX_BLAMED: Final = 16  # options that are refused together with others, one after the other; each costs a handle

_SILENT: Final = {"log_level": 0, "enable.metrics.push": False}
_OURS: Final = {"read": READER, "write": {"enable.idempotence": True, "acks": "all"}}  # what else a handle has when it is used
_TAKEN: Final = frozenset(QUIET) | frozenset(READER) | {"bootstrap.servers", "metadata.broker.list", "debug"}
_REASONS: Final = {
    "bootstrap.servers": "stands beside the options, as bootstrap",
    "metadata.broker.list": "stands beside the options, as bootstrap",
    "group.id": "is for relay-console to say: it joins no group and commits nothing",
    "debug": "is not taken: librdkafka would write its log over the screen",
    "log_level": "is not taken: librdkafka would write its log over the screen",
}
_ALIASES: Final = {
    "auto.commit.enable": "enable.auto.commit",
    "fetch.message.max.bytes": "max.partition.fetch.bytes",
    "group.instance.id": "group.id",
    "group.protocol": "group.id",
}
_LOADS_CODE: Final = frozenset({"plugin.library.paths", "ssl.engine.location", "ssl.engine.id", "ssl.providers"})
_FOR_OTHERS: Final = {
    "read": ("P", "is for producers, and relay-console only reads"),
    "write": ("C", "is for consumers, and a sink only writes"),
}
_FILES: Final = frozenset(
    {
        "https.ca.location",
        "sasl.kerberos.keytab",
        "sasl.oauthbearer.assertion.file",
        "sasl.oauthbearer.assertion.jwt.template.file",
        "sasl.oauthbearer.assertion.private.key.file",
        "ssl.ca.location",
        "ssl.certificate.location",
        "ssl.crl.location",
        "ssl.key.location",
        "ssl.keystore.location",
    }
)
_IDENTITY: Final = ("ssl.certificate.", "ssl.key.", "ssl.keystore.")  # read together, with the password of the key
_SHY: Final = ("sasl.oauthbearer.config", "sasl.oauthbearer.extensions")
_NO_KERBEROS: Final = "No provider for SASL mechanism GSSAPI"


class Fault(NamedTuple):
    """`name` is the option, "" all of them; `is_name`: not its value is wrong but that it stands there."""

    name: str
    text: str
    is_name: bool = False


def faults(options: Mapping[str, Value], use: Use) -> Iterator[Fault]:
    """What needs no librdkafka to be seen. Pure."""
    for name, value in options.items():
        if reason := _refused(name, use):
            yield Fault(name, reason, is_name=True)
        elif text := _misspelt(name, value):
            yield Fault(name, text)


def asked(options: Mapping[str, Value], use: Use) -> Iterator[Fault]:
    """What the files and librdkafka say besides. Blocks for some ms an option; connects to nothing."""
    sound = {name: value for name, value in options.items() if not _refused(name, use) and not _misspelt(name, value)}
    wrong = set()
    for name, value in sound.items():
        if fault := _file_fault(name, value) or _alone(name, value, use):
            wrong.add(name)
            yield fault
    yield from _together({name: value for name, value in sound.items() if name not in wrong}, use)


def _refused(name: str, use: Use) -> str | None:
    known = _plain_name(name)
    found = PROPERTIES.get(known)
    if known in _LOADS_CODE:
        return "is not taken: it would load code into this program"
    if found is not None and found.user == "-":
        return "cannot be set in a file, only by a program"
    taken = _ALIASES.get(known, known)
    if use == "read" and taken in _TAKEN:
        return _REASONS.get(taken, "is for relay-console to say: it reads without joining, committing or creating anything")
    if use == "write" and (taken in _SILENT or taken == "debug"):
        return _REASONS.get(taken, "is for the relay to say")
    other, reason = _FOR_OTHERS[use]
    return reason if found is not None and found.user == other else None


def _misspelt(name: str, value: Value) -> str | None:
    """librdkafka reads 5s and 5.5 as 5, and says nothing."""
    found = PROPERTIES.get(_plain_name(name))
    if found is None or ".." not in found.values or isinstance(value, Secret):
        return None
    if isinstance(value, bool) or not re.fullmatch(r"[-+]?\d+", str(value)):
        return f"{short(str(value))} is no whole number; {name} is {_unit(name)} from {found.values.replace('..', ' to ')}"
    return None


def _unit(name: str) -> str:
    return {"ms": "milliseconds", "bytes": "bytes", "kbytes": "KiB", "seconds": "seconds"}.get(name.rpartition(".")[2], "a number")


def _plain_name(name: str) -> str:
    """librdkafka takes the properties of topics with their family in front, too."""
    return name if name in PROPERTIES else name.removeprefix("topic.")


# -- what the host says ------------------------------------------------------------------------------------------------------------


def _file_fault(name: str, value: Value) -> Fault | None:
    """A relative path would begin wherever somebody started the daemon, and librdkafka knows no ~."""
    if name not in _FILES or isinstance(value, Secret) or (name == "ssl.ca.location" and value == "probe"):
        return None
    path = Path(str(value))
    if not path.is_absolute():
        return Fault(name, f"{short(str(path))} is no whole path; librdkafka wants one that begins with /")
    try:
        path.stat()
    except OSError as error:
        return Fault(name, f"{path}: {error.strerror}")
    return None if os.access(path, os.R_OK) else Fault(name, f"{path}: Permission denied")


def _alone(name: str, value: Value, use: Use) -> Fault | None:
    """What needs another option beside it is left to the whole."""
    error = _make({name: PLACEHOLDER if isinstance(value, Secret) else value}, use)
    if error is None or error.startswith("Failed to create") or (isinstance(value, Secret) and "No such" not in error):
        return None
    if "No such configuration property" in error:
        near = nearest(name.lower(), [known for known, found in PROPERTIES.items() if found.user != "-"])
        return Fault(name, "no such librdkafka property" + (f"; did you mean {near[0]!r}?" if near else ""), is_name=True)
    return Fault(name, _in_words(name, value, error))


def _in_words(name: str, value: Value, error: str) -> str:
    known = PROPERTIES.get(_plain_name(name))
    values = known.values if known is not None else ""
    if "outside allowed range" in error and ".." in values:
        return f"{value} is out of range; {name} is {_unit(name)} from {values.replace('..', ' to ')}"
    if values == "bool":
        return f"{short(str(value))} is neither true nor false"
    if "|" in values:
        return f"{short(str(value))} is not one of {', '.join(values.split('|'))}"
    return f"librdkafka refuses it{_said(name, error)}"


def _said(name: str, error: str) -> str:
    """librdkafka may repeat a value, and some that are no references hold a secret all the same."""
    return "" if name in _SHY or is_secret_key(name) else f": {error}"


def _together(options: Mapping[str, Value], use: Use) -> Iterator[Fault]:
    """librdkafka stops at the first fault, so what it blames is taken out and it is asked again."""
    left, said = dict(options), set[str]()
    while left and len(said) < MAX_BLAMED:
        error = _make({**_harmless(left), **_OURS[use]}, use)
        if error is None or error in said:
            return
        said.add(error)
        blamed, text = _blamed(re.sub(r"^Failed to create \w+: ", "", error), left)
        yield Fault(blamed, text)
        if not blamed:
            return
        left = _without_login(left) if blamed.startswith(("sasl.", "security.")) else {k: v for k, v in left.items() if k != blamed}


def _blamed(text: str, options: Mapping[str, Value]) -> tuple[str, str]:
    """The option that the sentence speaks of (the longest, as one name may begin with another), and the sentence for an operator."""
    if _NO_KERBEROS in text:
        given = next((name for name in ("sasl.mechanism", "sasl.mechanisms") if name in options), "security.protocol")
        default = "sasl.mechanism is missing, and its default is GSSAPI: " if given == "security.protocol" else ""
        return given, f"{default}this librdkafka was built without Kerberos; it has {text.rpartition(': ')[2]}"
    named = [name for name, value in options.items() if name in text or (isinstance(value, str) and f": {value} " in f"{text} ")]
    blamed = max(named, key=len, default="")
    return blamed, f"librdkafka refuses {'it' if blamed else 'these together'}{_said(blamed, text)}"


def _without_login(options: Mapping[str, Value]) -> dict[str, Value]:
    """With what TLS is about left in."""
    left = {name: value for name, value in options.items() if not name.startswith("sasl.")}
    if "security.protocol" in left:
        left["security.protocol"] = str(left["security.protocol"]).lower().removeprefix("sasl_")
    return left


def _harmless(options: Mapping[str, Value]) -> dict[str, Value]:
    """Secrets as placeholders, without what cannot be tried with one, what would ask a server for a token, and what would run a program."""
    hidden = {name for name, value in options.items() if isinstance(value, Secret)}
    left: dict[str, Value] = {name: PLACEHOLDER if name in hidden else value for name, value in options.items()}
    if any(name.startswith("ssl.") for name in hidden):
        left = {name: value for name, value in left.items() if not name.startswith(_IDENTITY)}
    left = {name: value for name, value in left.items() if not (name in hidden and name.endswith((".pem", ".location")))}
    if left.get("sasl.oauthbearer.method") == "oidc":
        left = _without_login(left)
    if "GSSAPI" in (left.get("sasl.mechanism"), left.get("sasl.mechanisms")):
        left["sasl.kerberos.kinit.cmd"] = "true"
    return left


def _make(options: Mapping[str, Any], use: Use) -> str | None:
    """What librdkafka says against a handle with these options; None: nothing."""
    from confluent_kafka import Consumer, KafkaException, Producer

    kind: type[Consumer] | type[Producer] = Consumer if use == "read" else Producer
    try:
        handle = kind({**({"group.id": PLACEHOLDER} if use == "read" else {}), **options, **_SILENT})
    except KafkaException as error:
        return str(error.args[0].str()).strip()
    except (TypeError, ValueError) as error:
        return str(error)
    if isinstance(handle, Consumer):
        handle.close()
    return None
