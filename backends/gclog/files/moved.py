"""How far a file was read, and whether another file is a copy of it."""

import os
from contextlib import closing
from itertools import islice

from msgspec import Struct

from backends.gclog.files.family import UNREADABLE, Beside, Inode, hole_of, text_of


class Opened(Struct, frozen=True):
    """How far a file was read. Some 1.5 KiB."""

    descriptor: int
    inode: Inode
    offset: int = 0
    begin: int = 0  # of its text
    head: bytes = b""  # the first bytes there, at most FINGERPRINT
    anchor: bytes = b""  # the last bytes before the offset, at most ANCHOR
    copied: int | None = None  # nothing was read since it was truncated: the length of the copy of what it was


def holds(descriptor: int, file: Opened) -> bool:
    """It has all that was read of that one."""
    hole = min(file.begin, 1)  # the last byte of it
    if os.pread(descriptor, hole + len(file.head), file.begin - hole) != bytes(hole) + file.head:
        return False
    return os.pread(descriptor, len(file.anchor), file.offset - len(file.anchor)) == file.anchor


def is_copy(copy: Beside, file: Opened) -> bool:
    if copy.inode == file.inode or not begins_as(copy, file):
        return False
    if not copy.is_packed:
        return holds(copy.descriptor, file)
    try:
        with closing(text_of(copy, file.offset - len(file.anchor))) as text:
            return b"".join(islice(text, 2)).startswith(file.anchor)
    except UNREADABLE:
        return False


def begins_as(copy: Beside, file: Opened) -> bool:
    return are_one(copy.head, file.head)


def are_one(head: bytes, other: bytes) -> bool:
    """As far as both go (one may have been packed before its writer was done); of nothing only nothing is known."""
    common = min(len(head), len(other))
    return head[:common] == other[:common] and (common > 0 or len(head) == len(other))


def present_of(descriptor: int, size: int) -> tuple[int, bytes]:
    """Where the text of a file begins, and its first bytes."""
    begin = hole_of(descriptor)
    head = os.pread(descriptor, size, begin)
    return (begin if head else 0), head
