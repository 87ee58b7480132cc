"""Groups of a cluster that is only half there, denies, or is very large: a handle that answers as told stands in for librdkafka's.

What the real brokers say is tested in test_offsets_lab.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupState, ConsumerGroupType, KafkaError, KafkaException, TopicCollection, TopicPartition

from backends.consumers import groups as kafka_groups
from backends.consumers import members as group_members
from backends.consumers.consumption import Observation
from backends.consumers.groups import GroupsReader
from backends.kafka.client import KafkaClient, Key, Settings, TopicInfo
from backends.kafka.faults import Fault
from backends.source import Unavailable

STABLE, EMPTY, DEAD = ConsumerGroupState.STABLE, ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD


def done(value: Any) -> "Future[Any]":
    future: Future[Any] = Future()
    if isinstance(value, KafkaException):
        future.set_exception(value)
    elif value is not None:
        future.set_result(value)
    return future  # of None: it is never answered


def denied() -> KafkaException:
    return KafkaException(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED))


def away() -> KafkaException:
    return KafkaException(KafkaError(KafkaError._TRANSPORT, "connect to broker 2 failed: Connection refused"))


class Cluster:
    """What an AdminClient would answer. `committed` and `members` by group: a value, an exception, or None for silence."""

    def __init__(self) -> None:
        self.states: dict[str, ConsumerGroupState] = {}
        self.errors: list[KafkaException] = []
        self.committed: dict[str, Any] = {}
        self.members: dict[str, Any] = {}
        self.described: list[list[str]] = []
        self.order: list[str] = []

    def list_consumer_groups(self, request_timeout: float) -> "Future[Any]":
        listed = [SimpleNamespace(group_id=name, state=state, type=ConsumerGroupType.CLASSIC) for name, state in self.states.items()]
        return done(SimpleNamespace(valid=listed, errors=self.errors))

    def describe_topics(self, topics: TopicCollection, request_timeout: float) -> "dict[str, Future[Any]]":
        return {name: done(SimpleNamespace(topic_id=f"id of {name}")) for name in topics.topic_names}

    def list_consumer_group_offsets(self, requests: Sequence[Any], request_timeout: float) -> "dict[str, Future[Any]]":
        assert request_timeout >= 60, "librdkafka must never be the one that gives up"
        self.order.append("offsets")
        name = requests[0].group_id
        return {name: done(self.committed.get(name, places({})))}

    def describe_consumer_groups(self, names: Sequence[str], request_timeout: float) -> "dict[str, Future[Any]]":
        assert request_timeout >= 60
        self.order.append("members")
        self.described.append(list(names))
        return {name: done(self.members.get(name, group())) for name in names}


def places(offsets: Mapping[Key, int]) -> Any:
    return SimpleNamespace(topic_partitions=[TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()])


def group(state: ConsumerGroupState = STABLE, **members: Sequence[Key]) -> Any:
    described = [
        SimpleNamespace(
            member_id=f"{name}-id",
            client_id=name,
            host="/10.0.0.1",
            assignment=SimpleNamespace(topic_partitions=[TopicPartition(*key) for key in keys]),
        )
        for name, keys in members.items()
    ]
    return SimpleNamespace(state=state, type=ConsumerGroupType.CLASSIC, partition_assignor="range", members=described)


class Client(KafkaClient):
    """The shell with its handle replaced; every partition ends at 100."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(Settings("kafka main", "kafka[0]", "broker:9092", {}))
        self._cluster, self.dropped = cluster, 0

    @property
    def admin(self) -> Any:
        return self._cluster

    def topics(self, reads: bool) -> dict[str, TopicInfo]:
        return {"orders": TopicInfo({0: 1, 1: 1, 2: None})}

    def offsets(self, latest: Iterable[Key], earliest: Iterable[Key]) -> tuple[dict[Key, int | Fault], dict[Key, int | Fault]]:
        self._cluster.order.append("ends")
        return dict.fromkeys(latest, 100), {}

    def forget_admin(self) -> None:
        self.dropped += 1


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(kafka_groups, "GROUP_S", 0.05)
    monkeypatch.setattr(group_members, "DESCRIBE_S", 0.05)
    return Cluster()


def reading(cluster: Cluster) -> tuple[Client, Callable[[], dict[str, Observation]]]:
    client = Client(cluster)
    reader = GroupsReader(client, lambda name: True, "main")
    return client, lambda: {seen.name: seen for seen in reader.read()}


def test_offsets_come_first_then_log_ends_and_members_last(cluster: Cluster) -> None:
    cluster.states = {"sink": STABLE}
    cluster.committed["sink"] = places({("orders", 0): 90})
    cluster.members["sink"] = group(a=[("orders", 0), ("other", 5)], b=[("orders", 1)], idle=[])
    seen = reading(cluster)[1]()["sink"]
    assert cluster.order == ["offsets", "ends", "members"]
    assert (dict(seen.offsets), dict(seen.ends), seen.uncommitted, seen.cluster) == ({0: 90}, {0: 100, 1: 100}, frozenset({1, 2}), "main")
    assert seen.group is not None and seen.group.assignor == "range"
    assert [(member.client_id, member.partitions) for member in seen.group.members] == [("a", (0,)), ("b", (1,)), ("idle", ())]
    assert dict(seen.owners) == {0: "a 10.0.0.1", 1: "b 10.0.0.1"}


def test_a_broker_that_is_missing_from_the_list_keeps_its_groups_with_a_note(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    read = reading(cluster)[1]
    cluster.states = {"here": STABLE, "there": STABLE}
    cluster.committed = {"here": places({("orders", 0): 1}), "there": places({("orders", 0): 2})}
    read()
    cluster.states, cluster.errors = {"here": STABLE}, [away()]
    seen = read()
    assert dict(seen["here"].offsets) == {0: 1} and not seen["here"].note
    assert seen["there"].topic == "orders" and seen["there"].note == "not listed: a broker does not answer (connection refused)"
    cluster.errors = []
    assert read()["there"].note == "not listed: its coordinator may be moving", "no broker has it, and none calls that an error"
    monkeypatch.setattr(kafka_groups, "MOVING_S", 0.0)
    assert set(read()) == {"here"}


def test_what_a_reader_knew_of_its_groups_is_known_to_the_one_after_it(cluster: Cluster) -> None:
    cluster.states, cluster.committed = {"sink": STABLE}, {"sink": places({("orders", 0): 1})}
    before = GroupsReader(Client(cluster), lambda name: True, "main")
    before.read()
    cluster.states = {}  # its coordinator moves, and the first reader dies of that
    after = GroupsReader(Client(cluster), lambda name: True, "main", (), before.remember())
    (seen,) = after.read()
    assert (seen.name, seen.topic, seen.note) == ("sink", "orders", "not listed: its coordinator may be moving")


def test_a_list_that_no_broker_answers_is_a_cluster_that_is_down(cluster: Cluster) -> None:
    cluster.errors = [away()]
    with pytest.raises(Unavailable, match="the brokers do not list their groups"):
        reading(cluster)[1]()


def test_a_group_that_is_denied_is_a_note_of_that_group_alone(cluster: Cluster) -> None:
    cluster.states = {"open": STABLE, "secret": STABLE, "half": STABLE}
    cluster.committed = {"open": places({("orders", 0): 1}), "secret": denied(), "half": places({("orders", 0): 3})}
    cluster.members = {"secret": denied(), "half": denied()}
    client, read = reading(cluster)
    seen = read()
    assert seen["secret"].note == "the brokers deny us to read this group; grant Describe on it"
    assert dict(seen["half"].offsets) == {0: 3} and "deny us to see its members" in seen["half"].note
    assert seen["half"].has_members and not seen["open"].note and client.dropped == 0


def test_a_group_that_keeps_us_waiting_costs_its_handle_and_nothing_else(cluster: Cluster) -> None:
    cluster.states = {"hung": STABLE}
    cluster.committed["hung"] = None
    client, read = reading(cluster)
    assert read()["hung"].note == "the coordinator of the group does not answer"
    assert client.dropped == 1


def test_members_that_keep_us_waiting_cost_the_handle_and_the_offsets_are_there(cluster: Cluster) -> None:
    cluster.states = {"sink": STABLE}
    cluster.committed["sink"] = places({("orders", 0): 1})
    client, read = reading(cluster)
    read()
    cluster.describe_consumer_groups = lambda names, request_timeout: {name: done(None) for name in names}  # type: ignore[method-assign]
    seen = read()["sink"]
    assert dict(seen.offsets) == {0: 1} and seen.group is not None and client.dropped == 1


def test_empty_groups_have_no_members_and_are_not_asked_for_them(cluster: Cluster) -> None:
    cluster.states = {"empty": EMPTY, "dead": DEAD}
    seen = reading(cluster)[1]()
    assert cluster.described == []
    for name in ("empty", "dead"):
        found = seen[name].group
        assert found is not None and (found.state, found.members) == (name, ()) and not seen[name].has_members
        assert seen[name].note == "it has committed no offsets"


def test_few_groups_are_described_in_a_cycle_those_that_changed_first(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_members, "MAX_DESCRIBED", 3)
    cluster.states = {f"g{number}": STABLE for number in range(7)}
    read = reading(cluster)[1]
    for _ in range(3):
        read()
    assert [name for names in cluster.described for name in names][:7] == [f"g{number}" for number in range(7)]
    cluster.states["g6"] = ConsumerGroupState.PREPARING_REBALANCING
    cluster.members["g6"] = group(ConsumerGroupState.PREPARING_REBALANCING)
    seen = read()
    assert cluster.described[-1][0] == "g6" and len(cluster.described[-1]) == 3
    assert seen["g6"].group is not None and seen["g6"].group.state == "preparing_rebalance"


def test_the_state_is_that_of_the_list_though_members_are_older(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.states = {"sink": STABLE}
    cluster.members["sink"] = group(a=[("orders", 0)])
    cluster.committed["sink"] = places({("orders", 0): 1})
    read = reading(cluster)[1]
    read()
    cluster.states["sink"] = EMPTY
    found = read()["sink"].group
    assert found is not None and (found.state, found.members) == ("empty", ())


def test_what_was_not_committed_is_no_figure(cluster: Cluster) -> None:
    cluster.states = {"sink": STABLE}
    cluster.committed["sink"] = places({("orders", 0): -1001, ("orders", 1): 5, ("gone", 0): 7})
    observations = GroupsReader(Client(cluster), lambda name: True, "main").read()
    assert [(seen.topic, dict(seen.offsets), seen.uncommitted) for seen in observations] == [
        ("gone", {0: 7}, frozenset()),
        ("orders", {1: 5}, frozenset({0, 2})),
    ]
