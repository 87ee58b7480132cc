"""The options for librdkafka: every wrong one named with its reason, by the library itself; no secret read, no broker asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backends.kafka.options import Fault, Use, Value, asked, faults
from backends.kafka.properties import PROPERTIES
from settings.secret import Secret

UNREADABLE = Secret(env="RELAY_CONSOLE_TEST_NO_SUCH_SECRET")
LOGIN: dict[str, Value] = {"sasl.username": "kim", "sasl.password": UNREADABLE}


def found(use: Use = "read", /, **options: Value) -> dict[str, str]:
    """What is wrong, by option; `_` stands for a dot."""
    return of({name.replace("_", "."): value for name, value in options.items()}, use)


def of(options: dict[str, Value], use: Use = "read") -> dict[str, str]:
    told = [*faults(options, use), *asked(options, use)]
    assert len({fault.name for fault in told}) == len(told), "each option once"
    return {fault.name: fault.text for fault in told}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"client.id": "watcher", "socket.keepalive.enable": True, "metadata.max.age.ms": 60000, "fetch.min.bytes": "1"},
        {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", **LOGIN},
        {"security.protocol": "ssl", "ssl.ca.location": "probe", "ssl.key.pem": UNREADABLE, "ssl.certificate.pem": UNREADABLE},
        {"topic.auto.commit.interval.ms": 1000, "topic.blacklist": "^secret"},
    ],
    ids=["none", "plain", "login", "certificates", "of topics"],
)
def test_what_librdkafka_takes_is_right(options: dict[str, Value]) -> None:
    assert of(options) == {}


def test_a_name_that_does_not_exist_is_told_with_the_nearest_one() -> None:
    assert found(sasl_mechansm="PLAIN") == {"sasl.mechansm": "no such librdkafka property; did you mean 'sasl.mechanism'?"}
    assert "did you mean 'security.protocol'" in found(Security_Protocol="SSL")["Security.Protocol"]
    assert found(zzz="x") == {"zzz": "no such librdkafka property"}
    assert [fault.is_name for fault in asked({"zzz": "x", "security.protocol": "x"}, "read")] == [True, False]


def test_a_wrong_value_is_told_with_what_is_right() -> None:
    wrong = found(security_protocol="SASL_SSLX", socket_timeout_ms=1, socket_keepalive_enable="maybe", topic_blacklist="(")
    assert wrong["security.protocol"] == "'SASL_SSLX' is not one of plaintext, ssl, sasl_plaintext, sasl_ssl"
    assert wrong["socket.timeout.ms"] == "1 is out of range; socket.timeout.ms is milliseconds from 10 to 300000"
    assert wrong["socket.keepalive.enable"] == "'maybe' is neither true nor false"
    assert wrong["topic.blacklist"].startswith("librdkafka refuses it: Failed to parse pattern")


@pytest.mark.parametrize("value", ["5s", 5.5, True, "1e3", ""])
def test_a_duration_of_ours_is_no_number_of_theirs(value: Value) -> None:
    """librdkafka would read "5s" as 5 ms."""
    assert "is no whole number; metadata.max.age.ms is milliseconds" in found(metadata_max_age_ms=value)["metadata.max.age.ms"]


def test_what_relay_console_says_itself_is_refused_with_the_reason() -> None:
    wrong = found(bootstrap_servers="h:1", group_id="mine", enable_auto_commit=True, debug="all", topic_auto_offset_reset="earliest")
    assert "as bootstrap" in wrong["bootstrap.servers"]
    assert "joins no group" in wrong["group.id"]
    assert "without joining, committing" in wrong["enable.auto.commit"] and "committing" in wrong["topic.auto.offset.reset"]
    assert "over the screen" in wrong["debug"]


def test_what_is_for_others_is_refused() -> None:
    wrong = of({"linger.ms": 5, "topic.acks": "all", "error_cb": "f", "plugin.library.paths": "evil", "fetch.min.bytes": 1})
    assert wrong["linger.ms"] == wrong["topic.acks"] == "is for producers, and relay-console only reads"
    assert wrong["error_cb"] == "cannot be set in a file, only by a program"
    assert "load code" in wrong["plugin.library.paths"]
    assert set(wrong) == {"linger.ms", "topic.acks", "error_cb", "plugin.library.paths"}
    assert of({"fetch.min.bytes": 1, "linger.ms": 5}, "write") == {"fetch.min.bytes": "is for consumers, and a sink only writes"}
    assert "over the screen" in found("write", debug="all")["debug"]


def test_files_that_are_not_there_are_told(tmp_path: Path) -> None:
    absent = tmp_path / "ca.pem"
    assert found(ssl_ca_location=str(absent)) == {"ssl.ca.location": f"{absent}: No such file or directory"}
    assert "begins with /" in found(ssl_key_location="key.pem")["ssl.key.location"]
    assert "begins with /" in found(ssl_crl_location="~/crl.pem")["ssl.crl.location"]
    absent.write_text("no certificate")
    assert "ssl.ca.location failed" in found(security_protocol="SSL", ssl_ca_location=str(absent))["ssl.ca.location"]


def test_several_that_do_not_go_together_are_all_told() -> None:
    options: dict[str, Value] = {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-999", **LOGIN}
    wrong = of({**options, "ssl.curves.list": "zz", "ssl.cipher.suites": "foo", "receive.message.max.bytes": 1000})
    assert set(wrong) == {"sasl.mechanism", "ssl.curves.list", "ssl.cipher.suites", "receive.message.max.bytes"}
    assert "SCRAM-SHA-999" in wrong["sasl.mechanism"]


def test_a_login_that_is_not_whole_is_told() -> None:
    assert "must be set" in of({"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "kim"})["sasl.username"]
    assert "sasl.mechanism is missing" in of({"security.protocol": "SASL_SSL", **LOGIN})["security.protocol"]
    assert of({"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"})[""].startswith("librdkafka refuses these together: sasl.user")


def test_no_server_is_asked_for_a_token() -> None:
    options: dict[str, Value] = {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.method": "oidc"}
    assert of({**options, "sasl.oauthbearer.token.endpoint.url": "http://127.0.0.1:9/", "sasl.oauthbearer.client.id": "x"}) == {}


def test_a_secret_is_neither_read_nor_repeated(tmp_path: Path) -> None:
    fifo = tmp_path / "secret"
    os.mkfifo(fifo)  # who reads it waits for ever
    assert of({"security.protocol": "SSL", "ssl.key.password": Secret(file=str(fifo)), "ssl.key.location": "/etc/hostname"}) == {}
    login = {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.config": "hunter2"}
    told = of({**login, "sasl.jaas.config": "hunter2", "sasl.oauthbearer.extensions": "hunter2"})
    assert "JAAS" in told["sasl.jaas.config"] and "hunter2" not in str(told)


def test_a_secret_with_a_wrong_name_is_told() -> None:
    assert "did you mean 'sasl.password'?" in of({"sasl.pasword": UNREADABLE})["sasl.pasword"]


def test_the_table_knows_whom_a_property_is_for_as_the_library_does() -> None:
    """Nothing in it is refused as a name by the library that is installed."""
    for name, known in PROPERTIES.items():
        if known.user != "-":
            assert all("no such" not in fault.text for fault in asked({name: "x"}, "write" if known.user == "P" else "read")), name


def test_librdkafka_says_nothing_on_the_terminal() -> None:
    script = (
        "from backends.kafka.options import asked\n"
        "print(len([*asked({'ssl.cipher.suites': 'x', 'security.protocol': 'SSL', 'sasl.username': 'k', 'acks': 1}, 'read')]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_fault_says_where_it_stands() -> None:
    assert [*faults({"group.id": "x"}, "read")] == [
        Fault("group.id", "is for relay-console to say: it joins no group and commits nothing", True)
    ]
