"""What is no YAML stops at its place, in words that never repeat the file."""

import pytest

from settings.mistake import Place
from settings.tree import MAX_BYTES, NotYaml, read_tree


@pytest.mark.parametrize(
    ("raw", "line", "column", "said"),
    [
        (b"a:\n\tb: 1", 2, 1, "a tab; indent with spaces"),
        (b"a: [1,", 2, 1, "not YAML"),
        (b"a: *x", 1, 4, "an alias (*name) without its anchor"),
        (b"a: 1\n---\nb: 2\n", 2, 1, "a second document"),
        (b"a: \x01", 1, 4, "control character U+0001"),
        (b"a: b\n\xed\x95\x9c\xea\xb8\x80: \xff", 2, 5, "byte 0xff is not UTF-8"),
        (b"a: b: c", 1, 5, "mapping values are not allowed"),
        (b"a: 1\n  b: 2", 2, 4, "mapping values are not allowed"),
        (b"a: @x", 1, 4, "cannot start any token"),
        (b"[" * 3000, 1, 41, "deeper than 40 levels"),
        (b"- " * 3000 + b"x", 1, 81, "deeper than 40 levels"),
        (b"x" * (MAX_BYTES + 1), 1, 1, "at most"),
    ],
)
def test_what_is_no_yaml_is_named_at_its_place(raw: bytes, line: int, column: int, said: str) -> None:
    with pytest.raises(NotYaml) as caught:
        read_tree(raw)
    assert caught.value.mistake.place == Place(line, column)
    assert said in caught.value.mistake.text


@pytest.mark.parametrize(
    "raw", [b"pw: 'hunter2", b"pw: *hunter2", b"pw: {hunter2", b"pw: \thunter2: x: y", b"pw: hunter2: %", b"pw: !!hunter2%z x"]
)
def test_a_secret_beside_the_mistake_is_not_repeated(raw: bytes) -> None:
    with pytest.raises(NotYaml) as caught:
        read_tree(raw)
    assert "hunter2" not in caught.value.mistake.text


def test_a_file_of_comments_has_no_root() -> None:
    assert read_tree(b"# nothing\n") is None
    assert read_tree(b"") is None
