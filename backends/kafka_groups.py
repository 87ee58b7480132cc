"""What consumer groups have committed, and where their logs end. Blocking; used by one thread.

A group call that times out may abort the whole process (librdkafka#4605: the answer arrives late on a handle that gave it up). So a group
is only asked after metadata answered on the same handle, librdkafka is told to wait for two minutes, we wait for GROUP_S, and a handle
that kept us waiting is dropped with its question.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from msgspec import Struct

from backends.consumption import Observation
from backends.kafka_client import Fault, KafkaClient, Key, fault_of

LIST_S = 5.0
GROUP_S = 5.0
PATIENT_S = 120.0  # librdkafka's own limit: never the one that ends a call
IN_FLIGHT = 50  # one call a group is all that the library offers
ALL_GROUPS_S = 15.0  # groups that are not reached within it come first in the next cycle


class Group(Struct, frozen=True):
    name: str
    has_members: bool


class GroupsReader:
    """`read` is one cycle. Offsets first, log ends afterwards: so a lag is never negative by haste."""

    def __init__(self, client: KafkaClient, fits: Callable[[str], bool]) -> None:
        self._client, self._fits = client, fits
        self._read_at: dict[str, float] = {}  # monotonic
        self._topics: dict[str, tuple[str, ...]] = {}  # of each group, as last read

    def read(self) -> list[Observation]:
        """One observation for each group and topic. Raises Unavailable when no broker answers."""
        known = self._client.topics(reads=False)
        groups = [group for group in self._list() if self._fits(group.name)]
        committed = self._committed(groups)
        led = {(name, number) for name, info in known.items() for number, leader in info.leaders.items() if leader is not None}
        wanted = {key for offsets in committed.values() if not isinstance(offsets, Fault) for key in offsets}
        ends, _ = self._client.offsets(sorted(wanted & led), ())
        return [seen for group in groups for seen in self._observations(group, committed.get(group.name), ends)]

    def close(self) -> None:
        self._client.close()

    def _list(self) -> list[Group]:
        from confluent_kafka import ConsumerGroupState, KafkaException

        try:
            listed = self._client.admin.list_consumer_groups(request_timeout=LIST_S).result(timeout=LIST_S + 1)
        except (KafkaException, TimeoutError) as error:
            raise self._client.unavailable(error) from None
        if listed.errors and not listed.valid:
            raise self._client.unavailable(listed.errors[0])
        ended = (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD)
        return [Group(group.group_id, group.state not in ended) for group in sorted(listed.valid, key=lambda group: group.group_id)]

    def _committed(self, groups: Sequence[Group]) -> dict[str, "dict[Key, int] | Fault"]:
        """By group; those that were not reached are left out. The longest unread come first."""
        order = sorted((group.name for group in groups), key=lambda name: self._read_at.get(name, 0.0))
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

    def _observations(self, group: Group, committed: "dict[Key, int] | Fault | None", ends: Mapping[Key, int | Fault]) -> list[Observation]:
        """A group that could not be read keeps a row for each topic it had, with the reason."""
        if committed is None or isinstance(committed, Fault):
            note = committed.text if committed is not None else "not read in this cycle: there are more groups than its time allows"
            return [_observation(group, topic, {}, {}, note) for topic in self._topics.get(group.name, ()) or (None,)]
        topics = self._topics[group.name] = tuple(sorted({topic for topic, _ in committed}))
        if not topics:
            return [_observation(group, None, {}, {}, "it has committed no offsets")]
        return [_observation(group, topic, _of(topic, committed), _of(topic, ends), "") for topic in topics]


def _observation(group: Group, topic: str | None, offsets: Mapping[int, int], ends: Mapping[int, int | Fault], note: str) -> Observation:
    known = {partition: end for partition, end in ends.items() if isinstance(end, int)}
    missing = next((end.text for end in ends.values() if isinstance(end, Fault)), "")
    members = "" if group.has_members else "the group has no members"
    return Observation(
        name=group.name,
        layout="group",
        topic=topic,
        offsets=offsets,
        ends=known,
        has_members=group.has_members,
        note=note or "; ".join(filter(None, (members, missing and f"the log end is not known: {missing}"))),
    )


def _of(topic: str, figures: Mapping[Key, Any]) -> dict[int, Any]:
    return {partition: figure for (name, partition), figure in figures.items() if name == topic}


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
