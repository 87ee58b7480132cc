"""Queues of an ActiveMQ Classic broker: the source that the pane shows. One POST to Jolokia a cycle reads the broker and every queue.

What is watched is activemq.watching, its messages are activemq.messages, and what is done to a queue is activemq.acting.
"""

import base64
import re
import time
from collections.abc import Mapping, Sequence
from fnmatch import translate
from typing import Any, Final

from msgspec.structs import replace

from backends.activemq.acting.hands import Hands
from backends.activemq.capabilities import NO_SCHEDULER
from backends.activemq.config import BrokerSection
from backends.activemq.jolokia import Client, JolokiaError
from backends.activemq.messages.browse import Desk
from backends.activemq.station import Station
from backends.activemq.stomp.client import StompClient
from backends.activemq.troubles import unavailable
from backends.activemq.watching.lookout import Lookout
from backends.questions import Found, Jobs, JobsOf, MessagesOf, PreviewOf, Question
from backends.snapshots import Kind, Queues
from backends.source import Answer, Context, Source, Tell, Unavailable, nobody
from settings.secret import SecretUnavailable

SECTION = "activemq"
Section = list[BrokerSection]

ACT_DEADLINE_S: Final = 3600.0  # moving a million messages takes minutes; each request on the way has a deadline of its own


def sources(section: Section, context: Context) -> Sequence[Source]:
    return [QueuesSource(broker, f"{SECTION}[{index}]", context.tell) for index, broker in enumerate(section)]


class QueuesSource:
    """One broker. `key` is its place in the configuration, for error texts."""

    kind: Kind = "queues"
    act_deadline = ACT_DEADLINE_S

    def __init__(self, section: BrokerSection, key: str, tell: Tell = nobody) -> None:
        self.name = section.name
        self.interval = section.interval
        self.deadline = section.timeout + 3.0  # what follows the reply is computing, and the first time a look around
        self._section, self._key, self._tell = section, key, tell
        self._excluded = re.compile("|".join(map(translate, section.queues.exclude)) or "(?!)")
        self._client = Client(section.jolokia, self._authorization, section.timeout)
        self._stomp = None if section.stomp is None else StompClient(section.stomp, section.stomp_tls, self._login, section.timeout)
        self._station = Station(section, key, self._client, self._stomp, time.time)
        self._desk = Desk(self._station)
        self._hands = Hands(self._station, self._desk, self._say, self._rate)
        self._lookout = Lookout(self._station, lambda name: self._excluded.match(name) is None, self._hands.is_busy, tell)

    async def observe(self, now: float) -> Queues:
        try:
            data = await self._lookout.look(now, self._may)
        except JolokiaError as error:
            raise unavailable(error, self._section, self._key) from error
        except SecretUnavailable as error:
            raise Unavailable(f"{self._key}.password: {error}", "denied") from error
        return replace(data, jobs=self._hands.jobs())

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        if (said := self._hands.why_not(verb)) is not None:  # for that nobody has to be asked
            return Answer(False, said)
        await self._be_known()
        try:
            return await self._hands.act(verb, arguments, expect)
        finally:
            self._lookout.hurry()

    async def ask(self, question: Question) -> Found:
        if isinstance(question, JobsOf):
            return Jobs(self._hands.jobs())
        if not isinstance(question, MessagesOf | PreviewOf):
            raise Unavailable(f"{self.name}: a broker has messages and actions, no records and no history of offsets")
        await self._be_known()
        return await (self._desk.messages(question) if isinstance(question, MessagesOf) else self._hands.preview(question))

    async def close(self) -> None:
        await self._lookout.close()
        if self._stomp is not None:
            await self._stomp.close()
        await self._client.close()

    async def _be_known(self) -> None:
        """Before something is asked or done for the first time: the names that the broker gave its queues come with a reading."""
        if self._station.reading is None:
            await self.observe(self._station.clock())

    def _may(self) -> Mapping[str, bool | str]:
        """What may be done on the broker that was read just now."""
        reading = self._station.reading
        is_counted = reading is not None and reading.broker.total_managed_queues_count is not None
        return {
            **self._station.may.table(None if self._stomp is None else self._stomp.trouble),
            "delay": self._station.has_scheduler or NO_SCHEDULER,
            "hidden": is_counted or "brokers before 6.2 do not count the queues that JMX cannot show",
        }

    def _rate(self, queue: str) -> float | None:
        """At which messages come to it, a second."""
        watch = None if self._lookout.memory is None else self._lookout.memory.watches.get(queue)
        return None if watch is None else watch.enqueue_per_s

    def _say(self, severity: str, text: str) -> None:
        self._tell(self._station.clock(), severity, self.name, text)

    def _login(self) -> tuple[str, str | None]:
        return self._section.user, None if self._section.password is None else self._section.password.read()

    def _authorization(self) -> str | None:
        user, password = self._login()
        if not user and self._section.password is None:
            return None
        return "Basic " + base64.b64encode(f"{user}:{password or ''}".encode()).decode()
