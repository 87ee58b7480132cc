"""The GC logs of the demonstration as HotSpot writes them: the lines of each step, where they stand, and what they say as an event.

A step's lines begin at a place of their own, so any part of a log is written without what comes before it.
"""

import time
from typing import Final

from backends.agent import HeapEvent, LogLine, Occupancy
from backends.demo.jvm import JVMS, MIB, RUNS_BEFORE_S, STEP_S, Jvm, Step, newest, started, step
from backends.questions import MAX_LOG_LINES, LogLines, LogLinesOf
from backends.source import Unavailable

ROOM: Final = 1536  # bytes for the lines of one step
EARLIER: Final = int(RUNS_BEFORE_S / STEP_S)  # steps before the first
DEVICE: Final = 0xFD01


def path_of(name: str) -> str:
    return f"/home/user/app/{name}/log/gc.agent.log"


def file_of(name: str) -> str:
    """As `HeapEvent.file` has it: device and inode."""
    return f"{DEVICE:x}:{0x2A0041 + list(JVMS).index(name):x}"


def event_of(name: str, one: Step, since: float) -> HeapEvent:
    """`since`: the time of day at which the demonstration began."""
    lines, completing = _lines(JVMS[name], one, since)
    place = lines[completing].place + len(lines[completing].text) + 1
    uptime = one.at - started(name, one.at)
    return HeapEvent(one.kind, since + one.at, round(uptime, 3), one.cause, one.heap, one.old, one.pause_s, file_of(name), place)


def log_lines(question: LogLinesOf, at: float, now: float) -> LogLines:
    """Raises Unavailable for an agent that the demonstration has not."""
    if (jvm := JVMS.get(question.name)) is None:
        raise Unavailable(f"the demonstration has no agent {question.name!r}")
    since, last = now - at, newest(jvm.name, at)
    number = last if question.place is None else max(-EARLIER, min(last, question.place // ROOM - EARLIER))
    lines, completing = _lines(jvm, step(jvm.name, number), since)
    middle = lines[completing]
    before, after = (max(0, min(wanted, MAX_LOG_LINES // 2)) for wanted in (question.before, question.after))
    earlier: list[LogLine] = lines[:completing]
    later: list[LogLine] = lines[completing + 1 :]
    for back in range(1, before + 1):
        if len(earlier) >= before or number - back < -EARLIER:
            break
        earlier = [*_lines(jvm, step(jvm.name, number - back), since)[0], *earlier]
    for following in range(number + 1, last + 1):
        if len(later) >= after:
            break
        later += _lines(jvm, step(jvm.name, following), since)[0]
    earlier = earlier[len(earlier) - min(before, len(earlier)) :]
    return LogLines(jvm.name, path_of(jvm.name), (*earlier, middle, *later[:after]), len(earlier))


def _lines(jvm: Jvm, one: Step, since: float) -> tuple[list[LogLine], int]:
    """And which of them completes the event."""
    uptime = one.at - started(jvm.name, one.at)
    texts, completing = _legacy(one, since + one.at, uptime) if jvm.style == "legacy" else _unified(jvm, one, since + one.at, uptime)
    place = (one.number + EARLIER) * ROOM
    lines: list[LogLine] = []
    for text in texts:
        lines.append(LogLine(place, text))
        place += len(text) + 1
    return lines, completing


def _stamp(at: float) -> str:
    return time.strftime(f"%Y-%m-%dT%H:%M:%S.{int(at * 1000) % 1000:03}%z", time.localtime(at))


def _legacy(one: Step, at: float, uptime: float) -> tuple[list[str], int]:
    """Of the parallel collector of JDK 8, with details, dates and uptimes."""
    if one.old is None or one.heap is None or one.pause_s is None:
        return ["OpenJDK 64-Bit Server VM (25.402-b06) for linux-amd64 JRE (1.8.0_402-b06), built on Jan 17 2024", _FLAGS], 0
    young = _kib(_young(one.heap, one.old))
    took = f"{one.pause_s:.7f} secs] [Times: user={one.pause_s * 3:.2f} sys=0.00, real={one.pause_s:.2f} secs]"
    head = f"{_stamp(at)}: {uptime:.3f}: "
    if one.kind == "full":
        pools = f"[PSYoungGen: {young}] [ParOldGen: {_kib(one.old)}] {_kib(one.heap)}, [Metaspace: 61204K->61204K(1105920K)], "
        return [f"{head}[Full GC ({one.cause}) {pools}{took}"], 0
    return [f"{head}[GC ({one.cause}) [PSYoungGen: {young}] {_kib(one.heap)}, {took}"], 0


_FLAGS = "CommandLine flags: -XX:MaxHeapSize=4294967296 -XX:+PrintGC -XX:+PrintGCDateStamps -XX:+PrintGCDetails -XX:+UseParallelGC"


def _young(heap: Occupancy, old: Occupancy) -> Occupancy:
    """What the heap holds besides the old generation."""
    parts = [
        None if whole is None or part is None else whole - part
        for whole, part in zip(
            (heap.before_kib, heap.after_kib, heap.capacity_kib), (old.before_kib, old.after_kib, old.capacity_kib), strict=True
        )
    ]
    return Occupancy(*parts)


def _kib(sizes: Occupancy) -> str:
    return f"{sizes.before_kib}K->{sizes.after_kib}K({sizes.capacity_kib}K)"


def _mib(sizes: Occupancy) -> str:
    return "{}M->{}M({}M)".format(*(size // MIB for size in (sizes.before_kib or 0, sizes.after_kib or 0, sizes.capacity_kib or 0)))


def _unified(jvm: Jvm, one: Step, at: float, uptime: float) -> tuple[list[str], int]:
    """`-Xlog:gc*`, or `-Xlog:gc` where the log has no more than the whole heap."""

    def line(tags: str, text: str, earlier: float = 0.0) -> str:
        return f"[{_stamp(at - earlier)}][{uptime - earlier:.3f}s][info][{tags:12}] {text}"

    if one.heap is None or one.pause_s is None:
        return [line("gc,init", "Version: 17.0.12+7 (release)"), line("gc", f"Using {jvm.collector}")], 1
    sequence = f"GC({int(uptime / STEP_S)})"
    way = "Mixed" if one.old is not None and (one.old.after_kib or 0) < (one.old.before_kib or 0) else "Normal"
    what = f"Pause Full ({one.cause})" if one.kind == "full" else f"Pause Young ({way}) ({one.cause})"
    ended = line("gc", f"{sequence} {what} {_mib(one.heap)} {one.pause_s * 1000:.3f}ms")
    if one.old is None:
        return [ended.replace("(Normal) ", "")], 0
    young = _young(one.heap, one.old)
    eden, survivors = (young.before_kib or 0) // MIB, (young.after_kib or 0) // MIB
    return [
        line("gc,start", f"{sequence} {what}", one.pause_s),
        line("gc,task", f"{sequence} Using 4 workers of 4 for {'full compaction' if one.kind == 'full' else 'evacuation'}", one.pause_s),
        line("gc,heap", f"{sequence} Eden regions: {eden}->0({eden})"),
        line("gc,heap", f"{sequence} Survivor regions: 0->{survivors}({survivors + 12})"),
        line("gc,heap", f"{sequence} Old regions: {(one.old.before_kib or 0) // MIB}->{(one.old.after_kib or 0) // MIB}"),
        line("gc,heap", f"{sequence} Humongous regions: 0->0"),
        line("gc,metaspace", f"{sequence} Metaspace: 61204K(61952K)->61204K(61952K)"),
        ended,
        line("gc,cpu", f"{sequence} User={one.pause_s * 3:.2f}s Sys=0.00s Real={one.pause_s:.2f}s"),
    ], 7
