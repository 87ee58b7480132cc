"""A young collection that turned into a full one, which is told inside of it. Pure.

Serial and CMS of JDK 11 write both (Serial of 17 no more), the full one first, and the young one with the full one's pause within its own
and what the full one left:

    GC(9) Pause Full (Allocation Failure) 56M->22M(61M) 12.490ms
    GC(8) Pause Young (Allocation Failure) 56M->22M(61M) 12.544ms

Both are collections of the log, and counted. Time and memory went once.
"""

from typing import Final

from backends.gclog.events import Collected

AT_ONCE_S: Final = 0.002  # both lines are written in the same millisecond, or about


def is_shell(inner: Collected | None, outer: Collected) -> bool:
    """Whether `outer` tells of `inner`, the collection before it, once more. False where the log has no times: nothing is measured then."""
    if inner is None or inner.kind != "full" or outer.kind != "young":
        return False
    if inner.at is None or outer.at is None or not 0 <= outer.at - inner.at <= AT_ONCE_S:
        return False
    if inner.pause_s is None or outer.pause_s is None or outer.pause_s < inner.pause_s:
        return False
    return inner.heap is not None and outer.heap is not None and inner.heap.after_kib == outer.heap.after_kib
