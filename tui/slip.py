"""A slip: blanks to fill in, one below the other, before something is asked for. A value that keys change; no Textual, no I/O.

Tab and the arrows walk, Enter goes on, Esc leaves without doing anything. What a slip needs is checked when one goes on; what is wrong is
said, and the cursor stands there.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from tui.editing import Text
from tui.format import clip, pad, visible, width
from tui.line import Line, Piece, fit_line, wrap

Outcome = Literal["go", "leave"]
MAX_LABEL = 16  # cells
MAX_OFFERED = 40  # completions that are looked at for the line that shows them


class Blank(NamedTuple):
    key: str
    label: str
    value: str = ""
    choices: tuple[tuple[str, str], ...] = ()  # value and word: one of these; else a text
    rows: int = 1  # of a text; more than one: it may have several lines
    hint: str = ""
    known: tuple[str, ...] = ()  # what Tab completes
    shown_with: tuple[str, tuple[str, ...]] | None = None  # only where another blank has one of these values


class Wrong(NamedTuple):
    """What is not right in which blank."""

    key: str
    sentence: str


Check = Callable[[Mapping[str, str]], Wrong | None]
GO, LEAVE = "\0go", "\0leave"  # the buttons, as places of the cursor


class Slip:
    def __init__(self, title: str, blanks: Sequence[Blank], check: Check, go: str = "Go on", about: str = "") -> None:
        self.title, self.blanks, self.go, self.about = title, tuple(blanks), go, about
        self._check = check
        self._texts = {blank.key: Text(blank.value, is_long=blank.rows > 1) for blank in blanks if not blank.choices}
        self._chosen = {blank.key: blank.value or blank.choices[0][0] for blank in blanks if blank.choices}
        self.at = self.blanks[0].key
        self.trouble = ""

    @property
    def values(self) -> dict[str, str]:
        """Of the blanks that are shown."""
        return {blank.key: self._value(blank.key) for blank in self.shown}

    def _value(self, key: str) -> str:
        return self._texts[key].value if key in self._texts else self._chosen[key]

    @property
    def shown(self) -> list[Blank]:
        return [blank for blank in self.blanks if blank.shown_with is None or self._value(blank.shown_with[0]) in blank.shown_with[1]]

    # -- keys ---------------------------------------------------------------------------------------------------------------------------

    def press(self, key: str, character: str | None) -> Outcome | None:
        if key == "escape":
            return "leave"
        if key == "tab" and self._complete():
            return None
        if key in ("tab", "shift+tab"):
            self._step(1 if key == "tab" else -1)
            return None
        if self.at in (GO, LEAVE):
            return self._on_button(key)
        self.trouble = ""
        if self.at in self._chosen:
            return self._on_choice(key, character)
        return self._on_text(key, character)

    def paste(self, text: str) -> None:
        if self.at in self._texts:
            self._texts[self.at].insert(text)
            self.trouble = ""

    def _on_button(self, key: str) -> Outcome | None:
        if key == "enter":
            return "leave" if self.at == LEAVE else self._going()
        if key in ("up", "left"):
            self._step(-1)
        elif key in ("down", "right"):
            self._step(1)
        return None

    def _on_choice(self, key: str, character: str | None) -> Outcome | None:
        if key == "enter":
            return self._going()
        if key in ("up", "down"):
            self._step(1 if key == "down" else -1)
        elif key in ("left", "right") or character == " ":
            values = [value for value, _ in self._blank(self.at).choices]
            self._chosen[self.at] = values[(values.index(self._chosen[self.at]) + (-1 if key == "left" else 1)) % len(values)]
        elif character:
            found = next((value for value, word in self._blank(self.at).choices if word.startswith(character.lower())), None)
            self._chosen[self.at] = found or self._chosen[self.at]
        return None

    def _on_text(self, key: str, character: str | None) -> Outcome | None:
        text = self._texts[self.at]
        if key in ("up", "down"):
            if not text.step_line(1 if key == "down" else -1):
                self._step(1 if key == "down" else -1)
        elif key == "enter" and not text.is_long:
            return self._going()
        else:
            text.press(key, character)
        return None

    def _step(self, step: int) -> None:
        places = [*(blank.key for blank in self.shown), GO, LEAVE]
        self.at = places[(places.index(self.at) + step) % len(places)]

    def _going(self) -> Outcome | None:
        wrong = self._check(self.values)
        if wrong is None:
            return "go"
        self.is_wrong(wrong)
        return None

    def is_wrong(self, wrong: Wrong) -> None:
        self.trouble = wrong.sentence
        if any(blank.key == wrong.key for blank in self.shown):
            self.at = wrong.key

    # -- completion ---------------------------------------------------------------------------------------------------------------------

    def _blank(self, key: str) -> Blank:
        return next(blank for blank in self.blanks if blank.key == key)

    def offered(self) -> list[str]:
        """What the text under the cursor may become."""
        if self.at not in self._texts:
            return []
        typed = self._texts[self.at].value
        return [name for name in self._blank(self.at).known if name.startswith(typed)]

    def _complete(self) -> bool:
        """As much as all that could be meant have in common; False where that is no more than was typed."""
        found = self.offered()
        if not found or not (typed := self._texts[self.at].value):
            return False
        common = found[0]
        for name in found[1:]:
            while not name.startswith(common):
                common = common[:-1]
        if common == typed:
            return False
        self._texts[self.at].set(common)
        return True

    # -- how it looks -------------------------------------------------------------------------------------------------------------------

    def body(self, cells: int) -> tuple[list[Line], tuple[int, int], int]:
        """The blanks; where the cursor of the text is, as cell and line, or (-1, -1); and the line on which one stands."""
        label = min(MAX_LABEL, max(width(blank.label) for blank in self.blanks))
        lines: list[Line] = []
        cursor, here = (-1, -1), 0
        for blank in self.shown:
            is_here = blank.key == self.at
            if is_here:
                here = len(lines)
            head = (
                Piece("› " if is_here else "  ", "mark"),
                Piece(pad(blank.label, label), "tab_active" if is_here else "label"),
                Piece("  "),
            )
            if blank.choices:
                lines.append((*head, *self._choices(blank)))
                continue
            room = cells - label - 4
            rows, x, y = self._texts[blank.key].window(room, blank.rows)
            if is_here:
                cursor = (label + 4 + x, len(lines) + y)
            blank_head = (Piece(" " * (label + 4)),)
            rows += [""] * (blank.rows - len(rows))
            for index, row in enumerate(rows):
                shown = clip(visible(row), room)
                text = (Piece(shown), Piece("_" * (room - width(shown)), "line"))
                lines.append((*(head if not index else blank_head), *text))
        return lines, cursor, here

    def _choices(self, blank: Blank) -> tuple[Piece, ...]:
        chosen = self._chosen[blank.key]
        pieces: list[Piece] = []
        for value, word in blank.choices:
            pieces += [Piece(f" {word} ", "choice_active" if value == chosen else "choice"), Piece(" ")]
        return tuple(pieces)

    def foot(self, cells: int) -> list[Line]:
        """What is wrong, or what may be typed here; and the buttons."""
        if self.trouble:
            said = [(Piece(part, "error"),) for part in wrap(visible(self.trouble), cells)[:3]]
        else:
            said = [(Piece(part, "hint"),) for part in wrap(self._said(), cells)[:2]]
        buttons = (
            Piece("  "),
            Piece(f" {self.go} ", "choice_active" if self.at == GO else "choice"),
            Piece("  "),
            Piece(" Cancel ", "choice_active" if self.at == LEAVE else "choice"),
            Piece("   Tab next, Enter goes on, Esc leaves", "hint"),
        )
        return [*said, *([()] if not said else []), fit_line(buttons, cells)]

    def _said(self) -> str:
        if self.at in (GO, LEAVE):
            return self.about
        blank = self._blank(self.at)
        if blank.known and (names := self.offered()):
            return "Tab: " + "  ".join(visible(name) for name in names[:MAX_OFFERED])
        return blank.hint or self.about
