"""From one configuration to the next while the relay runs: what is new, gone, and different. Pure.

What a running relay can change is changed; for the rest the whole of the new configuration is refused, with a sentence for each fault.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from relay.config import Receiver, Relay, Sender

LIVE: Final = (
    "allow",
    "max_connections",
    "max_connections_per_address",
    "timeouts",
    "tls",
)  # of a receiver; the rest is what it has on disk
BY_RESTART: Final = ("directory", "records", "codes", "min_free", "election")  # of the relay: everything is built upon them


class CannotChange(Exception):
    """`lines`: a sentence for each key that only a restart changes."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


class Changes(NamedTuple):
    """Names of what goes, configurations of what comes. A sender that differs does both: its files wait in the outbox meanwhile."""

    receivers_gone: list[str]
    receivers_new: list[Receiver]
    receivers_different: list[Receiver]  # in LIVE only; their connections stay
    senders_gone: list[str]
    senders_new: list[Sender]

    def __bool__(self) -> bool:
        return any(self)


def changes(old: Relay, new: Relay) -> Changes:
    """Raises CannotChange."""
    faults = [f"relay.{key} cannot change while the relay runs; restart it" for key in BY_RESTART if getattr(old, key) != getattr(new, key)]
    before = {each.name: each for each in old.receivers}
    different = []
    for index, receiver in enumerate(new.receivers):
        known = before.get(receiver.name, receiver)
        if known == receiver:
            continue
        faults += [f"relay.receivers[{index}].{key} cannot change while the relay runs; restart it" for key in _fixed(known, receiver)]
        different.append(receiver)
    if faults:
        raise CannotChange(faults)
    return Changes(
        [name for name in before if name not in {each.name for each in new.receivers}],
        [each for each in new.receivers if each.name not in before],
        different,
        [each.name for each in old.senders if each not in new.senders],
        [each for each in new.senders if each not in old.senders],
    )


def _fixed(old: Receiver, new: Receiver) -> list[str]:
    """Keys that differ and must not. A port speaks TLS or does not: partners are told beforehand, and the relay starts anew."""
    keys = [key for key in new.__struct_fields__ if key not in LIVE and getattr(old, key) != getattr(new, key)]
    return keys + ["tls"] * ((old.tls is None) is not (new.tls is None))


def summary(found: Changes) -> str:
    """For the operator."""
    parts = [
        ("new", [each.name for each in found.receivers_new] + [each.name for each in found.senders_new]),
        ("gone", [*found.receivers_gone, *found.senders_gone]),
        ("changed", [each.name for each in found.receivers_different]),
    ]
    return "; ".join(f"{word}: {', '.join(dict.fromkeys(names))}" for word, names in parts if names) or "nothing changed"
