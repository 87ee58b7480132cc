"""What is said to and heard from a broker over STOMP. Import it from client, or from here where asyncio is not wanted."""

from collections.abc import Callable, Mapping

from msgspec import Struct

Login = Callable[[], tuple[str, str | None]]  # user ("" for none) and password, read anew for each connection


class StompTrouble(Exception):
    """The broker cannot be asked over STOMP, or refused: plain words. `is_lost`: what was sent may have been done."""

    def __init__(self, text: str, *, is_lost: bool = False) -> None:
        super().__init__(text)
        self.is_lost = is_lost


class Frame(Struct, frozen=True):
    """A MESSAGE as it came; header names and values are unescaped."""

    headers: Mapping[str, str]
    body: bytes


class Out(Struct, frozen=True):
    """A SEND: headers as they are meant, unescaped. `content-length` is written when `is_bytes`, which makes a BytesMessage of it."""

    headers: Mapping[str, str]
    body: bytes
    is_bytes: bool = False
