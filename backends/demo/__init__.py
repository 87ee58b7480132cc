"""A scripted incident, seen by every pane: what `--demo` shows instead of a platform. No network, no Java, nothing configured.

Everything is a pure function of the seconds since the start (and of what the operator did), so a demonstration, a test and a picture of
the same moment show the same numbers. One round takes `ROUND` seconds: the link to a partner breaks, its outbox fills, dead letters
gather, a topic goes stale, a consumer stalls, a broker is away, one agent leaks, the old generation of another fills up, and
all of it recovers.
"""

from backends.demo.agents import heap
from backends.demo.brokers import broker_a, broker_b
from backends.demo.browse import browse
from backends.demo.consumption import groups, history, nodes
from backends.demo.freshness import topics
from backends.demo.gc_lines import log_lines
from backends.demo.partners import Deeds, relay
from backends.demo.past import past
from backends.demo.previews import preview
from backends.demo.records import records
from backends.demo.scene import ROUND
from backends.demo.sources import demo_sources
from backends.demo.stock import Stock

__all__ = [
    "ROUND",
    "Deeds",
    "Stock",
    "broker_a",
    "broker_b",
    "browse",
    "demo_sources",
    "groups",
    "heap",
    "history",
    "log_lines",
    "nodes",
    "past",
    "preview",
    "records",
    "relay",
    "topics",
]
