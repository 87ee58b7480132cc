"""How a place in the configuration, a bad value and a near word are spelt for an operator. Pure."""

import re
from typing import Final

Path = tuple[str | int, ...]

MAX_SHOWN: Final = 40  # characters of a bad value in a message

_SECRET_KEY: Final = re.compile(r"(password|passwd|passphrase|secret|token|credential)", re.IGNORECASE)


def spell(path: Path) -> str:
    """``kafka[0].limits[1].warn``; a key of an open part may have dots of its own: ``kafka[0].options.sasl.password``"""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w-]+(\.[\w-]+)*", part):
            text += f".{part}" if text else part
        else:
            text += f"[{short(part)}]"
    return text


def short(text: str) -> str:
    return repr(text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…")


def is_secret_key(key: str) -> bool:
    """A key whose value is never repeated in a message."""
    return bool(_SECRET_KEY.search(key))


def suggestion(word: str, known: list[str]) -> str:
    """``; did you mean 'limits'?``, or what there is."""
    near = nearest(word, known)
    return f"; did you mean {near[0]!r}?" if near else f"; known here: {', '.join(known)}"


def nearest(word: str, known: list[str]) -> list[str]:
    """One word, or none."""
    import difflib

    return difflib.get_close_matches(word[:MAX_SHOWN], known, n=1, cutoff=0.6)
