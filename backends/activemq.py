"""ActiveMQ Classic through Jolokia: one POST a cycle reads the broker and every queue.

Here are its configuration, the source, and all trouble in plain words; `queues` has what the figures mean.
"""

import asyncio
import base64
import re
from collections.abc import Mapping, Sequence
from fnmatch import translate
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from backends import queues
from backends.jolokia import Client, HttpReply, JolokiaError, Trouble, parse, requests
from backends.snapshots import Broker, Kind, Queues, State
from backends.source import Answer, Context, Source, Unasked, Unavailable
from settings.forms import Address, Name, WebAddress
from settings.secret import Secret, SecretUnavailable
from settings.units import Duration

SECTION = "activemq"
NOT_BUILT = "not built yet"
ACTIONS = ("browse", "send", "purge", "delete", "pause", "move", "copy", "retry")


class QueueFilter(Struct, frozen=True, forbid_unknown_fields=True):
    """Globs over queue names, case matters. Dead letters are shown all the same, or `ActiveMQ.*` would hide ActiveMQ.DLQ."""

    exclude: list[str] = field(default_factory=lambda: ["ActiveMQ.*"])


class BrokerSection(Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    jolokia: WebAddress
    stomp: Address | None = None  # this, statistics_plugin and write: for browsing and acting, not built yet
    user: str = ""
    password: Secret | None = None
    statistics_plugin: bool = False
    write: bool = False
    queues: QueueFilter = QueueFilter()
    interval: Annotated[Duration, Meta(ge=1)] = 5.0  # seconds; trends compare samples that are 5 s apart
    timeout: Annotated[Duration, Meta(ge=1)] = 10.0  # a broker that has just started needs 2 s for 5,000 queues


Section = list[BrokerSection]


def sources(section: Section, context: Context) -> Sequence[Source]:
    return [ActiveMQ(broker, f"{SECTION}[{index}]") for index, broker in enumerate(section)]


class ActiveMQ(Unasked):
    """One broker. `key` is its place in the configuration, for error texts."""

    kind: Kind = "queues"

    def __init__(self, section: BrokerSection, key: str) -> None:
        self.name = section.name
        self.interval = section.interval
        self.deadline = section.timeout + 2.0  # what follows the reply is computing
        self._section = section
        self._key = key
        self._excluded = re.compile("|".join(map(translate, section.queues.exclude)) or "(?!)")
        self._client = Client(section.jolokia, self._authorization, section.timeout)
        self._request = requests(queues.READS)
        self._memory: queues.Memory | None = None

    async def observe(self, now: float) -> Queues:
        try:
            reply = await self._client.read(self._request)
            # rates want a clock that nobody sets, at the moment of the reply; 5,000 queues cost tens of milliseconds, so not in the loop
            at = asyncio.get_running_loop().time()
            self._memory, data = await asyncio.to_thread(self._digest, reply, at)
        except JolokiaError as error:
            raise self._unavailable(error) from error
        except SecretUnavailable as error:
            raise Unavailable(f"{self._key}.password: {error}", "denied") from error
        return data

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        return Answer(False, f"{verb}: {NOT_BUILT}")

    async def close(self) -> None:
        await self._client.close()

    def _authorization(self) -> str | None:
        section = self._section
        if not section.user and section.password is None:
            return None
        password = section.password.read() if section.password is not None else ""
        return "Basic " + base64.b64encode(f"{section.user}:{password}".encode()).decode()

    def _digest(self, reply: HttpReply, at: float) -> tuple[queues.Memory, Queues]:
        reading = queues.reading(parse(reply, len(queues.READS)))
        memory = queues.advance(self._memory, reading, at, self.interval)
        rows = queues.rows(memory, lambda name: self._excluded.match(name) is None)
        return memory, Queues(self._broker(reading), rows, reading.hidden)

    def _broker(self, reading: queues.Reading) -> Broker:
        figures = reading.broker
        return Broker(
            name=self.name,
            id=figures.broker_id,
            version=figures.broker_version,
            uptime_s=None if figures.uptime_millis is None else figures.uptime_millis / 1000,
            store_pct=figures.store_percent_usage,
            memory_pct=figures.memory_percent_usage,
            temp_pct=figures.temp_percent_usage,
            capabilities=_capabilities(reading),
        )

    def _unavailable(self, error: JolokiaError) -> Unavailable:
        state, sentence = SENTENCES[error.trouble]
        key, section = self._key, self._section
        who = f"user '{section.user}'" if section.user else "a request without a login"
        return Unavailable(sentence.format(url=section.jolokia, key=key, who=who, detail=error.detail), state)


def _capabilities(reading: queues.Reading) -> dict[str, bool | str]:
    found: dict[str, bool | str] = {"read": True} | dict.fromkeys(ACTIONS, NOT_BUILT)
    found["oldest_age"] = "JMX does not tell it; browsing or the statistics plugin will, both not built yet"
    is_counted = reading.broker.total_managed_queues_count is not None
    found["hidden"] = is_counted or "brokers before 6.2 do not count the queues that JMX cannot show"
    return found


SENTENCES: Mapping[Trouble, tuple[State, str]] = {
    "connect": ("down", "cannot connect to {url}: {detail}; start the broker, or correct {key}.jolokia"),
    "silent": ("down", "{url} accepts connections but does not answer ({detail}); is the broker hung or overloaded?"),
    "cut": ("down", "{url} ended the connection before its reply was whole ({detail}); is the broker stopping?"),
    "tls": ("down", "TLS with {url} failed: {detail}; its certificate must be trusted by this host (SSL_CERT_FILE names a private CA)"),
    "login": ("denied", "401 from Jolokia: {who} was refused; set {key}.user and {key}.password"),
    "role": (
        "denied",
        "403 from Jolokia: {who} lacks the role (admins on newer brokers), or this host may not ask; set {key}.user to one that may",
    ),
    "path": ("down", "no Jolokia at {url} ({detail}); the usual path is /api/jolokia/, correct {key}.jolokia"),
    "busy": ("stale", "429 from Jolokia: too many requests from this host; raise {key}.interval, or the broker's limit"),
    "server": ("down", "{url} failed ({detail}); look into the broker's log"),
    "redirect": ("down", "{url} redirects to {detail!r}: a login page or a proxy, not Jolokia; correct {key}.jolokia"),
    "foreign": ("down", "what answers at {url} is not Jolokia ({detail}); correct {key}.jolokia"),
    "large": ("down", "the reply of {url} is too large ({detail}); is it really this broker's Jolokia?"),
    "broken": ("down", "the reply of {url} cannot be read ({detail}); the next try may do, else look into the broker's log"),
    "policy": (
        "denied",
        "Jolokia's policy refuses us ({detail}); allow it in the broker's jolokia-access.xml, or check the proxy in between",
    ),
    "rejected": ("down", "Jolokia could not answer ({detail}); look into the broker's log"),
    "absent": (
        "down",
        "Jolokia answers at {url}, but finds no ActiveMQ broker ({detail}); is it another program's, or is the broker starting?",
    ),
}
