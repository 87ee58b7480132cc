"""Offsets in znodes of a real ZooKeeper: what is there, what is denied, and what happens to the server."""

import asyncio
import time
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.security import make_digest_acl

from backends.consumers.config import Login
from backends.kafka.config import Cluster
from backends.offsets import Watched
from backends.snapshots import Offsets
from backends.source import Unavailable
from backends.zookeeper.znodes import SAMPLE_LENGTH
from settings.secret import Secret
from tests.backends.offsets_peer import into, look, patiently, watching
from tests.lab.server import ask
from tests.lab.zookeeper import ZooKeeper


async def test_znodes_are_read_pair_by_pair_and_each_may_fail_alone(zookeeper: ZooKeeper, znodes: Any) -> None:
    write = {"node-1": b"5:16497745458,7:16497813566", "node-2": b"9:1,x:12,[red]x[/]\x1b", "node-3": b"\x00\xff\xfe", "node-4": b""}
    for name, data in write.items():
        znodes.create(f"/lab.csv/{name}", data, makepath=True)
    znodes.create("/lab.csv/[red]odd[]", b"1:1")
    znodes.create("/lab.csv/secret", b"1:1", acl=[make_digest_acl("someone", "else", all=True)])
    async with watching(Watched("lean", zookeeper=zookeeper.address(), path="/lab.csv")) as source:
        first = {name: consumer for (name, _), consumer in (await look(source)).items()}
        znodes.set("/lab.csv/node-1", b"5:16497745558,7:16497813566")
        second = {name: consumer for (name, _), consumer in (await look(source)).items()}
    assert set(first) == {*write, "[red]odd[]", "secret"}
    assert [(each.partition, each.offset) for each in first["node-1"].detail] == [(5, 16497745458), (7, 16497813566)]
    assert (first["node-2"].bad_pairs, first["node-2"].bad_sample) == (2, "x:12")
    assert (first["node-3"].bad_pairs, first["node-3"].partitions) == (1, 0)
    assert first["node-4"].reason == "there are no offsets in it"
    assert first["secret"].verdict == "UNKNOWN" and first["secret"].reason == "its ACL denies us to read it"
    moved = second["node-1"]
    assert moved.verdict == "OK" and moved.detail[0].offset == 16497745558
    assert moved.committed_at is not None and moved.committed_at > (first["node-1"].committed_at or 0)


async def test_a_path_or_chroot_that_is_not_there_says_how_far_it_goes(zookeeper: ZooKeeper, znodes: Any) -> None:
    znodes.ensure_path("/lab.some/where")
    async with watching(Watched("x", zookeeper=zookeeper.address(), path="/lab.some/where/else/there")) as source:
        with pytest.raises(Unavailable, match=r"has no /lab.some/where/else/there \(it ends at /lab.some/where\); see offsets\[0\]"):
            await source.observe(time.time())
    async with watching(Watched("x", zookeeper=f"{zookeeper.address()}/no/chroot", path="/lab")) as source:
        with pytest.raises(Unavailable, match=r"has no chroot /no/chroot; see offsets\[0\].zookeeper"):
            await source.observe(time.time())
    async with watching(Watched("x", zookeeper=f"{zookeeper.address()}/lab.some", path="/where")) as source:
        assert await source.observe(time.time()) == Offsets(())


async def test_without_its_brokers_a_znode_still_has_its_offsets_and_says_what_is_missing(zookeeper: ZooKeeper, znodes: Any) -> None:
    znodes.create("/lab.alone/node", b"0:7", makepath=True)
    watched = Watched("lean", zookeeper=zookeeper.address(), path="/lab.alone", kafka="main", topic="t")
    async with watching(watched, Cluster("main", bootstrap="127.0.0.1:1")) as source:
        consumer = (await look(source))["node", "t"]
    assert consumer.detail[0].offset == 7 and consumer.lag is None
    assert "no broker answers at 127.0.0.1:1 (connection refused)" in consumer.reason


async def test_a_hung_zookeeper_is_named_and_the_same_source_comes_back(zookeeper: ZooKeeper, znodes: Any) -> None:
    znodes.create("/lab.hangs/node", b"0:7", makepath=True)
    async with watching(Watched("lean", zookeeper=zookeeper.address(), path="/lab.hangs")) as source:
        await source.observe(time.time())
        zookeeper.hang()
        try:
            began = time.monotonic()
            with pytest.raises(Unavailable, match="ZooKeeper"):
                await source.observe(time.time())
            assert time.monotonic() - began < 6.0
        finally:
            zookeeper.resume()
        seen = await patiently(source)
    assert seen["node", None].detail[0].offset == 7


async def test_folders_and_nodes_stand_side_by_side_and_each_has_its_application(zookeeper: ZooKeeper, znodes: Any) -> None:
    for path, data in {"app1-node-1": b"0:1", "app1-node-2": b"1:1", "app2": b"", "app2/node-1": b"0:5", "app2/node-2": b"1:5,x"}.items():
        znodes.create(f"/lab.mixed/{path}", data, makepath=True)
    znodes.create("/lab.mixed/app3", b"9:9")
    znodes.create("/lab.mixed/app3/node-1", b"0:7")
    znodes.create("/lab.mixed/closed", b"", acl=[make_digest_acl("someone", "else", all=True)])
    async with watching(Watched("lean", zookeeper=zookeeper.address(), path="/lab.mixed")) as source:
        seen = await source.observe(time.time())
    assert isinstance(seen, Offsets)
    assert [(each.name, each.application) for each in seen.consumers] == [
        ("app1-node-1", "app1"),
        ("app1-node-2", "app1"),
        ("app3", "app3"),
        ("closed", "closed"),
        ("app2/node-1", "app2"),
        ("app2/node-2", "app2"),
        ("app3/node-1", "app3"),
    ]
    assert {total.name: (total.consumers, total.partitions) for total in seen.applications} == {
        "app1": (2, 2),
        "app2": (2, 2),
        "app3": (2, 2),
    }
    assert seen.total is not None and seen.total.consumers == 7


async def test_a_login_opens_what_an_acl_closes(zookeeper: ZooKeeper, znodes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    acl = [make_digest_acl("lean", "secret", all=True)]
    znodes.create("/lab.closed", b"", acl=acl)
    znodes.add_auth("digest", "lean:secret")
    znodes.create("/lab.closed/app-1", b"0:7", acl=acl)
    monkeypatch.setenv("LAB_ZOOKEEPER", "secret")
    login = Login("lean", Secret(env="LAB_ZOOKEEPER"))
    async with watching(Watched("lean", zookeeper=zookeeper.address(), path="/lab.closed", login=login)) as source:
        assert (await look(source))["app-1", None].detail[0].offset == 7
    async with watching(Watched("lean", zookeeper=zookeeper.address(), path="/lab.closed")) as source:
        with pytest.raises(Unavailable, match=r"the ACL of /lab.closed denies us to list it") as refused:
            await source.observe(time.time())
    assert refused.value.state == "denied"
    monkeypatch.delenv("LAB_ZOOKEEPER")
    async with watching(Watched("lean", zookeeper=zookeeper.address(), path="/lab.closed", login=login)) as source:
        with pytest.raises(Unavailable, match=r"offsets\[0\].login.password: environment variable LAB_ZOOKEEPER is not set"):
            await source.observe(time.time())


async def test_a_session_that_expires_is_followed_by_another_and_nothing_is_forgotten(zookeeper: ZooKeeper, znodes: Any) -> None:
    znodes.create("/lab.expires/app-1", b"0:7", makepath=True)
    async with watching(Watched("lean", zookeeper=zookeeper.address(), path="/lab.expires")) as source:
        await look(source)
        kazoo = source._zookeeper._kazoo  # type: ignore[attr-defined]
        thief = KazooClient(zookeeper.address(), client_id=kazoo.client_id)
        await asyncio.to_thread(thief.start)
        await asyncio.to_thread(thief.stop)  # ends the session of both
        thief.close()
        znodes.set("/lab.expires/app-1", b"0:9")
        seen = await patiently(source)
    assert (seen["app-1", None].verdict, seen["app-1", None].detail[0].offset) == ("OK", 9)


async def test_a_zookeeper_that_was_killed_is_read_again_after_its_restart(zookeeper: ZooKeeper, znodes: Any) -> None:
    znodes.create("/lab.killed/app-1", b"0:7", makepath=True)
    async with watching(Watched("lean", zookeeper=zookeeper.address(), path="/lab.killed")) as source:
        await look(source)
        zookeeper.kill()
        try:
            with pytest.raises(Unavailable, match="ZooKeeper"):
                await source.observe(time.time())
        finally:
            zookeeper.start()
        assert (await patiently(source))["app-1", None].detail[0].offset == 7


async def test_an_ensemble_that_is_down_disturbs_no_other(zookeeper: ZooKeeper, znodes: Any) -> None:
    znodes.create("/lab.others/app-1", b"0:7", makepath=True)
    living, dead = Watched("a", zookeeper=zookeeper.address(), path="/lab.others"), Watched("b", zookeeper="127.0.0.1:1", path="/x")
    async with watching(living) as one, watching(dead) as other:
        await look(one)
        lost = asyncio.create_task(other.observe(time.time()))
        began = time.monotonic()
        for _ in range(5):
            await look(one)
        assert not lost.done() and time.monotonic() - began < 2.0, "the dead one is still waited for"
        with pytest.raises(Unavailable, match=r"no ZooKeeper answers at 127.0.0.1:1; is it running\? see offsets\[0\].zookeeper"):
            await lost


async def test_a_znode_of_a_megabyte_is_read_within_its_limits(zookeeper: ZooKeeper, znodes: Any) -> None:
    """ZooKeeper itself takes a little less than its limit."""
    good = b",".join(b"%d:%d" % (number, number) for number in range(1000))
    znodes.create("/lab.large/app-1", good + b"," + b"x" * (1_000_000 - len(good)), makepath=True)
    async with watching(Watched("lean", zookeeper=zookeeper.address(), path="/lab.large")) as source:
        consumer = (await look(source))["app-1", None]
    assert (consumer.partitions, consumer.bad_pairs, consumer.bad_sample) == (1000, 1, "x" * SAMPLE_LENGTH)


async def test_more_nodes_than_are_read_is_an_event_and_said_once(
    zookeeper: ZooKeeper, znodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backends.consumers.znode_tree.MAX_NODES", 3)
    told: list[tuple[str, str]] = []
    for number in range(5):
        znodes.create(f"/lab.many/app-{number}", b"0:7", makepath=True)
    async with watching(
        Watched("lean", zookeeper=zookeeper.address(), path="/lab.many"),
        tell=into(told),
    ) as source:
        assert len(await look(source)) == 3
        assert len(await look(source)) == 3
        assert told == [("warning", "/lab.many has 5 nodes; only the first 3 are read")]
        for number in range(3):
            znodes.delete(f"/lab.many/app-{number}")
        assert len(await look(source)) == 2
    assert ("info", "/lab.many: all 2 nodes are read again") in told


async def test_nothing_is_written_and_nothing_watched(zookeeper: ZooKeeper, znodes: Any) -> None:
    """The server's own counts, before and after a source has looked ten times."""
    znodes.create("/lab.quiet/app-1", b"0:7", makepath=True)
    async with watching(Watched("lean", zookeeper=zookeeper.address(), path="/lab.quiet")) as source:
        await look(source)
        before = facts(zookeeper)
        for _ in range(10):
            await look(source)
        after = facts(zookeeper)
    assert after["zk_watch_count"] == before["zk_watch_count"] and after["zk_znode_count"] == before["zk_znode_count"]
    assert znodes.exists("/lab.quiet/app-1").version == 0


def facts(zookeeper: ZooKeeper) -> dict[str, str]:
    lines = ask(zookeeper.port, b"mntr", 1 << 20).decode().splitlines()
    return dict(line.split("\t", 1) for line in lines if "\t" in line)
