"""What consumer groups have committed, and where their logs end. Blocking; used by one thread, in a process of its own (process).

A group call that times out may abort the process (librdkafka#4605: the answer arrives late on a handle that gave it up). So a group is only
asked after metadata answered on the same handle, librdkafka is told to wait for two minutes, we wait for GROUP_S, and a handle that kept
us waiting is dropped with its question; so is one whose cluster was away, for it remembers coordinators of before.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from msgspec import Struct

from backends.consumers.consumption import Observation
from backends.consumers.members import ENDED, PATIENT_S, Described, Members, of_topic, state_of
from backends.kafka.client import KafkaClient, Key, TopicInfo
from backends.kafka.faults import Fault, fault_of, plain_reason
from backends.kafka.ids import TopicIds
from backends.source import Unavailable

LIST_S = 5.0
GROUP_S = 5.0
MOVING_S = 30.0  # a group whose coordinator moves is listed by no broker, and no broker calls that an error
IN_FLIGHT = 50  # one call a group is all that the library offers
ALL_GROUPS_S = 15.0  # groups that are not reached within it come first in the next cycle


class Group(Struct, frozen=True):
    name: str
    state: str
    type: str
    note: str = ""  # why it is not asked in this cycle
    is_named: bool = False  # outright, in the configuration, and not listed: asked for all the same

    @property
    def has_members(self) -> bool:
        return self.state not in ENDED


class Remembered(Struct, frozen=True):
    """What another reader should know of a group, should this one end."""

    group: Group
    topics: tuple[str, ...]
    listed_s: float  # ago


class GroupsReader:
    """`read` is one cycle. Offsets first, log ends afterwards: so a lag is never negative by haste. Members last: they can wait."""

    def __init__(
        self, client: KafkaClient, fits: Callable[[str], bool], cluster: str, named: Sequence[str] = (), known: Sequence[Remembered] = ()
    ) -> None:
        now = time.monotonic()
        self._client, self._fits, self._cluster, self._named = client, fits, cluster, named
        self._read_at: dict[str, float] = {}  # monotonic
        self._topics: dict[str, tuple[str, ...]] = {each.group.name: each.topics for each in known}  # of each group, as last read
        self._listed: dict[str, Group] = {each.group.name: each.group for each in known}
        self._seen_at: dict[str, float] = {each.group.name: now - each.listed_s for each in known}  # monotonic
        self._members = Members()
        self._ids = TopicIds()

    def remember(self) -> tuple[Remembered, ...]:
        now = time.monotonic()
        return tuple(
            Remembered(group, self._topics.get(name, ()), now - self._seen_at.get(name, now)) for name, group in self._listed.items()
        )

    def read(self) -> list[Observation]:
        """One observation for each group and topic. Raises Unavailable when no broker answers."""
        try:
            return self._read()
        except Unavailable:
            self._client.forget_admin()
            raise

    def _read(self) -> list[Observation]:
        known = self._client.topics(reads=False)
        groups = self._list()
        committed = self._committed([group.name for group in groups if not group.note])
        topics = {topic for offsets in committed.values() if not isinstance(offsets, Fault) for topic, _ in offsets}
        led = [
            (topic, number)
            for topic in sorted(topics & known.keys())
            for number, leader in known[topic].leaders.items()
            if leader is not None
        ]
        self._ids.ask(self._client.admin, topics)
        ends, _ = self._client.offsets(sorted(led), ())
        self._ids.changed()
        self._members.describe(self._client, {group.name: (group.state, group.type) for group in groups if not group.note}, time.time())
        figures = _by_topic(ends)
        return [seen for group in groups for seen in self._observations(group, committed.get(group.name), figures, known)]

    def close(self) -> None:
        self._client.close()

    def _list(self) -> list[Group]:
        """In the order of their names. Where a broker is missing its groups are, too: those that were there stay, with a note."""
        from confluent_kafka import KafkaException

        try:
            listed = self._client.admin.list_consumer_groups(request_timeout=LIST_S).result(timeout=LIST_S + 1)
        except (KafkaException, TimeoutError) as error:
            raise self._client.unavailable(error) from None
        if listed.errors and not listed.valid and not self._listed:
            raise Unavailable(
                f"{self._client.settings.title}: the brokers do not list their groups ({plain_reason(str(listed.errors[0]))})"
            )
        found = {each.group_id: Group(each.group_id, state_of(each.state), each.type.name.lower()) for each in listed.valid}
        found = {name: group for name, group in found.items() if self._fits(name)}
        now = time.monotonic()
        self._seen_at.update(dict.fromkeys(found, now))
        why = f"a broker does not answer ({plain_reason(str(listed.errors[0]))})" if listed.errors else "its coordinator may be moving"
        for name, group in self._listed.items():
            if name not in found and (listed.errors or now - self._seen_at.get(name, now) < MOVING_S):
                found[name] = Group(name, group.state, group.type, f"not listed: {why}")
        self._listed = found
        self._seen_at = {name: at for name, at in self._seen_at.items() if name in found}
        asked = {name: Group(name, "unknown", "unknown", is_named=True) for name in self._named} | found
        self._topics = {name: topics for name, topics in self._topics.items() if name in asked}
        self._read_at = {name: at for name, at in self._read_at.items() if name in asked}
        return [asked[name] for name in sorted(asked)]

    def _committed(self, names: Sequence[str]) -> dict[str, "dict[Key, int] | Fault"]:
        """By group; those that were not reached are left out. The longest unread come first."""
        order = sorted(names, key=lambda name: self._read_at.get(name, 0.0))
        answers: dict[str, dict[Key, int] | Fault] = {}
        until = time.monotonic() + ALL_GROUPS_S
        for at in range(0, len(order), IN_FLIGHT):
            if time.monotonic() > until:
                break
            batch = self._batch(order[at : at + IN_FLIGHT])
            answers.update(batch)
            if any(isinstance(answer, Fault) and answer.kind == "silent" for answer in batch.values()):
                self._start_anew()
                break
        return answers

    def _batch(self, names: Sequence[str]) -> dict[str, "dict[Key, int] | Fault"]:
        from confluent_kafka import ConsumerGroupTopicPartitions

        admin, asked = self._client.admin, {}
        for name in names:
            asked[name] = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)], request_timeout=PATIENT_S)[name]
        until = time.monotonic() + GROUP_S
        answers = {name: _offsets(answer, until) for name, answer in asked.items()}
        self._read_at.update(dict.fromkeys(names, time.monotonic()))
        return answers

    def _start_anew(self) -> None:
        """The rest of the cycle runs on a new handle, if a broker answers it."""
        self._client.forget_admin()
        self._client.topics(reads=False)

    def _observations(
        self, group: Group, committed: "dict[Key, int] | Fault | None", ends: "Ends", known: Mapping[str, TopicInfo]
    ) -> list[Observation]:
        """A group that could not be read keeps a row for each topic it had, with the reason."""
        described = self._members.of(group.name)
        if committed is None or isinstance(committed, Fault):
            note = group.note or _why(committed)
            topics: tuple[str | None, ...] = self._topics.get(group.name, ()) or (None,)
            return [self._observation(group, described, topic, {}, {}, frozenset(), note) for topic in topics]
        offsets = _by_topic(committed)
        self._topics[group.name] = tuple(sorted(offsets))
        if not offsets:
            note = "there is no such group" if group.is_named else "it has committed no offsets"
            return [self._observation(group, described, None, {}, {}, frozenset(), note)]
        return [
            self._observation(group, described, topic, offsets[topic], ends.get(topic, {}), _rest(topic, offsets[topic], known), "")
            for topic in sorted(offsets)
        ]

    def _observation(
        self,
        group: Group,
        described: Described | None,
        topic: str | None,
        offsets: Mapping[int, int],
        ends: "Mapping[int, int | Fault]",
        uncommitted: frozenset[int],
        note: str,
    ) -> Observation:
        ended = {partition: end for partition, end in ends.items() if isinstance(end, int)}
        missing = next((end.text for end in ends.values() if isinstance(end, Fault)), "")
        status, owners = of_topic(described, topic) if described is not None else (None, {})
        members = "" if group.has_members else "the group has no members"
        notes = (members, missing and f"the log end is not known: {missing}", described.note if described is not None else "")
        return Observation(
            name=group.name,
            layout="group",
            topic=topic,
            offsets=offsets,
            ends=ended,
            has_members=group.has_members,
            note=note or "; ".join(filter(None, notes)),
            cluster=self._cluster,
            group=status,
            owners=owners,
            log_id=self._ids.known.get(topic) if topic is not None else None,
            uncommitted=uncommitted,
        )


Ends = Mapping[str, Mapping[int, int | Fault]]


def _by_topic(figures: Mapping[Key, Any]) -> dict[str, dict[int, Any]]:
    found: dict[str, dict[int, Any]] = {}
    for (topic, partition), figure in figures.items():
        found.setdefault(topic, {})[partition] = figure
    return found


def _rest(topic: str, offsets: Mapping[int, int], known: Mapping[str, TopicInfo]) -> frozenset[int]:
    """Partitions of the topic without a commit."""
    return frozenset(known[topic].leaders.keys() - offsets.keys()) if topic in known else frozenset()


def _why(fault: Fault | None) -> str:
    if fault is None:
        return "not read in this cycle: there are more groups than its time allows"
    return "the brokers deny us to read this group; grant Describe on it" if fault.kind == "denied" else fault.text


def _offsets(answer: "Future[Any]", until: float) -> "dict[Key, int] | Fault":
    """Committed offsets alone: -1001 stands for "none committed" and is no figure."""
    from confluent_kafka import KafkaException

    try:
        places = answer.result(timeout=max(0.0, until - time.monotonic())).topic_partitions
    except TimeoutError:
        return Fault("silent", "the coordinator of the group does not answer")
    except KafkaException as error:
        return fault_of(error.args[0])
    return {(place.topic, place.partition): place.offset for place in places if place.error is None and place.offset >= 0}
