"""What is there now: queues found by their name, and counted just before and after something is done to them. Reads only."""

import asyncio
from collections.abc import Mapping
from typing import Final

from msgspec import Raw

from backends.activemq import counts
from backends.activemq.counts import GONE, Counts, Missing, Sight
from backends.activemq.figures import BROKERS, SCHEDULER, typed
from backends.activemq.jolokia import JolokiaError, Read, Reply, failure, object_name
from backends.activemq.station import Station
from backends.activemq.targets import mangled
from backends.activemq.troubles import unavailable
from backends.source import Unavailable
from settings.secret import SecretUnavailable

PAUSES_S: Final = (0.0, 0.5, 1.0, 2.0)  # before each reading after an action: a broker that lost our connection may need a moment

MOMENT_S: Final = 0.2


class Refused(Exception):
    """Nothing was done, and why: a sentence."""


async def ask(station: Station, *reads: Read) -> list[Raw | None]:
    """The value of each, None where there is no such MBean. Raises Unavailable."""
    replies = await _replies(station, reads)
    values: list[Raw | None] = []
    for reply in replies:
        if reply.status not in (200, 404):
            raise unavailable(failure(reply), station.section, station.key)
        values.append(reply.value if reply.status == 200 else None)
    return values


async def count(station: Station, mbean: str) -> Sight:
    """Raises Unavailable."""
    replies = await _replies(station, counts.reads(mbean))
    try:
        return counts.counted(mbean, replies)
    except JolokiaError as error:
        raise unavailable(error, station.section, station.key) from None


async def broker(station: Station) -> str:
    """The broker's own ObjectName. Raises Unavailable."""
    if station.reading is not None and station.reading.mbean:
        return station.reading.mbean
    (value,) = await ask(station, Read(BROKERS, ("BrokerName",)))
    found: Mapping[str, Raw] = typed(value or Raw(b"null"), dict[str, Raw]) or {}
    if not found:
        raise Unavailable(f"Jolokia answers at {station.section.jolokia}, but finds no ActiveMQ broker")
    return min(found)  # a JVM may hold several; the first by name is ours, as everywhere


async def find(station: Station, queue: str) -> str | None:
    """The ObjectName that the broker returns for the queue, asked now. None: there is none. Raises Unavailable, and Refused when JMX has
    that name for another queue."""
    ours = object_name(await broker(station)).get("brokerName")
    (value,) = await ask(station, Read(f"{BROKERS},destinationType=Queue,destinationName={mangled(queue)}", ("Name",)))
    found: Mapping[str, Mapping[str, str]] = typed(value or Raw(b"null"), dict[str, dict[str, str]]) or {}
    for mbean, attributes in found.items():
        if object_name(mbean).get("brokerName") != ours:
            continue
        if (name := attributes.get("Name")) != queue:
            raise Refused(f"JMX has the same name for '{queue}' as for '{name}', so what is done to one cannot be told from the other")
        return mbean
    return None


async def source(station: Station, queue: str) -> Counts:
    """The counts of a queue that something is to be done to, by the ObjectName the broker returned. Raises Unavailable and Refused."""
    mbean = station.mbean(queue) or await find(station, queue)
    if mbean is None:
        raise Refused(f"there is no queue '{queue}'")
    now = await count(station, mbean)
    if isinstance(now, Missing):
        raise Refused(f"'{queue}' is gone" if now.is_gone else f"'{queue}': {now.why}")
    if now.name != queue:
        raise Refused(f"the MBean of '{queue}' is that of '{now.name}' now: JMX has one name for both, and '{queue}' cannot be reached")
    return now


async def target(station: Station, queue: str) -> Counts | None:
    """The counts of a queue that messages are to go to; None: it is not there yet. Raises Unavailable and Refused."""
    mbean = await find(station, queue)
    if mbean is None:
        return None
    now = await count(station, mbean)
    if isinstance(now, Missing) and not now.is_gone:
        raise Refused(f"'{queue}': {now.why}")
    return now if isinstance(now, Counts) else None


async def again(station: Station, queue: str, mbean: str | None) -> Sight:
    """The counts after an action: tried several times, never raised. `mbean` None: the queue was not there before."""
    trouble = ""
    for pause in PAUSES_S:
        await asyncio.sleep(pause)
        try:
            its = mbean or await find(station, queue)
            now = GONE if its is None else await count(station, its)
        except Unavailable as error:
            trouble = error.error
        except Refused as refused:
            return Missing(False, str(refused))
        else:
            return now if isinstance(now, Missing) or now.name == queue else GONE  # its ObjectName is another queue's by now
    return Missing(False, trouble)


async def moment() -> None:
    """Between two readings of counts that have not caught up."""
    await asyncio.sleep(MOMENT_S)


async def has_scheduler(station: Station) -> bool:
    """Whether the broker can keep a message back, asked now: a reading may be old, or not there yet. Raises Unavailable."""
    (value,) = await ask(station, Read(await broker(station), (SCHEDULER,)))
    found: Mapping[str, Raw] = typed(value or Raw(b"null"), dict[str, Raw]) or {}
    return bytes(found.get(SCHEDULER, Raw(b"null"))) != b"null"


async def _replies(station: Station, reads: tuple[Read, ...]) -> list[Reply]:
    try:
        return await station.read(*reads)
    except JolokiaError as error:
        raise unavailable(error, station.section, station.key) from None
    except SecretUnavailable as error:
        raise Unavailable(station.no_password(error), "denied") from None
