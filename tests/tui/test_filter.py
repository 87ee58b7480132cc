"""What may be typed after the slash."""

import pytest

from tui.filter import parse_filter


@pytest.mark.parametrize(
    ("text", "words", "fits"),
    [
        ("dlq", "orders.DLQ", True),
        ("^orders.*dlq$", "orders.in.dlq", True),
        ("!dlq", "orders.dlq", False),
        ("!dlq", "orders.in", True),
        ("~odq", "orders.dlq", True),
        ("~qdo", "orders.dlq", False),
        ("~a.b", "axxb", False),
        ("한", "\u1112\u1161\u11ab글", True),
    ],
)
def test_a_filter_fits(text: str, words: str, fits: bool) -> None:
    matches = parse_filter(text)
    assert matches is not None
    assert matches(words) is fits


@pytest.mark.parametrize("text", ["", "!", "~"])
def test_an_empty_filter_is_none(text: str) -> None:
    assert parse_filter(text) is None


def test_a_broken_expression_is_told_in_words() -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        parse_filter("(")
