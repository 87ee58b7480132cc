"""The past of an agent from its files: archives in the order of writing, nothing read twice, and the lines of an event found again."""

import gzip
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.agent import MAX_LINE_SHOWN
from backends.gclog.past import reading
from backends.gclog.past.archives import identity
from backends.gclog.past.lines import ANEW, GONE, lines
from backends.gclog.past.reading import BUDGET, GivenUp, Reading, Readings
from backends.questions import MAX_LOG_LINES, HeapOf, HeapPast, LogLinesOf

NOW = 1_800_000_000
HEADER = "[0.030s][info][gc] Using Serial\n"
G1_HEADER = "[0.030s][info][gc] Using G1\n[0.045s][info][gc,init] Heap Region Size: 4M\n"


def line(second: int, after: int = 4) -> str:
    return f"[{second}.000s][info][gc] GC({second}) Pause Young (Allocation Failure) 10M->{after}M(19M) 2.500ms\n"


def text(*seconds: int) -> str:
    return "".join(map(line, seconds))


def write(path: Path, content: str, age_s: float = 0.0) -> Path:
    path.write_bytes(gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode())
    os.utime(path, (NOW - age_s, NOW - age_s))
    return path


def append(path: Path, content: str, age_s: float = 0.0) -> None:
    with path.open("a") as file:
        file.write(content)
    os.utime(path, (NOW - age_s, NOW - age_s))


def ask(readings: Readings, path: Path, events: int = 100, region_kib: float | None = None) -> HeapPast:
    return readings.past(HeapOf("agent", 240, events), str(path), region_kib, lambda: False)


def uptimes(past: HeapPast) -> list[float | None]:
    """Of the collections, oldest first."""
    return [event.uptime_s for event in reversed(past.events) if event.kind == "young"]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "gc.log"


# Which files, in which order


def test_archives_come_before_the_log_in_the_order_of_writing_whatever_their_numbers(log: Path) -> None:
    write(log.with_name("gc.log.0"), text(5, 6), 20)
    write(log.with_name("gc.log.1"), text(7, 8), 10)
    write(log.with_name("gc.log.4"), HEADER + text(3, 4), 30)
    write(log, text(9, 10))
    past = ask(Readings(), log)
    assert uptimes(past) == [3, 4, 5, 6, 7, 8, 9, 10]
    assert (past.note, past.of, past.is_clock, past.events[0].at) == ("", 9, True, NOW)  # with the start of the JVM


def test_packed_archives_are_read_too(log: Path) -> None:
    write(log.with_name("gc.log.2.gz"), HEADER + text(1, 2), 20)
    write(log.with_name("gc.log-20270115.gz"), text(3, 4), 10)
    write(log, text(5))
    assert uptimes(ask(Readings(), log)) == [1, 2, 3, 4, 5]


def test_an_archive_that_is_packed_just_now_counts_once(log: Path) -> None:
    write(log.with_name("gc.log.0"), HEADER + text(1, 2), 10)
    log.with_name("gc.log.0.gz").write_bytes(gzip.compress((HEADER + text(1, 2)).encode())[:40])
    write(log, text(3))
    past = ask(Readings(), log)
    assert (uptimes(past), past.note) == ([1, 2, 3], "")


def test_an_archive_that_is_cut_is_said_to_be_also_when_it_came_later(log: Path) -> None:
    write(log, HEADER + text(1), 30)
    readings = Readings()
    ask(readings, log)
    log.rename(log.with_name("gc.log.0"))
    log.with_name("gc.log.1.gz").write_bytes(gzip.compress(text(2, 3).encode())[:60])
    os.utime(log.with_name("gc.log.1.gz"), (NOW - 20, NOW - 20))
    write(log, text(4))
    past = ask(readings, log)
    assert (uptimes(past)[0], uptimes(past)[-1]) == (1, 4)
    assert "gc.log.1.gz cannot be read" in past.note
    log.unlink()
    log.with_name("gc.log.0").unlink()
    with pytest.raises(OSError, match="ended before"):
        ask(readings, log)


def test_archives_that_were_copied_here_together_are_ordered_by_their_own_clock(log: Path) -> None:
    for name, seconds in (("gc.log.0", (40, 50)), ("gc.log.1", (20, 30)), ("gc.log", (60, 70))):
        write(log.with_name(name), text(*seconds))
    assert uptimes(ask(Readings(), log)) == [20, 30, 40, 50, 60, 70]


def test_dates_in_the_lines_count_more_than_the_time_of_writing(log: Path) -> None:
    def dated(minute: int) -> str:
        return f"[2027-01-15T10:{minute:02}:00.000+0000]{line(minute)}"

    write(log.with_name("gc.log.0"), dated(20), 0)
    write(log.with_name("gc.log.1"), dated(10), 500)
    write(log.with_name("gc.log.2"), dated(15), 900)
    write(log, dated(30), 2000)
    assert uptimes(ask(Readings(), log)) == [10, 15, 20, 30]


def test_a_jvm_of_jdk_8_writes_the_current_one_and_the_others_are_its_past(log: Path) -> None:
    write(log.with_name("gc.log.0"), HEADER + text(1), 20)
    write(log.with_name("gc.log.1.current"), text(2, 3))
    assert uptimes(ask(Readings(), log)) == [1, 2, 3]


def test_another_jvm_in_an_archive_is_dated_by_the_last_write_of_its_own_file(log: Path) -> None:
    write(log.with_name("gc.log.0"), HEADER + text(100, 200), 1000)
    write(log, HEADER + text(10, 20))
    past = ask(Readings(), log)
    assert [event.at for event in reversed(past.events) if event.kind == "young"] == [NOW - 1100, NOW - 1000, NOW - 10, NOW]
    assert [event.kind for event in reversed(past.events)] == ["start", "young", "young", "start", "young", "young"]


def test_an_absent_log_and_a_folder_are_errors_and_an_unreadable_archive_is_a_note(log: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ask(Readings(), log)
    with pytest.raises(OSError, match="not a regular file"):
        ask(Readings(), tmp_path)
    log.with_name("gc.log.1.gz").write_bytes(b"\x1f\x8b no gzip at all")
    write(log, text(5))
    past = ask(Readings(), log)
    assert uptimes(past) == [5]
    assert "gc.log.1.gz cannot be read" in past.note


def test_a_file_that_is_no_log_has_no_past(log: Path) -> None:
    write(log, "These are words.\n" * 100)
    past = ask(Readings(), log)
    assert (past.points, past.events, past.of, past.pauses) == ((), (), 0, ())


# How far back


def test_only_the_newest_part_is_read_and_the_answer_says_so(log: Path) -> None:
    write(log.with_name("gc.log.0"), text(*range(10, 5000)), 10)
    write(log, text(*range(5000, 5100)))
    part = Reading(budget=64 << 10)
    part.look(str(log), None, lambda: False)
    past = part.past.told("agent", 240, 500)
    assert part.past.of < 1000
    assert uptimes(past)[-1] == 5099
    assert "of" in part.note and part.note.endswith("in 2 files")
    assert all(after - before == 1 for before, after in zip(uptimes(past), uptimes(past)[1:], strict=False) if before and after)


def test_the_beginning_of_a_file_tells_the_collector_for_its_end(log: Path) -> None:
    pause = "[%d.5s] GC(%d) Old regions: 5->6\n[%d.5s] GC(%d) Pause Young (Normal) (G1 Evacuation Pause) 30M->25M(64M) 1.0ms\n"
    write(log, G1_HEADER + "".join(pause % ((number,) * 4) for number in range(2000)))
    part = Reading(budget=32 << 10)
    part.look(str(log), None, lambda: False)
    past = part.past.told("agent", 10, 10)
    assert (past.basis, past.points[-1].used_kib) == ("regions", 6 * 4096)


def test_whoever_follows_the_log_may_know_the_size_of_a_region(log: Path) -> None:
    write(log, "[1.5s] GC(1) Old regions: 5->6\n[1.5s] GC(1) Pause Young (Normal) (G1 Evacuation Pause) 30M->25M(64M) 1.000ms\n")
    assert ask(Readings(), log).basis == "heap"
    assert ask(Readings(), log, region_kib=2048).points[-1].used_kib == 12288


def test_a_reading_that_nobody_waits_for_ends_at_once(log: Path) -> None:
    write(log, HEADER + text(*range(1, 100)))
    with pytest.raises(GivenUp):
        Readings().past(HeapOf("agent"), str(log), None, lambda: True)


# Going on


@pytest.fixture
def read_bytes(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Bytes of logs that were fed since the last call."""
    taken = [0]
    real = reading._from_descriptor

    def count(descriptor: int, part: reading.Part) -> object:
        for piece in real(descriptor, part):
            taken[0] += len(piece)
            yield piece

    monkeypatch.setattr(reading, "_from_descriptor", count)

    def since() -> int:
        found, taken[0] = taken[0], 0
        return found

    return since


def test_asked_again_it_reads_only_what_was_written_since(log: Path, read_bytes: Callable[[], int]) -> None:
    write(log.with_name("gc.log.0"), HEADER + text(1, 2), 10)
    write(log, text(3, 4))
    readings = Readings()
    ask(readings, log)
    assert read_bytes() == len(HEADER + text(1, 2, 3, 4))
    assert uptimes(ask(readings, log)) == [1, 2, 3, 4]
    assert read_bytes() == 0
    append(log, line(5)[:30])
    ask(readings, log)
    append(log, line(5)[30:])
    assert uptimes(ask(readings, log)) == [1, 2, 3, 4, 5]
    assert read_bytes() == len(line(5))


def test_rotations_between_two_questions_lose_nothing_and_repeat_nothing(log: Path, read_bytes: Callable[[], int]) -> None:
    write(log, HEADER + text(1, 2), 30)
    readings = Readings()
    ask(readings, log)
    read_bytes()
    append(log, text(3), 25)
    log.rename(log.with_name("gc.log.0"))
    write(log, text(4, 5), 20)
    log.rename(log.with_name("gc.log.1"))
    write(log, text(6))
    past = ask(readings, log)
    assert uptimes(past) == [1, 2, 3, 4, 5, 6]
    assert read_bytes() == len(text(3, 4, 5, 6))
    where = {event.uptime_s: event.file for event in past.events}
    assert where[1] == where[3] == identity(log.with_name("gc.log.0").stat())
    assert where[6] == identity(log.stat())


def test_a_new_file_that_is_still_empty_leaves_us_in_the_renamed_one(log: Path) -> None:
    write(log, HEADER + text(1), 30)
    readings = Readings()
    ask(readings, log)
    aside = log.with_name("gc.log.1")
    log.rename(aside)
    write(log, "")
    append(aside, text(2), 20)
    assert uptimes(ask(readings, log)) == [1, 2]
    append(log, text(3))
    assert uptimes(ask(readings, log)) == [1, 2, 3]


def test_a_log_that_was_emptied_and_copied_is_read_anew(log: Path) -> None:
    write(log, HEADER + text(1, 2), 30)
    readings = Readings()
    ask(readings, log)
    write(log.with_name("gc.log.1"), HEADER + text(1, 2), 20)
    os.truncate(log, 0)
    append(log, text(3))
    assert uptimes(ask(readings, log)) == [1, 2, 3]


def test_a_log_begun_anew_and_already_longer_is_read_anew(log: Path) -> None:
    write(log, HEADER + text(1, 2), 30)
    readings = Readings()
    ask(readings, log)
    log.write_text("[0.040s][info][gc] Using Parallel\n" + text(11, 12, 13))
    assert uptimes(ask(readings, log)) == [11, 12, 13]


def test_a_restart_within_a_file_without_dates_dates_all_of_it_anew(log: Path) -> None:
    write(log, HEADER + text(100, 200), 1000)
    readings = Readings()
    ask(readings, log)
    append(log, text(1, 2))
    past = ask(readings, log)
    assert (past.events[0].at, past.events[1].at) == (NOW, NOW - 1)
    assert all(point.at <= NOW for point in past.points)


def test_only_so_many_agents_are_kept_those_asked_for_last(tmp_path: Path, read_bytes: Callable[[], int]) -> None:
    readings = Readings(most=2)
    paths = [write(tmp_path / f"{name}.log", HEADER + text(1)) for name in "abc"]
    whole = len(HEADER + text(1))
    for path in paths:
        ask(readings, path)
    assert read_bytes() == 3 * whole
    ask(readings, paths[2])
    ask(readings, paths[1])
    assert read_bytes() == 0
    ask(readings, paths[0])
    assert read_bytes() == whole


# Lines


def found_lines(
    log: Path, place: int | None, file: str | None = None, before: int = 2, after: int = 1
) -> tuple[list[str], int | None, str]:
    found = lines(LogLinesOf("agent", file, place, before, after), str(log))
    return [one.text for one in found.lines], found.marked, found.note


def test_every_event_leads_to_the_line_that_completed_it_also_after_a_rotation(log: Path) -> None:
    write(log, HEADER + text(1, 2, 3, 4, 5), 10)
    (event,) = [event for event in ask(Readings(), log).events if event.uptime_s == 3]
    shown = [one.rstrip("\n") for one in (line(1), line(2), line(3), line(4))]
    assert found_lines(log, event.place, event.file) == (shown, 2, "")
    log.rename(log.with_name("gc.log.0"))
    write(log, text(6))
    assert found_lines(log, event.place, event.file) == (shown, 2, "")
    (first,) = lines(LogLinesOf("agent", event.file, event.place, 0, 0), str(log)).lines
    assert first.place == len(HEADER + text(1, 2))


def test_an_event_of_a_packed_archive_has_its_lines_too(log: Path) -> None:
    write(log.with_name("gc.log.0.gz"), HEADER + text(1, 2, 3), 10)
    write(log, text(4))
    (event,) = [event for event in ask(Readings(), log).events if event.uptime_s == 2]
    texts, marked, note = found_lines(log, event.place, event.file, 1, 1)
    assert ([one.split("s]")[0] for one in texts], marked, note) == (["[1.000", "[2.000", "[3.000"], 1, "")


def test_without_a_place_the_end_is_shown_and_no_line_is_marked(log: Path) -> None:
    write(log, text(1, 2, 3))
    texts, marked, note = found_lines(log, None)
    assert ([one[:3] for one in texts], marked, note) == (["[2.", "[3."], None, "")


def test_a_file_that_is_gone_or_begun_anew_is_said_to_be(log: Path) -> None:
    write(log, text(1, 2, 3))
    own = identity(log.stat())
    end = len(text(1, 2, 3))
    assert found_lines(log, 10, "0:0") == ([], None, GONE)
    os.truncate(log, 10)
    assert found_lines(log, end, own) == ([], None, ANEW)
    log.write_text("x" * 1000)
    assert found_lines(log, end, own) == ([], None, ANEW)


def test_an_unfinished_last_line_is_shown_as_far_as_it_is_written(log: Path) -> None:
    write(log, text(1) + "[2.000s][info][gc] GC(2) Pau")
    assert found_lines(log, len(text(1)), None, 0, 5)[0][1:] == ["[2.000s][info][gc] GC(2) Pau"]


def test_what_is_no_text_is_shown_as_it_is(log: Path) -> None:
    log.write_bytes(b"a\x1b[31m\x00\t\xff\xed\x95\x9c\r\n")
    (shown,), marked, _ = found_lines(log, log.stat().st_size)
    assert (shown, marked) == ("a\x1b[31m\x00\t\ufffd한", 0)


def test_long_lines_are_cut_and_a_hole_before_a_line_is_left_out(log: Path) -> None:
    with log.open("wb") as file:
        file.seek(3 << 20)
        file.write(line(1).encode() + b"y" * (MAX_LINE_SHOWN + 10) + b"\n")
    texts, _, note = found_lines(log, log.stat().st_size)
    assert texts[-1] == "y" * MAX_LINE_SHOWN
    assert texts[0].startswith("[1.000s]")
    assert "1 line cut at 4,096 characters" in note and "zero bytes" in note


def test_no_question_gets_more_lines_than_fit_an_answer(log: Path) -> None:
    write(log, text(*range(1, 3000)))
    place = len(text(*range(1, 1500)))
    found = lines(LogLinesOf("agent", None, place, 10**6, 10**6), str(log))
    assert len(found.lines) == MAX_LOG_LINES
    assert found.marked is not None and found.lines[found.marked].text.startswith("[1499.")


def test_a_budget_of_sixteen_mebibytes_is_what_the_documentation_says() -> None:
    assert f"{BUDGET >> 20} MiB at most" in (Path(__file__).parents[3] / "docs" / "cli.md").read_text()


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_done_to_the_log_between_questions_every_collection_is_there_once_and_in_order(log: Path, seed: int) -> None:
    chance = random.Random(seed)
    readings, second, ring, age = Readings(), 0, 0, 10_000
    write(log, HEADER, age)
    for _ in range(40):
        age -= 10
        match chance.choice(("write", "write", "half", "rotate", "pack", "ask", "ask", "ask")):
            case "write":
                count = chance.randint(1, 4)
                append(log, text(*range(second + 1, second + 1 + count)), age)
                second += count
            case "half":  # the rest comes after whatever happens first
                second += 1
                append(log, line(second)[:25], age)
                if chance.random() < 0.5:
                    ask(readings, log)
                append(log, line(second)[25:], age)
            case "rotate":
                log.rename(log.with_name(f"gc.log.{ring}"))
                ring += 1
                write(log, "", age)
            case "pack":
                if ring and (archive := log.with_name(f"gc.log.{chance.randrange(ring)}")).exists():
                    stamp = archive.stat().st_mtime_ns
                    packed = archive.with_name(f"{archive.name}.gz")
                    packed.write_bytes(gzip.compress(archive.read_bytes()))
                    os.utime(packed, ns=(stamp, stamp))
                    archive.unlink()
            case _:
                assert uptimes(ask(readings, log, 500)) == list(range(1, second + 1))
    assert uptimes(ask(readings, log, 500)) == list(range(1, second + 1))
