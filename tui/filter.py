"""What an operator types after `/`: a regular expression, `!` for what does not match, `~` for letters in that order. Pure."""

import re
import unicodedata
from collections.abc import Callable

MAX_WORDS = 400  # characters of a row that a filter looks at: a reason may quote a long record

Predicate = Callable[[str], bool]


def parse_filter(text: str) -> Predicate | None:
    """None for an empty filter. Raises ValueError with a sentence for the operator when the expression is not one."""
    text = unicodedata.normalize("NFC", text)
    if text in ("", "!", "~"):
        return None
    if text[0] == "~":
        expression = ".*?".join(re.escape(letter) for letter in text[1:])
        return _matcher(expression, False)
    if text[0] == "!":
        return _matcher(text[1:], True)
    return _matcher(text, False)


def _matcher(expression: str, inverse: bool) -> Predicate:
    try:
        search = re.compile(expression, re.IGNORECASE).search
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None

    def matches(words: str) -> bool:
        words = words[:MAX_WORDS]
        if not words.isascii():
            words = unicodedata.normalize("NFC", words)
        return (search(words) is None) is inverse

    return matches
