"""Several ZooKeepers, some hung, restarted or closed to us; chroots; brokers that only ZooKeeper knows, and that move."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kazoo.client import KazooClient
from kazoo.security import make_digest_acl

from backends.kafka.config import Cluster, TopicFilter
from backends.offsets import Watched
from backends.snapshots import Offsets
from backends.source import Unavailable
from tests.backends.cluster_peer import ClusterPeer
from tests.backends.watching import Watch, watching_offsets, watching_topics
from tests.lab.kafka import Kafka3
from tests.lab.server import ask
from tests.lab.zookeeper import Ensemble, ZooKeeper

SESSION_S = 2.0  # what zookeeper2 grants at most
NOTICED_S = 6.0  # the latest at which a server that hangs is named
CLOSED = [make_digest_acl("someone", "else", all=True)]


@contextmanager
def hand(address: str) -> Iterator[Any]:
    """What writes znodes, as an application does."""
    client = KazooClient(address, timeout=10)
    client.start(timeout=10)
    try:
        yield client
    finally:
        client.stop()
        client.close()


def csv(zookeeper: str, path: str) -> Watched:
    return Watched("lean", zookeeper=zookeeper, path=path)


def offset_of(offsets: Offsets, name: str = "node-1") -> int | None:
    return next(each.detail[0].offset for each in offsets.consumers if each.name == name)


async def test_of_two_ensembles_one_hangs_and_the_other_is_read_as_quickly_as_before(zookeeper: ZooKeeper, zookeeper2: ZooKeeper) -> None:
    for server in (zookeeper, zookeeper2):
        with hand(server.address()) as znodes:
            znodes.create("/lab.two/node-1", b"0:7", makepath=True)
    well_at, ill_at = csv(zookeeper.address(), "/lab.two"), csv(zookeeper2.address(), "/lab.two")
    async with watching_offsets(well_at) as well, watching_offsets(ill_at) as ill:
        assert offset_of(await well.observe()) == offset_of(await ill.observe()) == 7
        zookeeper2.hang()
        try:
            began = time.monotonic()
            stuck = asyncio.ensure_future(ill.trouble())
            slowest = 0.0
            while not stuck.done():
                started = time.monotonic()
                assert offset_of(await well.observe()) == 7
                slowest = max(slowest, time.monotonic() - started)
                await asyncio.sleep(0.02)
            assert time.monotonic() - began < NOTICED_S and well.cycles > 20 and slowest < 1.0
            assert "offsets lean" in str(stuck.result()) and zookeeper2.address() in str(stuck.result())
        finally:
            zookeeper2.resume()
        assert offset_of(await ill.until(lambda seen: seen.consumers)) == 7


def sessions(zookeeper: ZooKeeper) -> set[bytes]:
    return set(re.findall(rb"sid=0x([0-9a-f]+)", ask(zookeeper.port, b"cons", 1 << 16)))


async def test_after_a_hang_longer_than_the_session_the_same_source_reads_on_and_remembers(zookeeper2: ZooKeeper) -> None:
    """The session is gone then; offsets and their rate are not, and what moved meanwhile is no rewind."""
    with hand(zookeeper2.address()) as znodes:
        znodes.create("/lab.session/node-1", b"0:100", makepath=True)
        async with watching_offsets(csv(zookeeper2.address(), "/lab.session")) as watch:
            await watch.observe()
            znodes.set("/lab.session/node-1", b"0:200")
            await watch.observe()
            before = sessions(zookeeper2)
            assert len(before) >= 2
            while before & sessions(zookeeper2):  # a client that is back before its session was looked for keeps it
                await hung_for(zookeeper2, watch, 2 * SESSION_S)
                again = await watch.until(lambda seen: offset_of(seen) == 200)
            assert again.consumers[0].verdict in ("OK", "UNKNOWN") and "went back" not in again.consumers[0].reason
            znodes.retry(znodes.set, "/lab.session/node-1", b"0:350")
            later = (await watch.until(lambda seen: offset_of(seen) == 350)).consumers[0]
            assert later.verdict == "OK" and (later.records_per_min["1"] or 0) > 0
    assert watch.told("rewound", "went back", "no longer", "new") == []


async def hung_for(zookeeper: ZooKeeper, watch: Watch, seconds: float) -> None:
    zookeeper.hang()
    try:
        until = time.monotonic() + seconds
        await watch.trouble()
        await asyncio.sleep(max(0.0, until - time.monotonic()))
    finally:
        zookeeper.resume()


async def test_a_restarted_zookeeper_is_read_again_by_the_same_source(zookeeper2: ZooKeeper) -> None:
    with hand(zookeeper2.address()) as znodes:
        znodes.create("/lab.restart/node-1", b"0:1", makepath=True)
    async with watching_offsets(csv(zookeeper2.address(), "/lab.restart")) as watch:
        assert offset_of(await watch.observe()) == 1
        zookeeper2.kill()
        trouble = await watch.trouble()
        assert str(trouble) == (f"offsets lean: no ZooKeeper answers at {zookeeper2.address()}; is it running? see offsets[0].zookeeper")
        await asyncio.to_thread(zookeeper2.start)
        assert offset_of(await watch.until(lambda seen: seen.consumers)) == 1


async def test_znodes_and_whole_paths_may_be_closed_to_us_each_by_itself(zookeeper2: ZooKeeper) -> None:
    """Closed for a while: what is opened again is read again without a restart."""
    with hand(zookeeper2.address()) as znodes:
        znodes.add_auth("digest", "someone:else")
        for name, acl in (("open", None), ("closed", CLOSED)):
            znodes.create(f"/lab.acl/{name}", b"0:5", acl=acl, makepath=True)
        znodes.create("/lab.closed", b"", acl=CLOSED)
        znodes.create("/lab.closed/node-1", b"0:5")
        for partition, acl in ((0, None), (1, CLOSED)):
            znodes.create(f"/lab.tree/sink/offsets/t/{partition}", b"9", acl=acl, makepath=True)
        async with watching_offsets(csv(zookeeper2.address(), "/lab.acl")) as watch:
            seen = await watch.consumers()
            assert seen["open"].detail[0].offset == 5
            assert (seen["closed"].verdict, seen["closed"].partitions, seen["closed"].reason) == (
                "UNKNOWN",
                0,
                "its ACL denies us to read it",
            )
        async with watching_offsets(csv(zookeeper2.address(), "/lab.closed")) as watch:
            trouble = await watch.trouble()
            assert (trouble.state, str(trouble)) == ("denied", "offsets lean: the ACL of /lab.closed denies us to list it; see offsets[0]")
            znodes.set_acls("/lab.closed", [make_digest_acl("someone", "else", all=True), *znodes.get_acls("/lab.acl/open")[0]])
            assert offset_of(await watch.until(lambda seen: seen.consumers)) == 5
        async with watching_offsets(Watched("old", zookeeper=zookeeper2.address(), path="/lab.tree", layout="consumers")) as watch:
            sink = (await watch.consumers())["sink"]
            assert [(each.partition, each.offset) for each in sink.detail] == [
                (0, 9)
            ] and "the ACL denies us 1 of 2 partitions" in sink.reason


async def test_a_chroot_is_named_when_it_is_missing_and_used_as_soon_as_it_is_there(zookeeper2: ZooKeeper) -> None:
    chroot = f"{zookeeper2.address()}/lab.chroot/deep"
    found_through = Cluster("main", zookeeper=chroot)
    async with watching_offsets(csv(chroot, "/nodes")) as watch, watching_topics(found_through) as topics:
        assert "has no chroot /lab.chroot/deep; see offsets[0].zookeeper" in str(await watch.trouble())
        assert "has no chroot /lab.chroot/deep; see kafka[0].zookeeper" in str(await topics.trouble())
        with hand(zookeeper2.address()) as znodes:
            znodes.create("/lab.chroot/deep/nodes/node-1", b"3:4", makepath=True)
        assert offset_of(await watch.until(lambda seen: seen.consumers)) == 4
        assert "/brokers/ids" in str(await topics.trouble())  # the chroot is there, and no Kafka below it


async def test_brokers_below_a_chroot_are_found_again_after_they_moved_to_another_port(zookeeper2: ZooKeeper, kafka_chroot: Kafka3) -> None:
    """Topics, groups and the log ends of znodes all ask ZooKeeper where the broker went."""
    peer = ClusterPeer(kafka_chroot.address())
    peer.create({"moving": 1})
    peer.write("moving", b"x", b"y", b"z")
    peer.commit("moving-sink", "moving", {0: 1})
    at = f"{zookeeper2.address()}{kafka_chroot.chroot}"
    with hand(at) as znodes:
        znodes.create("/lean/node-1", b"0:2", makepath=True)
    cluster = Cluster("main", zookeeper=at, topics=TopicFilter(["moving"]))
    groups = Watched("groups", kafka="main", groups=["moving-sink"])
    lean = Watched("lean", zookeeper=at, path="/lean", kafka="main", topic="moving")
    async with (
        watching_topics(cluster) as topics,
        watching_offsets(groups, cluster) as sinks,
        watching_offsets(lean, cluster) as nodes,
    ):
        assert (await topics.topics())["moving"].detail[0].end == 3
        assert [(await each.observe()).consumers[0].lag for each in (sinks, nodes)] == [2, 1]
        old = kafka_chroot.address()
        kafka_chroot.kill()
        assert old in str(await topics.trouble())
        await sinks.trouble()
        assert "no broker answers" in (await nodes.consumers())["node-1"].reason
        kafka_chroot.move()
        await asyncio.to_thread(kafka_chroot.start)
        seen = await topics.until(lambda seen: seen.topics and seen.topics[0].detail[0].end == 3)
        assert seen.cluster == kafka_chroot.address() != old
        for watch, lag in ((sinks, 2), (nodes, 1)):
            assert (await watch.until(has_lag(lag))).consumers[0].verdict != "REWOUND"
    assert topics.told("recreated", "deleted") == []


def has_lag(lag: int) -> Callable[[Offsets], bool]:
    return lambda seen: bool(seen.consumers) and seen.consumers[0].lag == lag


async def test_an_ensemble_that_loses_its_leader_is_read_on_by_the_same_source(zookeeper_ensemble: Ensemble) -> None:
    with hand(zookeeper_ensemble.address()) as znodes:
        znodes.create("/lab.ensemble/node-1", b"0:1", makepath=True)
    async with watching_offsets(csv(zookeeper_ensemble.address(), "/lab.ensemble")) as watch:
        assert offset_of(await watch.until(lambda seen: seen.consumers)) == 1
        leader = next(member for member in zookeeper_ensemble.members if member.role == "leader")
        leader.kill()
        await watch.until(lambda seen: offset_of(seen) == 1, patience_s=15)
        with hand(zookeeper_ensemble.address()) as znodes:
            znodes.set("/lab.ensemble/node-1", b"0:2")
        await watch.until(lambda seen: offset_of(seen) == 2)
        await asyncio.to_thread(zookeeper_ensemble.start)
        for follower in [member for member in zookeeper_ensemble.members if member.role == "follower"][:1]:
            follower.hang()
            try:
                seen = [await attempt(watch) for _ in range(3)]  # whichever it was connected to, the others go on
                assert seen[-1] == 2
            finally:
                follower.resume()


async def attempt(watch: Watch) -> int | None:
    try:
        return offset_of(await watch.observe())
    except Unavailable:
        return None
