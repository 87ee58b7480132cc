"""Rename that never overwrites: renameat2(2) with RENAME_NOREPLACE, which no crash can leave half done (link and unlink could)."""

import ctypes
import errno
import os
from pathlib import Path
from typing import Any, Final

_AT_FDCWD: Final = -100
_NOREPLACE: Final = 1
_UNSUPPORTED: Final = (errno.ENOSYS, errno.EINVAL)  # an old kernel, or a file system without the flag


def rename_new(source: str | Path, target: str | Path) -> None:
    """Raises FileExistsError when the target is there, and other OSErrors as rename does."""
    call = _renameat2()
    if call is not None:
        if call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _NOREPLACE) == 0:
            return
        number = ctypes.get_errno()
        if number not in _UNSUPPORTED:
            raise OSError(number, os.strerror(number), str(source), None, str(target))
    if os.path.lexists(target):  # our own names below our own lock: nobody else makes them
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(source), None, str(target))
    os.rename(source, target)  # noqa: PTH104, names come here by the thousand, and as text


_found: list[Any] = []


def _renameat2() -> Any:
    if not _found:
        _found.append(getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None))
    return _found[0]
