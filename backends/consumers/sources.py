"""The two kinds of offsets sources. The shells below only fetch; what a reading means is said in consumption, rates and verdicts."""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from backends.consumers.brokers import Brokers
from backends.consumers.config import Watched
from backends.consumers.consumption import Observation
from backends.consumers.memory import Memory, News, gently
from backends.consumers.znode_tree import ClassicTree, CsvTree
from backends.questions import Found, History, HistoryOf, Question
from backends.snapshots import Kind, Offsets
from backends.source import ACT_DEADLINE_S, Answer, Tell, Unavailable
from backends.zookeeper.client import ZookeeperClient
from settings.secret import SecretUnavailable

DEADLINE_S = 50.0  # groups: metadata 5 s, list 6 s, offsets 25 s, log ends 6 s, members 5 s, each at its worst


class _OffsetsSource:
    """What the two sources share."""

    kind: Kind = "offsets"
    deadline = DEADLINE_S
    act_deadline = ACT_DEADLINE_S

    def __init__(self, watched: Watched, tell: Tell) -> None:
        self.name, self.interval = watched.name, watched.interval
        self._watched, self._tell = watched, tell
        self._memory = Memory(watched.allowed_lag)

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        return Answer(False, f"offsets {self.name}: there is no action {verb!r} on offsets")

    async def ask(self, question: Question) -> Found:
        """How a consumer moved while it was watched, from memory."""
        if not isinstance(question, HistoryOf):
            raise Unavailable(
                f"offsets {self.name}: only the history of a consumer can be asked for; records are asked of its Kafka cluster"
            )
        history: History = self._memory.history(question)
        return history

    async def _remember(self, seen: Sequence[Observation], now: float, notes: Sequence[News] = ()) -> Offsets:
        offsets, news = await self._memory.take(seen, now)
        for each in (*news, *notes):
            self._tell(now, each.severity, self.name, each.text)
        return offsets


class GroupsSource(_OffsetsSource):
    """Groups of a Kafka cluster. They are only ever listed and read: nothing is joined, reset or deleted."""

    def __init__(self, watched: Watched, brokers: Brokers, tell: Tell) -> None:
        super().__init__(watched, tell)
        self._brokers = brokers

    async def observe(self, now: float) -> Offsets:
        """Groups' offsets carry no time of their own: theirs is when they were read, not when we began to connect."""
        began = time.monotonic()
        try:
            seen = await self._brokers.groups()
        finally:
            for death in self._brokers.take_deaths():
                self._tell(now, "info", self.name, f"{death}; another one reads them")
        return await self._remember(seen, now + time.monotonic() - began)

    async def close(self) -> None:
        await self._brokers.close()


class ZnodesSource(_OffsetsSource):
    """Znodes below a path, in either layout."""

    def __init__(self, watched: Watched, where: str, brokers: Brokers | None, tell: Tell) -> None:
        super().__init__(watched, tell)
        self._where, self._brokers = where, brokers
        self._zookeeper = ZookeeperClient(f"offsets {watched.name}", where, watched.zookeeper or "", self._login)
        path = watched.path or "/consumers"
        cluster = watched.kafka
        self._tree: CsvTree | ClassicTree = (
            CsvTree(self._zookeeper, path, watched.topic, re.compile(watched.application), cluster)
            if watched.layout == "csv"
            else ClassicTree(self._zookeeper, path, cluster)
        )

    async def observe(self, now: float) -> Offsets:
        seen, notes = await self._tree.read()
        return await self._remember(await self._with_ends(seen), now, notes)

    async def close(self) -> None:
        self._zookeeper.close()
        if self._brokers is not None:
            await self._brokers.close()

    def _login(self) -> str | None:
        """ZooKeeper's own spelling, user:password. Raises Unavailable."""
        login = self._watched.login
        try:
            return None if login is None else f"{login.user}:{login.password.read()}"
        except SecretUnavailable as error:
            raise Unavailable(f"offsets {self.name}: {self._where}.login.password: {error}") from None

    async def _with_ends(self, seen: list[Observation]) -> list[Observation]:
        """Log ends, asked after the offsets. Without them the offsets still tell their rates: the reason says what is missing."""
        if self._brokers is None:
            return seen
        from msgspec.structs import replace

        weigh = {at: len(each.offsets) for at, each in enumerate(seen)}
        keys = [(each.topic, number) async for each in gently(seen, weigh) if each.topic is not None for number in each.offsets]
        try:
            ends, ids = await self._brokers.ends(keys)
        except Unavailable as trouble:
            return [replace(each, note="; ".join(filter(None, (each.note, trouble.error)))) for each in seen]
        known = {key: end for key, end in ends.items() if isinstance(end, int)}
        return [
            replace(
                each,
                ends={number: known[key] for number in each.offsets if (key := (each.topic or "", number)) in known},
                log_id=ids.get(each.topic or ""),
            )
            async for each in gently(seen, weigh)
        ]
