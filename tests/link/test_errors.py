"""Each way in which nobody answers has its own sentence, for people, and its own word, for programs."""

import errno
import os
from pathlib import Path

import pytest

from link.errors import Trouble, unreachable, user_name

PATH = Path("/run/relay-console/monitor.sock")


@pytest.mark.parametrize(
    ("number", "trouble", "words"),
    [
        (errno.ENOENT, "absent", "not running: there is no socket"),
        (errno.ECONNREFUSED, "died", "it died: its socket"),
        (errno.EACCES, "denied", f"belongs to {user_name(0)}; you are {user_name(os.geteuid())}"),
        (errno.ENOTSOCK, "unusable", "is no socket of ours"),
        (errno.EAGAIN, "silent", "it hangs"),
        (errno.EPIPE, "closed", "closed the connection"),
        (errno.EMFILE, "unusable", "Too many open files"),
    ],
)
def test_trouble_has_a_name_and_a_sentence(number: int, trouble: Trouble, words: str) -> None:
    error = unreachable(PATH, OSError(number, os.strerror(number)))
    assert error.trouble == trouble
    assert words in str(error)
    assert str(PATH) in str(error)


def test_a_user_without_a_name_is_a_number() -> None:
    assert user_name(987_654_321) == "uid 987654321"
