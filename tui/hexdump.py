"""Bytes as `hexdump -C` writes them. Pure."""

from collections.abc import Iterator
from typing import Final

BESIDE: Final = 16  # bytes a line


def lines(data: bytes) -> Iterator[str]:
    """`00000010  7b 22 6f 72 64 65 72 22  3a 20 31 7d              |{"order": 1}|`."""
    for begin in range(0, len(data), BESIDE):
        part = data[begin : begin + BESIDE]
        left, right = part[:8].hex(" "), part[8:].hex(" ")
        seen = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        yield f"{begin:08x}  {left:<23}  {right:<23}  |{seen}|"
