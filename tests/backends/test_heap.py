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

from backends.agent import HeapFile, Occupancy
from backends.heap import Agent, Heaps, followed, live_logs, read_files, sources
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


def rows(heap: Heap) -> dict[str, HeapFile]:
    return {file.name: file for file in heap.files}


async def test_a_log_is_a_row_with_all_its_figures(tmp_path: Path, watch: Watch) -> None:
    log = tmp_path / "gc.log"
    log.write_text(LINE % 10 + FULL % 20)
    os.utime(log, (NOW - 5, NOW - 5))
    heap = await watch(("agent", log)).observe(NOW)
    assert heap.files == (
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
        ),
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
    assert (row.state, row.error is not None and "may not be read" in row.error) == ("down", True)


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
    assert list(followed(Agent("agents", f"{tmp_path}/*.log"))) == [("agents", f"{tmp_path}/*.log")]


def test_archives_whose_live_log_is_elsewhere_stand_for_themselves() -> None:
    assert live_logs(["/x/gc.log.0", "/x/gc.log.1"]) == {"/x/gc.log.0", "/x/gc.log.1"}
    assert live_logs(["/x/gc-1.2.log"]) == {"/x/gc-1.2.log"}


async def test_reading_never_holds_up_the_loop_and_a_hung_file_system_is_told(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "gc.log"
    log.write_text(LINE % 10)
    source, hung = watch(("agent", log)), threading.Event()
    real = Heaps._look

    def hang(self: Heaps, now: float) -> Heap:
        hung.wait(10)
        return real(self, now)

    monkeypatch.setattr(Heaps, "_look", hang)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await source.observe(NOW)
    with pytest.raises(Unavailable, match="file system"):
        await source.observe(NOW)
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


def test_importing_the_source_compiles_no_parser() -> None:
    import subprocess

    code = "import sys, backends.heap; print([name for name in sys.modules if 'gclog' in name])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
