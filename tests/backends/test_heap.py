"""The heap source: every configured log a row, the bad ones too, and logs read as a whole."""

import asyncio
import gzip
import io
import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from backends import heap as module
from backends.agent import HeapEvent, HeapFile, Occupancy
from backends.gclog.files.family import live_logs
from backends.heap import Agent, Heaps, followed, read_files, sources
from backends.questions import HeapOf, HeapPast, JobsOf, LogLines, LogLinesOf
from backends.snapshots import Heap
from backends.source import Context, Unavailable

LINE = "%d.500: [GC (Allocation Failure) [PSYoungGen: 8700K->954K(9216K)] 18700K->11954K(97216K), 0.0293009 secs]\n"
FULL = (
    "%d.500: [Full GC (Ergonomics) [PSYoungGen: 954K->0K(9216K)] [ParOldGen: 80000K->60000K(88000K)] 80954K->60000K(97216K), "
    "[Metaspace: 1K->1K(2K)], 0.5000000 secs]\n"
)
NOW = 1_800_000_000.0

Watch = Callable[..., Heaps]


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    """A source over these (name, path) pairs, closed at the end."""
    made: list[Heaps] = []

    def start(*agents: tuple[str, Path | str]) -> Heaps:
        made.append(Heaps([Agent(name, str(path)) for name, path in agents]))
        return made[-1]

    yield start
    for source in made:
        await source.close()


def hung_look(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Looks hang until it is set."""
    real, hung = Heaps._look, threading.Event()

    def hang(self: Heaps, now: float) -> Heap:
        hung.wait(10)
        return real(self, now)

    monkeypatch.setattr(Heaps, "_look", hang)
    return hung


def rows(heap: Heap) -> dict[str, HeapFile]:
    return {file.name: file for file in heap.files}


async def test_a_log_is_a_row_with_all_its_figures(tmp_path: Path, watch: Watch) -> None:
    log = tmp_path / "gc.log"
    log.write_text(LINE % 10 + FULL % 20)
    os.utime(log, (NOW - 5, NOW - 5))
    (row,) = (await watch(("agent", log)).observe(NOW)).files
    assert msgspec.structs.replace(row, pause_share=round(row.pause_share or 0.0, 9)) == (
        HeapFile(
            file=str(log),
            name="agent",
            collector="Parallel",
            style="legacy",
            young=1,
            full=1,
            old_basis="stated",
            last_after_gc=Occupancy(80000, 60000, 88000),
            last_full=Occupancy(80000, 60000, 88000),
            heap_last=Occupancy(80954, 60000, 97216),
            last_full_heap=Occupancy(80954, 60000, 97216),
            pauses=2,
            pause_total_s=0.5293009,
            pause_max_s=0.5,
            verdict="OK",
            reason="old generation 68% full after the last collection (59 of 86 MiB)",
            last_event_at=NOW - 5,
            last_full_at=NOW - 5,
            full_last_hour=1,
            old_script_pct=75.0,
            window_s=10.0,
            pause_share=0.05,
            allocated_kib_per_s=6900.0,
            evidence=(
                HeapEvent(
                    kind="full",
                    at=NOW - 5,
                    uptime_s=20.5,
                    cause="Ergonomics",
                    heap=Occupancy(80954, 60000, 97216),
                    old=Occupancy(80000, 60000, 88000),
                    pause_s=0.5,
                ),
            ),
        )
    )


async def test_a_bad_log_is_a_row_that_says_why_and_the_others_are_well(tmp_path: Path, watch: Watch) -> None:
    good, words, folder = tmp_path / "gc.log", tmp_path / "words.txt", tmp_path / "folder"
    good.write_text(LINE % 10)
    words.write_text("These are words.\n" * 100)
    folder.mkdir()
    heap = await watch(("gone", tmp_path / "gone.log"), ("words", words), ("folder", folder), ("good", good)).observe(NOW)
    found = rows(heap)
    assert {name: row.state for name, row in found.items()} == {"gone": "down", "words": "down", "folder": "down", "good": "ok"}
    assert "gone.log is absent" in str(found["gone"].error)
    assert str(found["words"].error).startswith("not a GC log")
    assert "not a regular file" in str(found["folder"].error)
    assert found["gone"].verdict == "UNKNOWN"
    assert found["gone"].last_after_gc is None


async def test_a_log_that_may_not_be_read_says_so(tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The super-user may read everything, so the refusal is the system call's, put in its place."""
    log = tmp_path / "gc.log"
    log.write_text(LINE % 10)
    real = os.open

    def refuse(path: str, *rest: int) -> int:
        if str(path) == str(log):
            raise PermissionError(13, "Permission denied")
        return real(path, *rest)

    monkeypatch.setattr(os, "open", refuse)
    (row,) = (await watch(("agent", log)).observe(NOW)).files
    assert (row.state, row.error is not None and "may not be read" in row.error) == ("denied", True)


async def test_a_log_that_appears_grows_vanishes_and_returns_is_followed(tmp_path: Path, watch: Watch) -> None:
    log = tmp_path / "gc.log"
    source = watch(("agent", log))
    seen = []
    for step in (None, LINE % 10, LINE % 20, "", None, LINE % 1):
        if step is None:
            log.unlink(missing_ok=True)
        elif step:
            with log.open("a") as file:
                file.write(step)
        (row,) = (await source.observe(NOW)).files
        seen.append((row.state, row.young))
    assert seen == [("down", 0), ("ok", 1), ("ok", 2), ("ok", 2), ("down", 2), ("ok", 3)]


async def test_a_restarted_jvm_is_not_judged_by_the_past_of_the_one_before(tmp_path: Path, watch: Watch) -> None:
    log = tmp_path / "gc.log"
    futile = FULL.replace("80000K->60000K(88000K)", "88000K->87900K(88000K)").replace("0.5000000", "0.9000000")
    log.write_text("".join(futile % at for at in range(10, 17)))
    source = watch(("agent", log))
    assert (await source.observe(NOW)).files[0].verdict == "HANG"
    log.write_text(LINE % 1)
    os.utime(log, (NOW, NOW))
    (row,) = (await source.observe(NOW)).files
    assert row.verdict == "OK"


async def test_a_glob_gives_a_row_for_each_log_and_none_for_archives(tmp_path: Path, watch: Watch) -> None:
    for name in ("a/gc.log", "a/gc.log.0", "a/gc.log.1", "b/gc.log", "c/gc.log.0", "c/gc.log.1.current"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(LINE % 10)
    heap = await watch(("agents", tmp_path / "*" / "gc.log*")).observe(NOW)
    assert [row.name for row in heap.files] == ["agents/a/gc.log", "agents/b/gc.log", "agents/c/gc.log"]
    assert all(row.young for row in heap.files)


async def test_a_log_whose_glob_no_longer_matches_is_forgotten(tmp_path: Path, watch: Watch) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text(LINE % 10)
    source = watch(("agents", tmp_path / "*.log"))
    assert len((await source.observe(NOW)).files) == 2
    (tmp_path / "a.log").unlink()
    assert [row.name for row in (await source.observe(NOW)).files] == ["agents"]


def test_a_glob_that_matches_nothing_is_one_row_of_its_own(tmp_path: Path) -> None:
    assert followed(Agent("agents", f"{tmp_path}/*.log")) == ([("agents", f"{tmp_path}/*.log")], 0)


async def test_a_glob_that_took_in_too_much_says_how_many_logs_are_left_out(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 3)
    for number in range(5):
        (tmp_path / f"{number}.log").write_text(LINE % 10)
    found = (await watch(("agents", tmp_path / "*.log")).observe(NOW)).files
    assert [row.name for row in found] == ["agents/0.log", "agents/1.log", "agents/2.log", "agents/(left out)"]
    assert (found[-1].state, str(found[-1].error)[:17]) == ("down", "2 logs more match")


async def test_what_a_rotation_lost_is_an_event_and_stands_in_the_row(tmp_path: Path) -> None:
    told: list[tuple[float, str, str, str]] = []
    source = Heaps([Agent("agent", str(tmp_path / "gc.log"))], lambda *event: told.append(event))
    log = tmp_path / "gc.log"
    log.write_text("".join(LINE % at for at in range(10)))
    (row,) = (await source.observe(NOW)).files
    assert (row.gaps, row.gap, told) == (0, None, [])
    log.write_text(LINE % 1)  # emptied, without a copy: nobody knows what was written after our last look
    (row,) = (await source.observe(NOW + 2)).files
    await source.close()
    assert row.gaps == 1 and row.gap is not None and "emptied" in row.gap
    assert told == [(NOW + 2, "warning", "heap", f"agent: {row.gap}")]


def test_what_a_rotation_left_beside_a_log_is_no_log_of_its_own() -> None:
    beside = ("/x/gc.log.0", "/x/gc.log.1.gz", "/x/gc.log-20251125", "/x/gc.log-20251124.gz", "/x/gc.log-20251123-1700000000")
    assert live_logs(["/x/gc.log", *beside]) == {"/x/gc.log"}
    assert live_logs(["/x/gc-20251125.log", "/x/gc-20251124.log"]) == {"/x/gc-20251125.log", "/x/gc-20251124.log"}


def test_archives_whose_live_log_is_elsewhere_stand_for_themselves() -> None:
    assert live_logs(["/x/gc.log.0", "/x/gc.log.1"]) == {"/x/gc.log.0", "/x/gc.log.1"}
    assert live_logs(["/x/gc-1.2.log"]) == {"/x/gc-1.2.log"}


async def test_reading_never_holds_up_the_loop_and_a_hung_file_system_is_told(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "gc.log"
    log.write_text(LINE % 10)
    source, hung = watch(("agent", log)), hung_look(monkeypatch)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await source.observe(NOW)
    with pytest.raises(Unavailable, match="file system"):
        await source.observe(NOW)
    hung.set()


# Questions


async def test_whoever_asks_is_told_the_past_of_an_agent_with_its_archives(tmp_path: Path, watch: Watch) -> None:
    log = tmp_path / "gc.log"
    (tmp_path / "gc.log.0").write_text(LINE % 10)
    os.utime(tmp_path / "gc.log.0", (NOW - 9, NOW - 9))
    log.write_text(FULL % 20)
    os.utime(log, (NOW, NOW))
    source = watch(("agent", log))
    past = await source.ask(HeapOf("agent"))
    assert isinstance(past, HeapPast)
    assert [(point.at, point.used_kib, point.is_full) for point in past.points] == [(NOW - 9, 11000, False), (NOW, 60000, True)]
    assert (past.name, past.basis, past.capacity_kib, past.of) == ("agent", "stated", 88000, 2)
    event = past.events[0]
    lines = await source.ask(LogLinesOf("agent", event.file, event.place))
    assert isinstance(lines, LogLines)
    assert lines.marked is not None and lines.lines[lines.marked].text == (FULL % 20).rstrip("\n")


async def test_the_size_of_a_region_that_the_look_found_counts_for_the_past_too(tmp_path: Path, watch: Watch) -> None:
    log = tmp_path / "gc.log"
    text = "[0.045s] Heap Region Size: 2M\n[1.5s] GC(1) Old regions: 5->6\n[1.5s] GC(1) Pause Young (Normal) 30M->25M(64M) 1.000ms\n"
    log.write_text(text)
    source = watch(("agent", log))
    await source.observe(NOW)
    log.rename(tmp_path / "elsewhere")
    log.write_text(text[text.index("[1.5s]") :])
    past = await source.ask(HeapOf("agent"))
    assert isinstance(past, HeapPast)
    assert past.points[-1].used_kib == 12288


async def test_a_log_of_a_glob_is_asked_for_by_the_name_of_its_row(tmp_path: Path, watch: Watch) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text(LINE % 10)
    source = watch(("agents", tmp_path / "*.log"))
    assert isinstance(await source.ask(HeapOf("agents/b.log")), HeapPast)
    with pytest.raises(Unavailable, match=r"no GC log is followed as 'agents/c\.log'; did you mean agents/b\.log"):
        await source.ask(HeapOf("agents/c.log"))
    with pytest.raises(Unavailable, match="no GC log is followed as 'agentz'; did you mean agents"):
        await source.ask(LogLinesOf("agentz"))


async def test_a_log_that_is_not_there_has_no_past_and_other_questions_no_answer(tmp_path: Path, watch: Watch) -> None:
    source = watch(("agent", tmp_path / "gone.log"))
    for question in (HeapOf("agent"), LogLinesOf("agent")):
        with pytest.raises(Unavailable, match=r"gone\.log is absent"):
            await source.ask(question)
    with pytest.raises(Unavailable, match="nothing to ask"):
        await source.ask(JobsOf())


async def test_a_question_and_a_look_do_not_wait_for_each_other(tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "gc.log"
    log.write_text(LINE % 10)
    source, hung = watch(("agent", log)), hung_look(monkeypatch)
    look = asyncio.create_task(source.observe(NOW))
    await asyncio.sleep(0)
    first, second = await asyncio.gather(source.ask(HeapOf("agent")), source.ask(HeapOf("agent")))
    assert first == second and not look.done()
    hung.set()
    assert (await look).files[0].young == 1


async def test_a_question_that_was_left_ends_and_the_next_one_is_answered(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backends.gclog.past.reading import GivenUp, Readings

    log, begun = tmp_path / "gc.log", threading.Event()
    log.write_text(LINE % 10)
    source, real = watch(("agent", log)), Readings.past

    def slow(self: Readings, question: HeapOf, path: str, region_kib: float | None, is_stopped: Callable[[], bool]) -> HeapPast:
        begun.set()
        while not is_stopped():
            begun.wait(0.001)
        raise GivenUp

    monkeypatch.setattr(Readings, "past", slow)
    task = asyncio.create_task(source.ask(HeapOf("agent")))
    await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    monkeypatch.setattr(Readings, "past", real)
    assert isinstance(await source.ask(HeapOf("agent")), HeapPast)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_file_system_that_does_not_answer_keeps_no_one_waiting(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung = threading.Event()
    source = watch(("agent", tmp_path / "gc.log"))
    monkeypatch.setattr(Heaps, "_path_of", lambda self, name: hung.wait(10))
    monkeypatch.setattr(module, "ANSWER_S", 0.05)
    for _ in range(2):
        with pytest.raises(Unavailable, match="a file system does not answer"):
            await source.ask(HeapOf("agent"))
    hung.set()


def test_nothing_configured_is_no_source() -> None:
    assert list(sources([], Context({}, "", "1"))) == []
    assert [source.name for source in sources([Agent("a", "/x"), Agent("b", "/y")], Context({}, "", "1"))] == ["heap"]


async def test_there_is_no_action_on_a_log(watch: Watch) -> None:
    assert not (await watch(("a", "/x")).act("purge", {}, {})).ok


def test_whole_logs_are_read_plain_packed_and_from_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (LINE % 10 + FULL % 20).encode()
    plain, packed = tmp_path / "gc.log", tmp_path / "gc.log.gz"
    plain.write_bytes(text)
    packed.write_bytes(gzip.compress(text))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    found = read_files([plain, str(packed), "-"])
    assert [(row.young, row.full, row.old_script_pct, row.error) for row in found] == [(1, 1, 75.0, None)] * 3
    assert json.loads(msgspec.json.encode(found[0]))["last_full"] == {"before_kib": 80000, "after_kib": 60000, "capacity_kib": 88000}


def test_what_is_no_log_says_so_and_nothing_is_invented(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "noise").write_bytes(os.urandom(100_000))
    (tmp_path / "cut.gz").write_bytes(gzip.compress((LINE % 10).encode() * 1000)[:100])
    empty, noise, cut, folder, gone = read_files([tmp_path / "empty", tmp_path / "noise", tmp_path / "cut.gz", tmp_path, tmp_path / "gone"])
    assert str(empty.error).startswith("not a GC log")
    assert str(noise.error).startswith("not a GC log")
    assert "cannot be read" in str(cut.error)
    assert "cannot be read" in str(folder.error)
    assert "absent" in str(gone.error)
    assert {row.last_after_gc for row in (empty, noise, cut, folder, gone)} == {None}


def test_a_packed_log_that_breaks_off_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    text = "".join(LINE % at for at in range(1, 5000)).encode()
    packed = gzip.compress(text)
    (tmp_path / "cut.gz").write_bytes(packed[: len(packed) // 2])
    (row,) = read_files([tmp_path / "cut.gz"])
    assert 1000 < row.young < 4000 and row.error is None
    assert row.gaps == 1 and "cannot be read" in str(row.gap) and str(row.gap).endswith("what comes behind that is missing")


def test_importing_the_source_compiles_no_parser() -> None:
    import subprocess

    code = "import sys, backends.heap; print([name for name in sys.modules if 'gclog' in name])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
