"""Who is in the groups of a Kafka cluster: state, type, assignor, members and their partitions. Blocking; used by one thread.

Described are MAX_DESCRIBED groups a cycle at most: those first whose state changed, then those whose description is the oldest. A group
that is listed as empty has no members, and is not asked. The calls are as dangerous as those for offsets, and made the same way
(groups).
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from backends.kafka.client import KafkaClient
from backends.kafka.faults import Fault, fault_of
from backends.snapshots import GroupStatus, Member

PATIENT_S = 120.0  # librdkafka's own limit for a group call: never the one that ends it
DESCRIBE_S = 5.0
MAX_DESCRIBED = 50  # 50 groups are one request to each coordinator
MAX_MEMBERS = 200  # of a group that are shown
STATES = {
    "PREPARING_REBALANCING": "preparing_rebalance",
    "COMPLETING_REBALANCING": "completing_rebalance",
}  # as the protocol spells them; the others are theirs in small letters
ENDED = frozenset({"empty", "dead"})  # states without members

Listed = Mapping[str, tuple[str, str]]  # state and type by group
Assigned = tuple[tuple[str, int], ...]


class Described(Struct, frozen=True):
    """`assigned` by member id: partitions of any topic."""

    status: GroupStatus
    assigned: dict[str, Assigned] = {}
    note: str = ""  # why members are not known


class Members:
    """`describe` is one cycle. Times are monotonic but for `described_at`."""

    def __init__(self) -> None:
        self._known: dict[str, Described] = {}
        self._asked_at: dict[str, float] = {}

    def of(self, group: str) -> Described | None:
        return self._known.get(group)

    def describe(self, client: KafkaClient, listed: Listed, now: float) -> None:
        """`now` is epoch seconds. A handle that kept us waiting is dropped."""
        changed = {name for name, (state, _) in listed.items() if name not in self._known or self._known[name].status.state != state}
        self._known = {
            name: self._relisted(name, *entry, now) for name, entry in listed.items() if name in self._known or entry[0] in ENDED
        }
        self._asked_at = {name: at for name, at in self._asked_at.items() if name in listed}
        living = [name for name, (state, _) in listed.items() if state not in ENDED]
        wanted = sorted(living, key=lambda name: (name not in changed, self._asked_at.get(name, 0.0)))[:MAX_DESCRIBED]
        if not wanted:
            return
        answers = _ask(client, wanted)
        self._asked_at.update(dict.fromkeys(wanted, time.monotonic()))
        for name, answer in answers.items():
            self._take(name, answer, listed[name], now)
        if any(isinstance(answer, Fault) and answer.kind == "silent" for answer in answers.values()):
            client.forget_admin()

    def _relisted(self, name: str, state: str, kind: str, now: float) -> Described:
        """The list is of now, and its state with it."""
        known = self._known.get(name)
        if state in ENDED or known is None:
            return Described(GroupStatus(state, kind, None, (), now))
        return replace(known, status=replace(known.status, state=state))

    def _take(self, name: str, answer: "Described | Fault", listed: tuple[str, str], now: float) -> None:
        if isinstance(answer, Described):
            state = answer.status.state
            self._known[name] = replace(
                answer, status=replace(answer.status, described_at=now, state=listed[0] if state == "dead" else state)
            )
        elif answer.kind == "denied":
            note = "the brokers deny us to see its members; grant Describe on the group"
            self._known[name] = Described(GroupStatus(*listed, None, (), now), note=note)


def state_of(state: Any) -> str:
    name: str = state.name
    return STATES.get(name, name.lower())


def of_topic(described: Described, topic: str | None) -> tuple[GroupStatus, dict[int, str]]:
    """The status with each member's partitions of one topic, and whose each partition is. Members with some come first."""
    status, owners, members = described.status, {}, []
    for member in status.members:
        partitions = tuple(sorted(number for name, number in described.assigned.get(member.id, ()) if name == topic))
        owners.update(dict.fromkeys(partitions, f"{member.client_id} {member.host}"))
        members.append(replace(member, partitions=partitions))
    members.sort(key=lambda member: not member.partitions)
    return replace(status, members=tuple(members[:MAX_MEMBERS])), owners


def _ask(client: KafkaClient, names: Sequence[str]) -> "dict[str, Described | Fault]":
    asked = client.admin.describe_consumer_groups(list(names), request_timeout=PATIENT_S)
    until = time.monotonic() + DESCRIBE_S
    return {name: _described(answer, until) for name, answer in asked.items()}


def _described(answer: "Future[Any]", until: float) -> "Described | Fault":
    from confluent_kafka import KafkaException

    try:
        found = answer.result(timeout=max(0.0, until - time.monotonic()))
    except TimeoutError:
        return Fault("silent", "the coordinator of the group does not answer")
    except KafkaException as error:
        return fault_of(error.args[0])
    members = tuple(Member(each.member_id, each.client_id, each.host.removeprefix("/"), ()) for each in found.members)
    assigned = {
        each.member_id: tuple((place.topic, place.partition) for place in each.assignment.topic_partitions if each.assignment)
        for each in found.members
    }
    status = GroupStatus(state_of(found.state), found.type.name.lower(), found.partition_assignor or None, members, 0.0)
    return Described(status, assigned)
