"""Copying to the clipboard of the terminal, wherever that is: over SSH the terminal alone can reach it, and is told by OSC 52.

tmux drops what a program says to the terminal unless it is configured otherwise (measured, tmux 3.3a: both OSC 52 and its passthrough), but
takes text from `tmux load-buffer -w` and tells the terminal itself. So in tmux that comes first, and the passthrough where it fails.
"""

import asyncio
import base64
import contextlib
from typing import Final

MAX_BASE64: Final = 74_994  # what the strictest terminals and tmux take in one sequence
MAX_BYTES: Final = MAX_BASE64 // 4 * 3
TMUX_TIMEOUT: Final = 2.0  # seconds; a local socket answers in milliseconds


def osc52(text: str, *, in_tmux: bool) -> str:
    """The sequence for the terminal; in tmux wrapped, so that tmux hands it on."""
    sequence = f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\" if in_tmux else sequence


async def into_tmux(text: str) -> bool:
    """Into tmux's newest buffer and, through it, to the terminal. False where that cannot be: no tmux on the path, too old, gone."""
    try:
        process = await asyncio.create_subprocess_exec(
            "tmux",
            *("load-buffer", "-w", "-"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(TMUX_TIMEOUT):
            await process.communicate(text.encode())
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return process.returncode == 0
