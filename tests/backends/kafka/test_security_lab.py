"""A Kafka that asks who we are and what we may: each way in, each way to be refused, and what is closed to us beside what is open."""

import asyncio
from collections.abc import Iterator

import pytest
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._resource import ResourceType

from backends.kafka.config import Cluster, TopicFilter
from backends.offsets import Watched
from settings.secret import Secret
from tests.backends.cluster_peer import ClusterPeer
from tests.backends.watching import Watch, watching_offsets, watching_topics
from tests.lab.secure import SecureKafka

Options = dict[str, str | int | float | bool | Secret]


@pytest.fixture(autouse=True)
def nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """A refused login is what librdkafka likes to log most."""
    yield
    assert capfd.readouterr() == ("", "")


@pytest.fixture(scope="module")
def peer(kafka_secure: SecureKafka) -> ClusterPeer:
    """Three topics with a group each: `open` may be read by watcher, `listed` only be described, `closed` neither."""
    peer = ClusterPeer(kafka_secure.address())
    peer.create({"open": 2, "listed": 1, "closed": 1})
    for name in ("open", "listed", "closed"):
        peer.write(name, b"1,2,3,4,5,6", b"1,2,3,4,5,6")
        peer.commit(f"{name}-sink", name, {0: 1})
    peer.allow("watcher", ResourceType.TOPIC, "open", AclOperation.DESCRIBE, AclOperation.READ)
    peer.allow("watcher", ResourceType.TOPIC, "listed", AclOperation.DESCRIBE)
    peer.allow("watcher", ResourceType.GROUP, "open-sink", AclOperation.DESCRIBE)
    peer.allow("watcher", ResourceType.GROUP, "closed-sink", AclOperation.DESCRIBE)
    return peer


def login(user: str, password: str | None = None) -> Options:
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": user,
        "sasl.password": password or user,
    }


def cluster_of(kafka: SecureKafka, listener: str, options: Options, *include: str) -> Cluster:
    return Cluster("main", bootstrap=kafka.at(listener), options=options, topics=TopicFilter([*(include or ("*",))]))


async def refusal(cluster: Cluster) -> str:
    """What the topics source and the groups source say alike."""
    async with watching_topics(cluster) as topics, watching_offsets(Watched("groups", kafka="main"), cluster) as groups:
        first, second = await asyncio.gather(topics.trouble(), groups.trouble())
    assert (first.state, str(first)) == (second.state, str(second))
    return f"{first.state}: {first}"


async def sees(watch: Watch, *names: str) -> None:
    assert set(await watch.topics()) == {*names}


async def test_the_right_password_lets_us_in_by_either_listener(kafka_secure: SecureKafka, peer: ClusterPeer) -> None:
    encrypted: Options = {**login("watcher"), "security.protocol": "SASL_SSL", "ssl.ca.location": kafka_secure.authority}
    for listener, options in (("SASL_PLAINTEXT", login("watcher")), ("SASL_SSL", encrypted)):
        async with watching_topics(cluster_of(kafka_secure, listener, options)) as watch:
            await sees(watch, "open", "listed")


async def test_a_certificate_lets_us_in_by_its_name(kafka_secure: SecureKafka, peer: ClusterPeer) -> None:
    certificate, key = kafka_secure.certificate_of("watcher")
    options: Options = {
        "security.protocol": "SSL",
        "ssl.ca.location": kafka_secure.authority,
        "ssl.certificate.location": certificate,
        "ssl.key.location": key,
    }
    async with watching_topics(cluster_of(kafka_secure, "SSL", options)) as watch:
        await sees(watch, "open", "listed")


async def test_a_wrong_password_is_called_one_and_is_not_repeated(kafka_secure: SecureKafka) -> None:
    text = await refusal(cluster_of(kafka_secure, "SASL_PLAINTEXT", login("watcher", "hunter2")))
    assert text.startswith(f"denied: kafka main: {kafka_secure.at('SASL_PLAINTEXT')} refuses our login (")
    assert text.endswith("; see kafka[0].options") and "hunter2" not in text


async def test_a_broker_that_another_authority_signed_is_not_trusted(kafka_secure: SecureKafka) -> None:
    options: Options = {**login("watcher"), "security.protocol": "SASL_SSL", "ssl.ca.location": kafka_secure.other_authority}
    text = await refusal(cluster_of(kafka_secure, "SASL_SSL", options))
    assert "certificate verify failed" in text and kafka_secure.at("SASL_SSL") in text


async def test_no_login_where_one_is_asked_for_is_told_in_time(kafka_secure: SecureKafka) -> None:
    text = await refusal(cluster_of(kafka_secure, "SASL_PLAINTEXT", {}))
    assert text.startswith("down: kafka main: no broker answers at") and "see kafka[0]" in text


async def test_plain_text_to_a_listener_of_tls_is_told_in_time(kafka_secure: SecureKafka) -> None:
    text = await refusal(cluster_of(kafka_secure, "SASL_SSL", login("watcher")))
    assert text.startswith("down: kafka main: no broker answers at") and "see kafka[0]" in text


async def test_a_topic_that_is_closed_to_us_is_shown_when_it_is_named_and_spoils_no_other(
    kafka_secure: SecureKafka, peer: ClusterPeer
) -> None:
    cluster = cluster_of(kafka_secure, "SASL_PLAINTEXT", login("watcher"), "open", "closed")
    async with watching_topics(cluster) as watch:
        seen = await watch.topics()
    assert seen["open"].state == "unparsable" and [each.end for each in seen["open"].detail] == [2, 0]
    assert seen["closed"].loaded_age_s is None and seen["closed"].detail == ()
    assert "grant Describe" in (seen["closed"].reason or "")


async def test_a_topic_that_we_may_describe_but_not_read_keeps_its_figures(kafka_secure: SecureKafka, peer: ClusterPeer) -> None:
    async with watching_topics(cluster_of(kafka_secure, "SASL_PLAINTEXT", login("watcher"))) as watch:
        seen = await watch.topics()
        assert seen["open"].detail[0].state == "unparsable"
    listed = seen["listed"]
    assert (listed.state, listed.detail[0].state, listed.detail[0].end, listed.detail[0].sample) == ("denied", "denied", 2, None)
    assert "deny" in (listed.reason or "") and "Read" in (listed.reason or "")


async def test_who_may_see_nothing_sees_no_topic_and_no_group_and_is_told_no_lie(kafka_secure: SecureKafka, peer: ClusterPeer) -> None:
    """The broker calls it success: it just leaves out what is closed to us."""
    cluster = cluster_of(kafka_secure, "SASL_PLAINTEXT", login("stranger"))
    async with watching_topics(cluster) as topics, watching_offsets(Watched("groups", kafka="main"), cluster) as groups:
        assert await topics.topics() == {} and await groups.consumers() == {}


async def test_groups_are_as_open_as_their_acl_and_lag_only_where_their_topic_is(kafka_secure: SecureKafka, peer: ClusterPeer) -> None:
    """Of a group whose topic is closed to us the broker says nothing, not even that there is something."""
    cluster = cluster_of(kafka_secure, "SASL_PLAINTEXT", login("watcher"))
    async with watching_offsets(Watched("groups", kafka="main"), cluster) as groups:
        seen = await groups.consumers()
    assert set(seen) == {"open-sink", "closed-sink"}  # listed-sink is closed
    assert (seen["open-sink"].topic, seen["open-sink"].lag) == ("open", 1)
    assert (seen["closed-sink"].topic, seen["closed-sink"].lag, seen["closed-sink"].verdict) == (None, None, "UNKNOWN")


async def test_a_closed_topic_that_is_named_is_called_denied(kafka_secure: SecureKafka, peer: ClusterPeer) -> None:
    """Left out of what we may list, it is asked for by its name: then the broker says why."""
    async with watching_topics(cluster_of(kafka_secure, "SASL_PLAINTEXT", login("watcher"), "open", "closed")) as watch:
        seen = await watch.topics()
    assert (seen["closed"].state, seen["open"].detail[0].end) == ("denied", 2)


async def test_a_closed_group_that_is_named_is_shown_with_the_reason(kafka_secure: SecureKafka, peer: ClusterPeer) -> None:
    cluster = cluster_of(kafka_secure, "SASL_PLAINTEXT", login("watcher"))
    async with watching_offsets(Watched("groups", kafka="main", groups=["open-sink", "listed-sink"]), cluster) as groups:
        seen = await groups.consumers()
    assert seen["open-sink"].lag == 1
    assert seen["listed-sink"].verdict == "UNKNOWN" and "den" in seen["listed-sink"].reason
