"""A text that is being typed, with a cursor in it. Pure: keys in, text out.

Whatever is typed is taken as it is, Hangul too; it is composed, so that one Backspace takes one syllable.
"""

import unicodedata

from tui.format import width

MAX_TEXT = 1 << 20  # characters: more than this nobody pastes on purpose


class Text:
    def __init__(self, value: str = "", *, is_long: bool = False) -> None:
        self.is_long = is_long  # it may have several lines
        self.value = value
        self.cursor = len(value)  # characters before it

    def insert(self, text: str) -> None:
        """Controls are left out; where there is one line only, others are joined by spaces."""
        text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
        if not self.is_long:
            text = " ".join(text.strip("\n").split("\n"))
        text = "".join(char for char in text if char.isprintable() or char in "\n\t")[: MAX_TEXT - len(self.value)]
        self.value = self.value[: self.cursor] + text + self.value[self.cursor :]
        self.cursor += len(text)

    def press(self, key: str, character: str | None) -> bool:
        """Whether it was for the text."""
        if character is not None:
            self.insert(character)
        elif key == "enter" and self.is_long:
            self.insert("\n")
        elif key in EDITS:
            EDITS[key](self)
        else:
            return False
        return True

    def set(self, value: str) -> None:
        self.value, self.cursor = value, len(value)

    def step_line(self, step: int) -> bool:
        """To the line above or below; False where there is none."""
        rows = self.value.split("\n")
        row, column = self.place
        if not self.is_long or not 0 <= row + step < len(rows):
            return False
        self.cursor = sum(len(each) + 1 for each in rows[: row + step]) + min(column, len(rows[row + step]))
        return True

    @property
    def place(self) -> tuple[int, int]:
        """Line and character of the cursor."""
        before = self.value[: self.cursor]
        return before.count("\n"), len(before) - before.rfind("\n") - 1

    def window(self, cells: int, rows: int) -> tuple[list[str], int, int]:
        """The lines that are on the screen, and where the cursor is among them: cells from the left, and line."""
        row, column = self.place
        lines = self.value.split("\n")
        top = max(0, min(row - rows + 1, len(lines) - rows)) if row >= rows else 0
        left = _left(lines[row], column, cells)
        shown = [line[left if number == row else 0 :] for number, line in enumerate(lines[top : top + rows], top)]
        return shown, width(lines[row][left:column]), row - top

    # -- what keys do -------------------------------------------------------------------------------------------------------------------

    def _move(self, to: int) -> None:
        self.cursor = min(max(0, to), len(self.value))

    def left(self) -> None:
        self._move(self.cursor - 1)

    def right(self) -> None:
        self._move(self.cursor + 1)

    def home(self) -> None:
        self._move(self.value.rfind("\n", 0, self.cursor) + 1)

    def end(self) -> None:
        found = self.value.find("\n", self.cursor)
        self._move(len(self.value) if found < 0 else found)

    def _cut(self, begin: int, end: int) -> None:
        self.value = self.value[:begin] + self.value[end:]
        self.cursor = begin

    def delete_left(self) -> None:
        self._cut(max(0, self.cursor - 1), self.cursor)

    def delete_right(self) -> None:
        self._cut(self.cursor, self.cursor + 1)

    def delete_word(self) -> None:
        begin = self.value[: self.cursor].rstrip().rfind(" ") + 1
        self._cut(max(begin, self.value.rfind("\n", 0, self.cursor) + 1), self.cursor)

    def delete_to_start(self) -> None:
        self._cut(self.value.rfind("\n", 0, self.cursor) + 1, self.cursor)

    def delete_to_end(self) -> None:
        found = self.value.find("\n", self.cursor)
        self._cut(self.cursor, len(self.value) if found < 0 else found)


def _left(line: str, column: int, cells: int) -> int:
    """The first character that is shown, so that the cursor is, too."""
    left = 0
    while width(line[left:column]) >= cells and left < column:
        left += 1
    return left


EDITS = {
    "left": Text.left,
    "right": Text.right,
    "home": Text.home,
    "end": Text.end,
    "ctrl+a": Text.home,
    "ctrl+e": Text.end,
    "backspace": Text.delete_left,
    "delete": Text.delete_right,
    "ctrl+d": Text.delete_right,
    "ctrl+w": Text.delete_word,
    "ctrl+u": Text.delete_to_start,
    "ctrl+k": Text.delete_to_end,
}
