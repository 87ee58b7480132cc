"""Keys typed while the Korean input method is on, as the letters of the same keys on a two-set keyboard. Pure.

A terminal sends what the input method has composed: `q` arrives as one jamo, `g` and then `k` as one syllable.
"""

import unicodedata

_INITIALS = ("r", "R", "s", "e", "E", "f", "a", "q", "Q", "t", "T", "d", "w", "W", "c", "z", "x", "v", "g")
_VOWELS = ("k", "o", "i", "O", "j", "p", "u", "P", "h", "hk", "ho", "hl", "y", "n", "nj", "np", "nl", "b", "m", "ml", "l")
_FINAL_KEYS = " r R rt s sw sg e f fr fa fq ft fx fv fg a q qt t T d w c z x v g"
_FINALS = _FINAL_KEYS.split(" ")

# The compatibility jamo from U+3131 on: what a single key gives.
_JAMO_KEYS = "r R rt s sw sg e E f fr fa fq ft fx fv fg a q Q qt t T d w W c z x v g k o i O j p u P h hk ho hl y n nj np nl b m ml l"
_JAMO = _JAMO_KEYS.split(" ")

_FIRST_SYLLABLE, _SYLLABLES = 0xAC00, 11172
_FIRST_JAMO = 0x3131


def to_qwerty(text: str) -> str:
    """The keys behind the text; whatever is no Hangul stays as it is."""
    return "".join(_keys(char) for char in unicodedata.normalize("NFC", text))


def _keys(char: str) -> str:
    syllable = ord(char) - _FIRST_SYLLABLE
    if 0 <= syllable < _SYLLABLES:
        initial, rest = divmod(syllable, len(_VOWELS) * len(_FINALS))
        vowel, final = divmod(rest, len(_FINALS))
        return _INITIALS[initial] + _VOWELS[vowel] + _FINALS[final]
    jamo = ord(char) - _FIRST_JAMO
    return _JAMO[jamo] if 0 <= jamo < len(_JAMO) else char
