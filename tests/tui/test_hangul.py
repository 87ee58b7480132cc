"""Keys of a Korean keyboard."""

import pytest

from tui.hangul import to_qwerty


@pytest.mark.parametrize(
    ("typed", "keys"),
    [("ㅂ", "q"), ("하", "gk"), ("ㅓㅓㅏ", "jjk"), ("밤", "qka"), ("ㅃ", "Q"), ("없", "djqt"), ("q?5", "q?5"), ("뷁", "qnpfr")],
)
def test_a_jamo_is_the_key_it_stands_on(typed: str, keys: str) -> None:
    assert to_qwerty(typed) == keys


def test_every_syllable_has_keys() -> None:
    assert all(to_qwerty(chr(code)).isascii() for code in range(0xAC00, 0xAC00 + 11172))
