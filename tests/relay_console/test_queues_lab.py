"""Queues of real brokers by the command line, without a daemon and through one; what was done is looked at by another client."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.lab.activemq import PASSWORD, USER, ActiveMQ, ask_jolokia, queue_sizes
from tests.lab.stomp_client import Stomp
from tests.relay_console.program import Place, environment
from tests.stories.console import Console

PREFIX = "cl."
SECRET = {"LAB_PASSWORD": PASSWORD}


class Broker:
    """One of the lab's, a configuration that watches it, and a client of the test's own."""

    def __init__(self, server: ActiveMQ, folder: Path) -> None:
        self.server = server
        self.place = Place(folder, self.sections(write=True, console=True))

    def sections(self, *, write: bool, console: bool) -> str:
        section = {
            "name": "lab",
            "jolokia": self.server.jolokia,
            "stomp": self.server.stomp,
            "user": USER,
            "password": {"env": "LAB_PASSWORD"},
            "write": write,
            "interval": "1s",
        }
        return f"activemq: [{json.dumps(section)}]\nconsole: {json.dumps({'write': console})}\n"

    def allow(self, *, write: bool, console: bool) -> None:
        head = self.place.config.read_text().split("activemq:")[0]
        self.place.config.write_text(head + self.sections(write=write, console=console))

    def run(self, *words: str, code: int = 0) -> CompletedProcess[str]:
        done = self.place.run(*words, environ=SECRET)
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done

    def pending(self, name: str) -> int | None:
        return queue_sizes(self.server.jolokia).get(PREFIX + name)

    def fill(self, name: str, *bodies: str, **headers: str) -> None:
        stomp = Stomp(self.server.stomp)
        try:
            for body in bodies:
                stomp.send(PREFIX + name, body, confirm=True, **headers)
        finally:
            stomp.close()

    def bodies(self, name: str) -> list[bytes]:
        """Takes them."""
        stomp = Stomp(self.server.stomp)
        try:
            stomp.subscribe(PREFIX + name, "auto", 1000)
            found = []
            while (frame := stomp.receive(1.0)) is not None:
                found.append(frame.body)
            return found
        finally:
            stomp.close()

    def clean(self) -> None:
        mbean = "org.apache.activemq:type=Broker,brokerName=*"
        (broker,) = ask_jolokia(self.server.jolokia, {"type": "search", "mbean": mbean})["value"]
        for name in queue_sizes(self.server.jolokia):
            if name.startswith(PREFIX):
                ask_jolokia(
                    self.server.jolokia,
                    {"type": "exec", "mbean": broker, "operation": "removeQueue(java.lang.String)", "arguments": [name]},
                )


@pytest.fixture(scope="module", params=["activemq_old", "activemq_hardened"])
def lab_broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    folder = Path(tempfile.mkdtemp(prefix="queues."))  # sockets want a short name
    broker = Broker(request.getfixturevalue(request.param), folder)
    yield broker
    broker.clean()
    shutil.rmtree(folder)


@pytest.fixture
def broker(lab_broker: Broker) -> Iterator[Broker]:
    lab_broker.clean()
    lab_broker.allow(write=True, console=True)
    yield lab_broker


def lines(done: CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def story(broker: Broker) -> None:
    """A queue is made, filled, looked at, copied to a file, emptied, filled from the file, moved; each step is seen from outside."""
    a, b = f"{PREFIX}a", f"{PREFIX}b"
    broker.run("create", a, "--broker", "lab", "--yes")
    assert broker.pending("a") == 0
    broker.run("send-message", a, "--body", "값 1", "-p", "region=eu", "-p", "n:Int=5", "--correlation-id", "c-1", "--yes")
    broker.run("send-message", a, "--body", "second", "--count", "3", "--yes")
    assert broker.pending("a") == 4
    browsed = broker.run("browse", a, "--json")
    assert [line["body"] for line in lines(browsed)] == ["값 1", "second", "second", "second"] and "4 of 4 messages" in browsed.stderr
    assert lines(browsed)[0]["correlation_id"] == "c-1" and lines(browsed)[0]["broker"] == "lab"
    assert [line["body"] for line in lines(broker.run("browse", a, "--selector", "region = 'eu'", "--json"))] == ["값 1"]
    one = broker.run("browse", a, "--id", lines(browsed)[0]["id"])
    assert "c-1" in one.stdout and "region" in one.stdout and one.stdout.endswith("값 1\n")
    file = broker.place.folder / "a.jsonl"
    exported = broker.run("export", a, str(file), "--force")
    assert "4 of 4 messages exported" in exported.stderr and broker.pending("a") == 4
    previewed = broker.run("purge", a, "--dry-run")
    assert "4 pending messages" in previewed.stdout and broker.pending("a") == 4
    purged = broker.run("purge", a, "--yes")
    assert "4" in purged.stdout and broker.pending("a") == 0
    assert broker.run("import", a, str(file), "--yes").stdout == f"imported 4 messages into {a} of lab\n"
    assert broker.pending("a") == 4
    (again, *_) = lines(broker.run("browse", a, "--limit", "1", "--json"))
    assert {each["name"]: str(each["value"]) for each in again["properties"]} == {"region": "eu", "n": "5"}
    broker.run("move", a, "--to", b, "--first", "3", "--yes")
    assert (broker.pending("a"), broker.pending("b")) == (1, 3)
    broker.run("copy", b, "--to", a, "--all", "--yes")
    assert (broker.pending("a"), broker.pending("b")) == (4, 3)
    broker.run("remove", a, "--selector", "region = 'eu'", "--yes")
    assert broker.pending("a") == 3
    broker.run("pause", a, "--broker", "lab", "--yes")
    broker.run("resume", a, "--broker", "lab", "--yes")
    assert [body.decode() for body in broker.bodies("b")] == ["값 1", "second", "second"]
    broker.run("delete", a, "--yes")
    assert broker.pending("a") is None


def audited(broker: Broker) -> list[tuple[str, str, str]]:
    file = broker.place.directory / "audit.log"
    return [(line["phase"], line["verb"], line["program"]) for line in map(json.loads, file.read_text().splitlines())]


def test_without_a_daemon_everything_is_done_from_here_with_its_audit_lines(broker: Broker) -> None:
    story(broker)
    told = audited(broker)
    assert {verb for _, verb, _ in told} >= {"create", "send", "purge", "import", "move", "copy", "remove", "pause", "resume", "delete"}
    assert {program for _, _, program in told} == {"command line"}
    assert [phase for phase, _, _ in told[:4]] == ["before", "after", "before", "after"]


def test_through_a_daemon_it_is_the_same(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_PASSWORD", PASSWORD)
    with broker.place.daemon():
        story(broker)


def test_a_yes_does_not_help_where_nothing_may_be_written(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_PASSWORD", PASSWORD)
    broker.fill("safe", "1", "2")
    for write, console, said in ((False, True, "activemq[0].write is false"), (True, False, "read-only")):
        broker.allow(write=write, console=console)
        done = broker.run("purge", f"{PREFIX}safe", "--yes", code=1)
        assert (done.stdout, done.stderr.count("\n")) == ("", 1) and said in done.stderr
        with broker.place.daemon():
            done = broker.run("purge", f"{PREFIX}safe", "--yes", code=1)
            assert (done.stdout, done.stderr.count("\n")) == ("", 1) and said in done.stderr
    assert broker.pending("safe") == 2
    broker.allow(write=True, console=True)
    broker.run("purge", f"{PREFIX}safe", "--yes")
    assert broker.pending("safe") == 0


def test_bytes_and_large_bodies_come_back_as_they_were(broker: Broker) -> None:
    folder = broker.place.folder
    bodies = [bytes(range(256)), b"x" * (3 << 20)]
    broker.run("create", f"{PREFIX}raw", "--broker", "lab", "--yes")
    for number, body in enumerate(bodies):
        (folder / f"{number}").write_bytes(body)
        broker.run("send-message", f"{PREFIX}raw", "--file", str(folder / f"{number}"), "--bytes", "--yes")
    broker.run("export", f"{PREFIX}raw", str(folder / "raw.jsonl"), "--force")
    broker.run("purge", f"{PREFIX}raw", "--yes")
    broker.run("import", f"{PREFIX}raw", str(folder / "raw.jsonl"), "--yes")
    assert broker.bodies("raw") == bodies


def test_a_map_keeps_its_types_where_it_may_be_translated(broker: Broker, tmp_path: Path) -> None:
    entries = '{"string":["text","5.0"]},{"string":"count","int":5},{"string":"size","long":7},{"string":"share","double":0.5}'
    body = f'{{"map":{{"entry":[{entries}]}}}}'
    broker.fill("map", body, transformation="jms-map-json")
    broker.fill("again")
    part = tmp_path / "part.jsonl"
    assert "those of maps --maps reads" in broker.run("export", "cl.map", str(part), code=1).stderr
    file = tmp_path / "maps.jsonl"
    broker.run("export", "cl.map", str(file), "--maps")
    (line,) = map(json.loads, file.read_text().splitlines())
    assert (line["kind"], line["cut"]) == ("map", False)
    held = {"text": "5.0", "count": 5, "size": {"type": "Long", "value": 7}, "share": {"type": "Double", "value": 0.5}}
    assert json.loads(line["body"]) == held
    broker.run("create", "cl.again", "--yes")
    broker.run("import", "cl.again", str(file), "--yes")
    again = broker.run("browse", "cl.again", "--json", "--maps").stdout
    assert json.loads(json.loads(again)["body"]) == held
    broker.allow(write=True, console=False)
    refused = broker.run("browse", "cl.map", "--maps", code=69)
    assert "read-only" in refused.stderr


def test_a_queue_of_hundreds_is_exported_page_by_page(broker: Broker) -> None:
    broker.fill("many", *(str(number) for number in range(450)))
    done = broker.run("export", f"{PREFIX}many")
    assert [line["body"] for line in lines(done)] == [str(number) for number in range(450)]
    assert done.stderr == f"{PREFIX}many: 450 of 450 messages exported\n"


def test_a_dead_letter_goes_back_to_where_it_came_from(broker: Broker) -> None:
    broker.fill("work", "poison")
    stomp = Stomp(broker.server.stomp)
    try:
        stomp.subscribe(f"{PREFIX}work", "client-individual", 1)
        frame = stomp.receive()
        assert frame is not None
        stomp.nack(frame)
    finally:
        stomp.close()
    assert broker.pending("work") == 0
    (dead,) = [line for line in lines(broker.run("browse", "ActiveMQ.DLQ", "--json", "--limit", "500")) if line["body"] == "poison"]
    assert dead["original_destination"] == f"queue://{PREFIX}work"
    broker.run("retry", "ActiveMQ.DLQ", "--id", dead["id"], "--yes")
    assert broker.pending("work") == 1


def test_ctrl_c_ends_a_long_one_and_its_answer_says_how_far_it_came(broker: Broker) -> None:
    broker.fill("long", "1")
    argv = broker.place.argv("send-message", f"{PREFIX}long", "--body", "x", "--count", "100000", "--yes")
    with Console(argv, environment(SECRET)) as console:
        console.sees(r"send cl\.long: [0-9,]+ of 100,000")
        console.press("ctrl+c")
        console.sees("cancelling; waiting for its answer", r"cancelled: sent [0-9,]+ of 100,000 messages")
        assert console.ends() == 1
    pending = broker.pending("long")
    assert pending is not None and 1 < pending < 100_001
    assert audited(broker)[-1][:2] == ("after", "send")


def test_what_is_wrong_is_one_line(broker: Broker) -> None:
    broker.fill("there", "1")
    done = broker.run("browse", f"{PREFIX}their", code=69)
    assert done.stdout == "" and done.stderr.count("\n") == 1 and done.stderr.count("did you mean") == 1 and f"{PREFIX}there" in done.stderr
    done = broker.run("browse", f"{PREFIX}there", "--selector", "nonsense (", code=69)
    assert done.stdout == "" and done.stderr.count("\n") == 1
    done = broker.run("browse", f"{PREFIX}there", "--id", "ID:none", code=69)
    assert done.stdout == ""
    done = broker.run("move", f"{PREFIX}there", "--to", "topic://x", "--all", "--yes", code=1)
    assert "topic" in done.stderr and broker.pending("there") == 1


def test_the_queues_are_told_with_all_their_fields(broker: Broker) -> None:
    broker.fill("told", "1", "2")
    (source,) = json.loads(broker.run("queues", f"{PREFIX}told", "--json").stdout)["sources"]
    (queue,) = source["data"]["queues"]
    assert (queue["name"], queue["pending"], queue["verdict"]) == (f"{PREFIX}told", 2, "NO_CONSUMER")
    assert source["data"]["broker"]["version"] and "capabilities" in source["data"]["broker"]
    checked = broker.run("check", "queues", f"{PREFIX}told", code=2)
    assert checked.stdout.startswith("QUEUES CRITICAL") and f"'{PREFIX}told pending'=2;;;0" in checked.stdout
