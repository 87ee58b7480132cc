"""`records` on a real Kafka, from the cluster itself and through a daemon that watches it."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backends.kafka_peer import KafkaPeer
from tests.lab.kafka import Kafka4
from tests.relay_console.program import Place

TOPIC = "records.mixed"
VALUES = (b"1,a,b,c", "값".encode(), b"\xff\x00\x1b[2J", None, b"newest")


@pytest.fixture(scope="module")
def peer(kafka4: Kafka4) -> KafkaPeer:
    peer = KafkaPeer(kafka4.address())
    peer.create({TOPIC: 2, "records.empty": 1})
    peer.write(TOPIC, *VALUES, partition=1)
    return peer


@pytest.fixture(scope="module")
def place(kafka4: Kafka4, peer: KafkaPeer) -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="records."))  # sockets want a short name
    cluster = {"name": "main", "bootstrap": kafka4.address(), "topics": {"include": ["records.*"]}, "interval": "1s"}
    yield Place(folder, f"kafka: [{json.dumps(cluster)}]\n")
    shutil.rmtree(folder)


def told(place: Place, *words: str) -> list[dict[str, Any]]:
    done = place.run("records", TOPIC, *words, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(place: Place) -> None:
    records = told(place)
    assert [record["offset"] for record in records] == [4, 3, 2, 1, 0]
    assert {record["partition"] for record in records} == {1} and {record["cluster"] for record in records} == {"main"}
    assert [record["value"] for record in records] == ["newest", None, None, "값", "1,a,b,c"]
    assert records[1]["value_base64"] is None and records[2]["value_base64"] == "/wAbWzJK"
    assert [record["offset"] for record in told(place, "--partition", "1", "--before", "2", "--limit", "1")] == [1]
    table = place.run("records", TOPIC)
    assert "(null)" in table.stdout and "␛[2J" in table.stdout and "\x1b" not in table.stdout
    assert "ff 00 1b 5b 32 4a" in place.run("records", TOPIC, "--hex").stdout
    empty = place.run("records", "records.empty")
    assert (empty.returncode, empty.stdout) == (0, "") and empty.stderr
    absent = place.run("records", "records.absent", "--cluster", "main")
    assert absent.returncode == 69 and "records.absent" in absent.stderr and absent.stdout == ""


def test_the_cluster_itself_is_asked_where_no_daemon_runs(place: Place, peer: KafkaPeer) -> None:
    before = peer.groups()
    check(place)
    assert peer.groups() == before  # no group was joined for it


def test_a_daemon_tells_the_same(place: Place) -> None:
    with place.daemon():
        check(place)
