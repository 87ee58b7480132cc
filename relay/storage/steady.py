"""The time by which process numbers are forgotten: epoch seconds at our start, and from there a clock that nobody sets.

A wall clock that jumps a day ahead and comes back would otherwise empty the memory, and records that are sent again would be stored twice.
"""

import time
from typing import Final

_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the first also counts a machine's sleep
_OFFSET: Final = time.time() - time.clock_gettime(_CLOCK)


def steady() -> float:
    return _OFFSET + time.clock_gettime(_CLOCK)
