"""What may be configured, which topics a filter takes, and where brokers are found."""

import re
from pathlib import Path
from typing import Any

import pytest

from backends.consumers.config import Login, application_of
from backends.kafka.config import Cluster, matcher
from backends.kafka.connect import choose, connect_settings
from backends.kafka.faults import plain_reason
from backends.offsets import Watched, sources
from backends.source import Context, Unavailable
from backends.zookeeper.znodes import Endpoint
from relay_console.config import read
from relay_console.errors import BadConfiguration
from relay_console.sections import sections as all_sections
from settings.forms import Misfit
from settings.secret import Secret


def test_globs_fit_whole_names_and_none_fit_nothing() -> None:
    fits = matcher(["user*", "orders"])
    assert [bool(fits(name)) for name in ("userTopic_1", "orders", "orders-2", "my-user", "")] == [True, True, False, False, False]
    assert not matcher([])("orders")
    assert matcher(["*"])("with\nnewline")


def test_a_cluster_needs_an_address() -> None:
    with pytest.raises(Misfit, match="missing: bootstrap"):
        Cluster("main")


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({}, "missing: zookeeper and path"),
        ({"zookeeper": "zk:2181"}, "missing: path"),
        ({"kafka": "main", "path": "/x"}, "a path needs zookeeper"),
        ({"zookeeper": "zk:2181", "path": "/x", "topic": "t"}, "a topic needs kafka"),
        ({"zookeeper": "zk:2181", "path": "/x", "kafka": "main"}, "need a topic"),
        ({"kafka": "main", "login": Login("lean", Secret(env="X"))}, "a login is for zookeeper"),
    ],
)
def test_offsets_that_lack_a_part_say_which(keys: dict[str, Any], text: str) -> None:
    with pytest.raises(Misfit, match=text):
        Watched("x", **keys)


@pytest.mark.parametrize(
    ("name", "application"),
    [
        ("app1-node-3", "app1"),
        ("app-2-node-13", "app-2"),
        ("orders_7", "orders"),
        ("orders.7", "orders"),
        ("orders-7", "orders"),
        ("lean_node_1", "lean"),
        ("app1", "app1"),
        ("node-3", "node"),
        ("앱-node-1", "앱"),
        ("-1", "-1"),
        ("x" * 5000 + "-1", "x" * 5000 + "-1"),
    ],
)
def test_an_application_is_what_its_nodes_have_in_common(name: str, application: str) -> None:
    assert application_of(re.compile(Watched("x", kafka="main").application), name) == application


def test_an_expression_that_finds_no_application_is_a_mistake_at_its_line() -> None:
    text = b"""
offsets:
  - {name: a, zookeeper: "zk:1", path: /a, application: "(app"}
  - {name: b, zookeeper: "zk:1", path: /b, application: "app"}
"""
    with pytest.raises(BadConfiguration) as broken:
        read(text, Path("config.yaml"), all_sections())
    first, second = broken.value.lines
    assert first.startswith("config.yaml:3:") and "offsets[0].application: '(app' is no regular expression: missing )" in first
    assert second.startswith("config.yaml:4:") and "'app' has 0 groups; write one (...) around the application" in second


def test_each_configured_thing_becomes_one_source_and_connects_to_nothing() -> None:
    cluster = Cluster("main", bootstrap="127.0.0.1:1")
    section = [
        Watched("a", zookeeper="zk:1", path="/p"),
        Watched("b", zookeeper="zk:1", layout="consumers", kafka="main"),
        Watched("c", kafka="main"),
    ]
    made = sources(section, Context({"kafka": [cluster]}, "", ""))
    assert [(source.name, source.kind, source.interval) for source in made] == [
        ("a", "offsets", 10.0),
        ("b", "offsets", 10.0),
        ("c", "offsets", 10.0),
    ]


async def test_a_secret_that_is_not_there_is_trouble_in_plain_words() -> None:
    cluster = Cluster("main", bootstrap="127.0.0.1:1", options={"sasl.password": Secret(env="NO_SUCH_VARIABLE")})
    with pytest.raises(Unavailable) as trouble:
        await connect_settings(cluster, "kafka[0]")
    assert str(trouble.value) == "kafka main: kafka[0].options.sasl.password: environment variable NO_SUCH_VARIABLE is not set"


async def test_secrets_are_read_when_we_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "hunter2")
    cluster = Cluster("main", bootstrap="127.0.0.1:1", options={"sasl.password": Secret(env="KAFKA_PASSWORD"), "sasl.username": "me"})
    assert (await connect_settings(cluster, "kafka[0]")).options == {"sasl.password": "hunter2", "sasl.username": "me"}


ENDPOINTS = [
    Endpoint("PLAINTEXT", "a:9092"),
    Endpoint("SASL_SSL", "a:9093"),
    Endpoint("PLAINTEXT", "b:9092"),
    Endpoint("PLAINTEXT", "a:9092"),
]


def test_of_all_endpoints_those_of_our_protocol_are_taken() -> None:
    assert choose(ENDPOINTS, "PLAINTEXT", "kafka main", "kafka[0]") == "a:9092,b:9092"
    assert choose(ENDPOINTS, "SASL_SSL", "kafka main", "kafka[0]") == "a:9093"


def test_brokers_that_speak_another_protocol_or_are_away_are_told_apart() -> None:
    with pytest.raises(Unavailable, match="no broker speaks SSL, they speak PLAINTEXT, SASL_SSL"):
        choose(ENDPOINTS, "SSL", "kafka main", "kafka[0]")
    with pytest.raises(Unavailable, match=r"knows no living broker.*kafka\[0\].bootstrap"):
        choose([], "SSL", "kafka main", "kafka[0]")


UNTRUSTED = "certificate verify failed; is it of an authority in ssl.ca.location, and of this host?"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (
            "127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)",
            "connection refused",
        ),
        (
            "x:9092/bootstrap: Failed to resolve 'x:9092': Name or service not known (after 1ms in state CONNECT)",
            "its name does not resolve",
        ),
        ("error:0A000086:SSL routines::certificate verify failed", UNTRUSTED),
        (
            "ssl://h:1/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could",
            UNTRUSTED,
        ),
        ("ssl://h:1/bootstrap: SSL handshake failed: unknown ca (after 6ms in state SSL_HANDSHAKE)", "SSL handshake failed: unknown ca"),
        ('KafkaError{code=_INVALID_ARG,val=-186,str="No such configuration property: "x""}', 'No such configuration property: "x"'),
        ("", ""),
    ],
)
def test_what_librdkafka_says_becomes_plain(text: str, plain: str) -> None:
    assert plain_reason(text) == plain
