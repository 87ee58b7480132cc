"""`topics`, `offsets` and `check` on a real Kafka and a real ZooKeeper, without a daemon: what one reading says, and what two do."""

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient

from tests.backends.kafka_peer import KafkaPeer
from tests.lab.kafka import Kafka4
from tests.lab.zookeeper import ZooKeeper
from tests.relay_console.program import Place

WAIT = "2s"
NODES = "/words/offsets"


@pytest.fixture(scope="module")
def peer(kafka4: Kafka4) -> KafkaPeer:
    peer = KafkaPeer(kafka4.address())
    peer.create({"words.fresh": 2, "words.stale": 1, "words.empty": 1})
    peer.write("words.stale", line(3600))
    return peer


@pytest.fixture(scope="module")
def place(kafka4: Kafka4, zookeeper: ZooKeeper, peer: KafkaPeer) -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="words."))  # sockets want a short name
    kafka = {"name": "main", "bootstrap": kafka4.address(), "topics": {"include": ["words.*"]}, "options": {"client.id": "words"}}
    offsets = {"name": "lean", "zookeeper": zookeeper.address(), "path": NODES}
    yield Place(folder, f"kafka: [{json.dumps(kafka)}]\noffsets: [{json.dumps(offsets)}]\n")
    shutil.rmtree(folder)


def line(age: float) -> bytes:
    at = datetime.fromtimestamp(time.time() - age, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"1,a,b,c,{at},{at},x".encode()


@pytest.fixture
def moving(peer: KafkaPeer, zookeeper: ZooKeeper) -> Iterator[None]:
    """Ten records and ten offsets a second, as long as the test takes."""
    client = KazooClient(zookeeper.address(), timeout=20)
    client.start(20)
    client.ensure_path(NODES)
    client.create(f"{NODES}/app1-node-1", b"5:100", makepath=True)
    over = threading.Event()

    def work() -> None:
        offset = 100
        while not over.wait(0.1):
            offset += 1
            peer.write("words.fresh", line(1))
            client.set(f"{NODES}/app1-node-1", f"5:{offset}".encode())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(20)
        client.delete(NODES, recursive=True)
        client.stop()
        client.close()


def ask(place: Place, *words: str) -> dict[str, Any]:
    done = place.run(*words, "--json")
    assert done.returncode == 0, done.stderr
    (source,) = json.loads(done.stdout)["sources"]
    assert source["state"] == "ok", source["error"]
    data: dict[str, Any] = source["data"]
    return data


@pytest.mark.usefixtures("moving")
def test_one_reading_has_ages_and_a_second_one_has_rates(place: Place) -> None:
    topics = {topic["name"]: topic for topic in ask(place, "topics")["topics"]}
    assert set(topics) == {"words.fresh", "words.stale", "words.empty"}
    assert topics["words.fresh"]["records_per_s"] is None and 0 <= topics["words.fresh"]["loaded_age_s"] < 60
    assert topics["words.empty"]["state"] == "empty" and topics["words.empty"]["loaded_age_s"] is None
    (fresh,) = ask(place, "topics", "words.fresh", "--wait", WAIT)["topics"]
    assert 1 < fresh["records_per_s"] < 100
    assert [part["partition"] for part in fresh["detail"]] == [0, 1]


@pytest.mark.usefixtures("moving")
def test_a_consumer_is_judged_by_its_second_reading(place: Place) -> None:
    (first,) = ask(place, "offsets")["consumers"]
    assert first["records_per_min"]["1"] is None
    (second,) = ask(place, "offsets", "app1-node-1", "--wait", WAIT)["consumers"]
    assert second["verdict"] == "OK" and 60 < second["records_per_min"]["1"] < 6000
    assert [part["partition"] for part in second["detail"]] == [5]
    text = place.run("offsets", "app1-node-1").stdout
    assert "app1-node-1" in text and "Partitions 1" in text


@pytest.mark.usefixtures("moving")
def test_check_says_the_same_in_one_line(place: Place) -> None:
    done = place.run("check", "topics", "words.fresh", "words.stale", "--warn", "5m", "--crit", "15m")
    assert done.returncode == 2 and done.stdout.startswith("TOPICS CRITICAL - words.stale: newest record was loaded 1 h")
    assert done.stdout.count("\n") == 1 and "'words.stale loaded_age'=36" in done.stdout
    assert place.run("check", "topics", "words.fresh").returncode == 0
    assert place.run("check", "topics", "words.gone").returncode == 3
    once = place.run("check", "offsets")
    assert once.returncode == 3, once.stdout
    twice = place.run("check", "offsets", "app1-node-1", "--wait", WAIT)
    assert twice.returncode == 0 and "'app1-node-1 records_per_min'=" in twice.stdout


def test_a_cluster_that_is_away_is_critical_and_the_others_are_not(place: Place, peer: KafkaPeer) -> None:
    text = place.config.read_text()
    place.config.write_text(text.replace("kafka: [", "kafka: [{name: gone, bootstrap: '127.0.0.1:1'}, "))
    try:
        done = place.run("check", "topics")
        assert done.returncode == 2 and "no broker answers at 127.0.0.1:1" in done.stdout
        assert place.run("check", "topics", "words.fresh", "words.empty").returncode == 0
    finally:
        place.config.write_text(text)
