"""The relay-console configuration of a lab: every section filled, every address the lab's."""

from typing import TYPE_CHECKING, Any

from tests.lab.truth import LEGACY, OFFSETS_PATH

if TYPE_CHECKING:
    from tests.lab.lab import Lab

PASSWORD_VARIABLE = "ACTIVEMQ_PASSWORD"


def config_of(lab: "Lab") -> dict[str, Any]:
    return {
        "relay": _relay(lab),
        "kafka": [
            _cluster("old", {"zookeeper": lab.zookeeper.address()}),
            _cluster("main", {"bootstrap": lab.kafka4.address()}),
        ],
        "offsets": [
            {"name": "leanstream", "zookeeper": lab.zookeeper.address(), "path": OFFSETS_PATH, "layout": "csv", "interval": "5s"},
            {"name": "old-consumers", "zookeeper": lab.zookeeper.address(), "path": "/consumers", "layout": "consumers", "interval": "5s"},
            {"name": "groups-old", "kafka": "old", "groups": ["*"], "allowed_lag": 0, "interval": "5s"},
            {"name": "groups", "kafka": "main", "groups": ["*"], "allowed_lag": 0, "interval": "5s"},
        ],
        "heap": [
            *({"name": agent.name, "path": str(agent.gc_log)} for agent in lab.agents.values()),
            {"name": LEGACY.name, "path": str(lab.legacy_gc_log)},
        ],
        "activemq": [
            _broker("broker-old", lab.activemq_old.jolokia, lab.activemq_old.stomp, statistics=True),
            _broker("broker-hardened", lab.activemq_hardened.jolokia, lab.activemq_hardened.stomp, statistics=False),
        ],
        "history": {"directory": str(lab.root / "history"), "keep": "14d", "limit": "2GiB"},
        "metrics": {"listen": None},
        "console": {"write": False, "refresh": "1s"},
    }


def _relay(lab: "Lab") -> dict[str, Any]:
    return {
        "directory": str(lab.relay_directory),
        "receivers": [
            {"name": "partner-a", "listen": lab.partner.receiver, "record": "request", "inbox": "inbox/partner-a", "allow": ["127.0.0.0/8"]}
        ],
        "senders": [
            {
                "name": "partner-a",
                "connect": lab.partner.listen,
                "record": "request",
                "outbox": "outbox/partner-a",
                "timeout": "5s",
                "retries": 3,
            }
        ],
    }


def _cluster(name: str, where: dict[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        **where,
        "topics": {"include": ["*"], "exclude": ["__*"]},
        "interval": "5s",
        "payload": {"format": "csv", "delimiter": ",", "loaded": 5, "sent": 6, "time": "auto", "timezone": "Asia/Seoul"},
        "payloads": [
            {
                "topic": "orders-json",
                "format": "json",
                "loaded": "/meta/loaded_at",
                "sent": "/meta/sent_at",
                "timezone": "Asia/Seoul",
            },
            {"topic": "events-avro", "format": "auto", "timezone": "Asia/Seoul"},
        ],
        "limits": [{"topic": "userTopic_*", "warn": "5m", "crit": "15m"}],
    }


def _broker(name: str, jolokia: str, stomp: str, statistics: bool) -> dict[str, Any]:
    return {
        "name": name,
        "jolokia": jolokia,
        "stomp": stomp,
        "user": "admin",
        "password": {"env": PASSWORD_VARIABLE},
        "statistics_plugin": statistics,
        "write": True,  # console.write is not: `:write 10m` opens a window, in which nothing is touched that anybody needs
        "queues": {"exclude": ["ActiveMQ.Statistics*"]},
        "interval": "5s",
    }
