"""The lab does what truth.py says, seen by plain clients."""

import base64
import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from kazoo.client import KazooClient

from tests.lab import record, truth
from tests.lab.activemq import ActiveMQ, ask_jolokia, queue_sizes
from tests.lab.feed_restless import RestlessTopics
from tests.lab.kafka import Kafka
from tests.lab.lab import Lab
from tests.lab.server import REPOSITORY, ask
from tests.lab.stomp_client import Stomp

LIMIT_S = 20.0


def eventually(holds: Callable[[], object], limit_s: float = LIMIT_S) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, f"did not come true within {limit_s} s"
        time.sleep(0.2)


def newest_values(kafka: Kafka, topic: truth.Topic) -> list[bytes]:
    """The last record of each partition that has one."""
    consumer = Consumer({"bootstrap.servers": kafka.address(), "group.id": "lab-test", "enable.auto.commit": False})
    values = []
    try:
        for number in range(topic.partitions):
            start, end = consumer.get_watermark_offsets(TopicPartition(topic.name, number), timeout=LIMIT_S)
            if end > start:
                consumer.assign([TopicPartition(topic.name, number, end - 1)])
                message = consumer.poll(LIMIT_S)
                assert message is not None and message.error() is None
                values.append(message.value() or b"")
    finally:
        consumer.close()
    return values


def age(text: bytes) -> float:
    return time.time() - datetime.strptime(text.decode(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=truth.TIMEZONE).timestamp()


@pytest.fixture(params=["kafka3", "kafka4"])
def kafka(request: pytest.FixtureRequest, lab: Lab) -> Kafka:
    cluster: Kafka = getattr(lab, request.param)
    return cluster


@pytest.fixture(params=["activemq_old", "activemq_hardened"])
def broker(request: pytest.FixtureRequest, lab: Lab) -> ActiveMQ:
    found: ActiveMQ = getattr(lab, request.param)
    return found


@pytest.fixture
def znodes(lab: Lab) -> Any:
    client = KazooClient(lab.zookeeper.address())
    client.start(timeout=LIMIT_S)
    yield client
    client.stop()
    client.close()


CSV = [topic for topic in truth.TOPICS if topic.loaded_age_s is not None and topic.payload != "json"]
GROUPS = [(cluster, group) for cluster in ("kafka3", "kafka4") for group in truth.groups_of(cluster)]


@pytest.mark.parametrize("topic", CSV, ids=lambda topic: topic.name)
def test_the_newest_record_of_a_topic_has_the_age_of_the_script(kafka: Kafka, topic: truth.Topic) -> None:
    assert topic.loaded_age_s is not None
    rows = [value.split(b",") for value in newest_values(kafka, topic)]
    youngest = min(age(row[4]) for row in rows)
    assert topic.loaded_age_s <= youngest <= topic.loaded_age_s + truth.AGE_TOLERANCE_S
    assert min(age(row[5]) for row in rows) == pytest.approx(youngest + topic.load_delay_s, abs=0.5)
    assert all(len(row) >= 8 for row in rows)


def test_one_topic_is_empty_and_one_cannot_be_parsed(kafka: Kafka) -> None:
    topics = {topic.name: topic for topic in truth.TOPICS}
    assert newest_values(kafka, topics["orders-empty"]) == []
    for value in newest_values(kafka, topics["orders-unparsable"]):
        with pytest.raises((ValueError, IndexError)):
            age(value.split(b",")[4])


def test_json_holds_its_times_at_their_pointers_and_avro_is_no_text(kafka: Kafka) -> None:
    topics = {topic.name: topic for topic in truth.TOPICS}
    documents = [json.loads(value)["meta"] for value in newest_values(kafka, topics["orders-json"])]
    assert min(age(meta["loaded_at"].encode()) for meta in documents) == pytest.approx(3, abs=truth.AGE_TOLERANCE_S)
    assert all(age(meta["sent_at"].encode()) > age(meta["loaded_at"].encode()) for meta in documents)
    for value in newest_values(kafka, topics["events-avro"]):
        assert value[:5] == b"\0\0\0\0\x2a" and value.endswith(b"partner-a")


def newest_records(kafka: Kafka, topic: str, back: int) -> list[Message]:
    """Of partition 0, as far as `back` offsets before its end; aborted records are left out."""
    settings = {"group.id": "lab-test", "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer({"bootstrap.servers": kafka.address(), **settings})
    found: list[Message] = []
    try:
        start, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=LIMIT_S)
        consumer.assign([TopicPartition(topic, 0, max(start, end - back))])
        while (message := consumer.poll(LIMIT_S)) is not None and message.error() is None:
            found.append(message)
    finally:
        consumer.close()
    return found


def test_a_topic_of_transactions_has_a_marker_behind_each_and_holes_where_some_were_aborted(kafka: Kafka) -> None:
    """A record and a marker in each partition a second: of what was committed the offsets are two apart, around an abort four."""

    def steps() -> set[int]:
        offsets = [message.offset() or 0 for message in newest_records(kafka, truth.RESTLESS.transactions, 40)]
        return {after - before for before, after in pairwise(offsets)}

    eventually(lambda: {2, 4} <= steps())


def test_a_compacted_topic_has_tombstones(kafka: Kafka) -> None:
    eventually(lambda: any(message.value() is None for message in newest_records(kafka, truth.RESTLESS.compacted, 15)), 40)


def test_a_log_append_topic_has_the_time_of_the_broker(kafka: Kafka) -> None:
    newest = newest_records(kafka, "sensors-append", 1)[-1]
    assert newest.timestamp()[0] == TIMESTAMP_LOG_APPEND_TIME


def test_a_topic_is_recreated_again_and_again(monkeypatch: pytest.MonkeyPatch, kafka: Kafka) -> None:
    monkeypatch.setattr("tests.lab.feed_restless.RESTLESS", truth.Restless("own-tx", 2, 5, "own-compacted", 20, 10, "own-recreated", 1))
    topics, ids = RestlessTopics({"bootstrap.servers": kafka.address(), "log_level": 0}), set()
    admin = AdminClient({"bootstrap.servers": kafka.address(), "log_level": 0})
    topics.open()

    def recreated() -> bool:
        topics.step(time.time())
        names = TopicCollection(["own-recreated"])
        with suppress(KafkaException):
            ids.add(str(admin.describe_topics(names)["own-recreated"].result(LIMIT_S).topic_id))
        return len(ids) >= 3

    try:
        eventually(recreated)
    finally:
        topics.close()


@pytest.mark.parametrize(("cluster", "group"), GROUPS, ids=lambda each: getattr(each, "name", each))
def test_a_group_has_the_lag_of_the_script(lab: Lab, cluster: str, group: truth.Group) -> None:
    kafka: Kafka = getattr(lab, cluster)
    before, started = lag_of(kafka, group), time.monotonic()
    assert before >= group.lag
    if group.falls_behind_per_min:
        eventually(lambda: lag_of(kafka, group) >= before + group.falls_behind_per_min // 60)
    else:
        per_second = next(topic.per_second for topic in truth.TOPICS if topic.name == group.topic)
        eventually(lambda: time.monotonic() - started > 2)
        assert group.lag <= lag_of(kafka, group) <= group.lag + per_second * (1 + group.stalls_s)


def lag_of(kafka: Kafka, group: truth.Group) -> int:
    """Committed first, end after: never negative."""
    admin = AdminClient({"bootstrap.servers": kafka.address()})
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group.name)])
    committed = asked[group.name].result(LIMIT_S).topic_partitions
    consumer = Consumer({"bootstrap.servers": kafka.address(), "group.id": "lab-test"})
    ends = [consumer.get_watermark_offsets(TopicPartition(group.topic, part.partition), timeout=LIMIT_S)[1] for part in committed]
    consumer.close()
    return sum(end - part.offset for end, part in zip(ends, committed, strict=True))


@pytest.mark.parametrize("znode", truth.ZNODES, ids=lambda znode: znode.name)
def test_a_znode_moves_at_the_rate_of_the_script(znodes: Any, znode: truth.Znode) -> None:
    data, stat = znodes.get(f"{truth.OFFSETS_PATH}/{znode.name}")
    words = data.decode().split(",")
    offsets = {int(number): int(offset) for number, offset in (word.split(":") for word in words[: len(znode.pairs)])}
    for pair in znode.pairs:
        assert offsets[pair.partition] == pytest.approx(pair.offset_at(stat.last_modified), abs=1 + pair.per_min / 60)
    assert tuple(words[len(znode.pairs) :]) == znode.bad


def test_a_stalled_znode_is_written_again_with_the_same_bytes(znodes: Any) -> None:
    path = f"{truth.OFFSETS_PATH}/app1-node-4"
    data, stat = znodes.get(path)
    eventually(lambda: znodes.get(path)[1].version > stat.version)
    assert znodes.get(path)[0] == data


def test_the_classic_group_lags_by_what_the_script_says(lab: Lab, znodes: Any) -> None:
    group = truth.CLASSIC_GROUP
    committed = int(znodes.get(f"/consumers/{group.name}/offsets/{group.topic}/0")[0])
    consumer = Consumer({"bootstrap.servers": lab.kafka3.address(), "group.id": "lab-test"})
    _, end = consumer.get_watermark_offsets(TopicPartition(group.topic, 0), timeout=LIMIT_S)
    consumer.close()
    assert group.lag <= end - committed <= group.lag + 8


@pytest.mark.parametrize("queue", [queue for queue in truth.QUEUES if queue.in_per_s == 0], ids=lambda queue: queue.name)
def test_a_queue_that_stands_still_has_its_seed(broker: ActiveMQ, queue: truth.Queue) -> None:
    assert queue_sizes(broker.jolokia)[queue.name] == queue.seed


def test_one_queue_grows_and_one_is_kept_empty(broker: ActiveMQ) -> None:
    before = queue_sizes(broker.jolokia)
    eventually(lambda: queue_sizes(broker.jolokia)["orders.in"] >= before["orders.in"] + 3)
    assert queue_sizes(broker.jolokia)["billing.in"] <= 3


def test_a_refused_message_in_the_dead_letter_queue_knows_where_it_came_from(broker: ActiveMQ) -> None:
    consumer = Stomp(broker.stomp)
    consumer.subscribe(truth.DLQ, "client", 1)
    message = consumer.receive()
    consumer.close()  # never acknowledged: it stays
    assert message is not None and truth.REJECTED in message.headers["original-destination"]


def test_a_queue_has_messages_of_every_kind(broker: ActiveMQ) -> None:
    """But for the markup, which Jolokia 2.6 makes invalid JSON of."""
    operation = {"operation": "browse(java.lang.String)", "arguments": ["form <> 'markup'"]}
    messages = ask_jolokia(broker.jolokia, {"type": "exec", "mbean": mbean_of("invoices.mixed", "Queue"), **operation})["value"]
    assert [sum(key in message for message in messages) for key in ("Text", "BodyPreview", "ContentMap")] == [6, 2, 2]


def test_a_queue_is_paused(broker: ActiveMQ) -> None:
    assert attributes_of(broker, mbean_of("orders.paused", "Queue"), "Paused") == {"Paused": True}


def test_a_topic_has_traffic_a_durable_subscriber_that_is_there_and_one_that_is_not(broker: ActiveMQ) -> None:
    topic = mbean_of(truth.BROKER_TOPIC.name, "Topic")
    before = attributes_of(broker, topic, "EnqueueCount")["EnqueueCount"]
    eventually(lambda: attributes_of(broker, topic, "EnqueueCount")["EnqueueCount"] >= before + 2)
    request = {"type": "read", "mbean": f"{topic},endpoint=Consumer,*", "attribute": ["SubscriptionName", "Active", "PendingQueueSize"]}
    found = ask_jolokia(broker.jolokia, request)["value"].values()
    durables = {each["SubscriptionName"]: each for each in found if each["SubscriptionName"]}
    assert {name: each["Active"] for name, each in durables.items()} == {each.name: each.online for each in truth.BROKER_TOPIC.durables}
    eventually(lambda: durables["monthly"]["PendingQueueSize"] >= 1)
    assert len(found) == len(durables) + truth.BROKER_TOPIC.readers


def mbean_of(name: str, kind: str) -> str:
    return f"org.apache.activemq:type=Broker,brokerName=localhost,destinationType={kind},destinationName={name}"


def attributes_of(broker: ActiveMQ, mbean: str, *names: str) -> Any:
    return ask_jolokia(broker.jolokia, {"type": "read", "mbean": mbean, "attribute": [*names]})["value"]


def status_of(broker: ActiveMQ, login: str, body: bytes | None) -> int:
    headers = {
        "Authorization": "Basic " + base64.b64encode(login.encode()).decode(),
        "Origin": broker.jolokia[:-13],
        "Content-Type": "text/json",
    }
    request = urllib.request.Request(broker.jolokia + ("" if body else "read/java.lang:type=Runtime/Uptime"), body, headers)
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_S) as reply:
            return int(json.load(reply)["status"])
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_the_hardened_broker_refuses_what_the_old_one_allows(lab: Lab) -> None:
    version = b'{"type": "version"}'
    assert status_of(lab.activemq_old, "admin:admin", None) == 200
    assert status_of(lab.activemq_hardened, "admin:admin", None) == 403  # by GET
    assert status_of(lab.activemq_hardened, "admin:wrong", version) == 401
    assert status_of(lab.activemq_hardened, "user:user", version) == 403
    assert status_of(lab.activemq_old, "user:user", version) == 200
    memory = {"type": "read", "mbean": "java.lang:type=Memory", "attribute": "HeapMemoryUsage"}
    assert ask_jolokia(lab.activemq_hardened.jolokia, memory)["status"] == 403
    assert ask_jolokia(lab.activemq_old.jolokia, memory)["status"] == 200


def test_operations_work_on_both_brokers(broker: ActiveMQ) -> None:
    mbean = "org.apache.activemq:type=Broker,brokerName=localhost"
    made = ask_jolokia(broker.jolokia, {"type": "exec", "mbean": mbean, "operation": "addQueue", "arguments": ["test.made"]})
    gone = ask_jolokia(broker.jolokia, {"type": "exec", "mbean": mbean, "operation": "removeQueue", "arguments": ["test.made"]})
    assert (made["status"], gone["status"]) == (200, 200)


def test_a_killed_server_comes_back_on_its_port_and_is_fed_again(kafka: Kafka, lab: Lab) -> None:
    feed = lab.feeder.status()["feeds"][kafka.name]
    kafka.kill()
    assert not kafka.is_ready()
    kafka.start()
    eventually(lambda: lab.feeder.status()["feeds"][kafka.name]["steps"] > feed["steps"] + 2 and lab.feeder.is_moving, 60)


def test_a_killed_broker_comes_back_with_its_seeds(broker: ActiveMQ, lab: Lab) -> None:
    broker.kill()
    broker.start()
    seeds = {queue.name: queue.seed for queue in truth.QUEUES if queue.in_per_s == 0}
    eventually(lambda: lab.feeder.is_moving and seeds.items() <= queue_sizes(broker.jolokia).items(), 40)


def test_a_hung_server_answers_again_when_it_is_resumed(lab: Lab) -> None:
    lab.zookeeper.hang()
    try:
        assert not lab.zookeeper.is_ready()
    finally:
        lab.zookeeper.resume()
    eventually(lab.zookeeper.is_ready)


def test_the_partner_answers_each_record_by_its_rule(lab: Lab) -> None:
    before = lab.partner.counters()["received"]
    with socket.create_connection(("127.0.0.1", int(lab.partner.listen.split(":")[1])), LIMIT_S) as peer, peer.makefile("rb") as answers:
        codes = []
        for number in range(truth.PARTNER.busy_every):
            process_no = f"{123_456_701 + number:09d}"
            peer.sendall(record.request(process_no, number))
            echoed, code = record.read_answer(answers.readline())
            assert echoed == process_no
            codes.append(code)
        peer.sendall(record.request("123456700", 0))
        codes.append(record.read_answer(answers.readline())[1])
    assert sorted(set(codes)) == ["200", "400", "503"] and codes.count("503") == 1 and codes[-1] == "400"
    eventually(lambda: lab.partner.counters()["received"] >= before + len(codes))


def test_the_partner_drops_whole_records_into_the_outbox(lab: Lab) -> None:
    eventually(lambda: len(list(lab.partner.outbox.glob("[0-9]*.txt"))) >= 2)
    for path in lab.partner.outbox.glob("[0-9]*.txt"):
        line = path.read_bytes()
        assert line.count(b"|") == record.COLUMNS - 1 and int(line[:4]) == len(line) and line.endswith(b"\n")


def test_the_legacy_log_is_a_hang_written_in_the_format_of_java_8(lab: Lab) -> None:
    last = lab.legacy_gc_log.read_text().splitlines()[-1]
    found = re.search(r"\+0900: [\d.]+: \[Full GC \(Ergonomics\) .* \[ParOldGen: (\d+)K->(\d+)K\((\d+)K\)\] .* secs\]$", last)
    assert found is not None
    assert [int(figure) for figure in found.groups()] == [truth.LEGACY.full_before_kib, truth.LEGACY.full_after_kib, truth.LEGACY.old_kib]


def test_the_leaking_agent_lives_on_with_full_collections_that_free_nothing(lab: Lab) -> None:
    agent = lab.agents["producer-agent-2"]
    freed = re.compile(r"GC\(\d+\) ParOldGen: (\d+)K\((\d+)K\)->(\d+)K")
    eventually(lambda: len(re.findall(r"Pause Full \(.*ms", agent.gc_log.read_text())) > 20, 120)
    before, capacity, after = (int(figure) for figure in freed.findall(agent.gc_log.read_text())[-1])
    assert after >= 0.95 * before and after >= 0.9 * capacity
    assert agent.is_running
    assert "Concurrent Mark Cycle" in lab.agents["producer-agent-1"].gc_log.read_text()


def test_the_configuration_fills_every_section(lab: Lab, tmp_path: Path) -> None:
    config = yaml.safe_load(lab.write_config(tmp_path / "config.yaml").read_text())
    assert set(config) >= {"relay", "kafka", "offsets", "heap", "activemq", "history"}
    assert config["kafka"][0]["zookeeper"] == lab.zookeeper.address() and config["kafka"][1]["bootstrap"] == lab.kafka4.address()
    assert all(Path(agent["path"]).exists() for agent in config["heap"])
    assert json.dumps(lab.describe())


def test_servers_die_with_a_lab_that_is_killed(tmp_path: Path) -> None:
    script = f"""
import time; from pathlib import Path; from tests.lab.lab import Lab
lab = Lab(Path({str(tmp_path)!r}))
lab.start("zookeeper")
print(lab.zookeeper.port, flush=True)
time.sleep(60)"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    eventually(lambda: ask(port, b"ruok", 4) == b"", 5)
