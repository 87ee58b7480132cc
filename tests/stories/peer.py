"""A partner at the other end of a wire: one plain TCP connection to a receiver."""

import itertools
import os
import socket
import time

from tests.lab import record

PATIENCE = 10.0  # seconds for an answer; a commit takes milliseconds
_numbers = itertools.count(os.getpid() % 10_000 * 10_000)


class Peer:
    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._answers = self._connection.makefile("rb")
        self.sent: list[str] = []  # lines that were answered 200

    def send(self, payload: str = "hello") -> str:
        """One good record; the code of its answer, "" when the connection has ended."""
        number = f"{next(_numbers):09d}"
        line = record.request(number, 1, payload)
        code = self.say(line, number)
        if code == "200":
            self.sent.append(line.decode().removesuffix("\n"))
        return code

    def say(self, line: bytes, number: str = "") -> str:
        """Any line; the code of its answer."""
        self._connection.sendall(line)
        answer = self._answers.readline()
        if not answer:
            return ""
        process_no, code = record.read_answer(answer)
        assert process_no == number
        return code

    def wait_until_closed(self) -> None:
        ends_at = time.monotonic() + PATIENCE
        while self._answers.readline():
            assert time.monotonic() < ends_at

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self._answers.close()
        self._connection.close()
