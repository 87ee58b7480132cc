"""The pages one has gone into: the detail of a row, and what its rows open into. A value that keys and answers change; no Textual, no I/O.

The first page is the detail of the row under the list's cursor; the others were opened by Enter and are left by Esc. A page keeps its
cursor by the name of its row, its answer until a newer one is there, and an answer that comes after its page was left finds nobody.
"""

from collections.abc import Sequence

from backends.questions import Found, Question
from tui.detailview import Look, Sheet, Spot
from tui.format import clock
from tui.pane import Cell, Entry, Opening, Pane, Row, Section, Where

GONE = "its row is no more in the list: this is what was known of it"
ONCE = "once"  # what an answer stands for that no snapshot makes old


class Page:
    """One page. `seen` is the moment of the snapshot for which it was last asked, or ONCE."""

    def __init__(self, opening: Opening | None = None, opened_by: tuple[int, str] | None = None) -> None:
        self.opening = opening  # None: the detail itself
        self.opened_by = opened_by  # the row of the page before
        self.cursor: tuple[int, str] | None = None
        self.top = 0
        self.is_seen = False  # the cursor's row is on the screen, and stays there
        self.form: str | None = None
        self.marks: set[str] = set()  # ids of rows
        self._anchor: str | None = None  # where a range of marks began
        self.asked: Question | None = None
        self.seen: float | str | None = None
        self.is_asking = False
        self.found: Found | None = None
        self.found_at: float | None = None
        self.trouble = ""
        self.wants_in = False  # Enter was pressed before its answer was there: a quick hand is not to wait for it

    @property
    def place(self) -> Where:
        return "" if self.opening is None else self.opening.place

    @property
    def head(self) -> int:
        """Lines on top that stay while rows are scrolled below them: the titles of columns, and of messages how many of how many."""
        return 2 if self.opening is not None and (self.opening.is_titled or self.place == "messages") else 1

    def needs(self, question: Question | None, seen: float | str | None) -> bool:
        """Whether it is time to ask: never before, something else, or of an older snapshot."""
        return question is not None and not self.is_asking and (self.asked != question or self.seen != seen)

    def ask_again(self) -> None:
        self.asked = None

    def is_told(self, found: Found | str, now: float) -> None:
        """The answer, or why there is none; then the old one stays."""
        self.is_asking = False
        if isinstance(found, str):
            self.trouble = found
        else:
            self.found, self.found_at, self.trouble = found, now, ""

    def look(self, *, focused: bool, gone: bool = False, paused: bool = False, down: str = "") -> Look:
        """`down`: what ails the source, where no list beside the page says it."""
        if paused and self.opening is not None and self.opening.question is not None and self.found is None and not self.is_asking:
            notice = Cell("paused: p goes on and asks", "warn")
        elif self.is_asking and (self.found is None or self.trouble or self.seen == ONCE):
            notice = Cell("asking…", "accent")
        elif self.opening is not None and not self.opening.is_live and self.found_at is not None:
            notice = Cell(f"read {clock(self.found_at)}", "dim")
        else:
            notice = Cell("")
        trouble = "" if self.is_asking and self.seen == ONCE else self.trouble
        return Look(focused, self.form, notice, GONE if gone else trouble or down, frozenset(self.marks))

    # -- marks --------------------------------------------------------------------------------------------------------------------------

    def mark(self, sheet: Sheet, rows: int) -> None:
        """Marks or unmarks the row under the cursor and goes to the next one."""
        if (spot := self.current(sheet)) is not None and spot.row.id:
            self.marks ^= {spot.row.id}
            self.move(sheet, 1, rows)

    def mark_range(self, sheet: Sheet) -> str:
        """The first call sets one end at the cursor, the second marks everything between; says what happened."""
        ids = [spot.row.id for spot in sheet.spots if spot.row.id]
        here = spot.row.id if (spot := self.current(sheet)) is not None else ""
        if here not in ids:
            return "no row to mark"
        if self._anchor not in ids:
            self._anchor = here
            return "range begins here; v again at its other end"
        ends = sorted(ids.index(each) for each in (self._anchor, here))
        self._anchor = None
        self.marks |= set(ids[ends[0] : ends[1] + 1])
        return f"{len(self.marks)} marked"

    def mark_invert(self, sheet: Sheet) -> None:
        self.marks ^= {spot.row.id for spot in sheet.spots if spot.row.id}

    # -- moving on its sheet ------------------------------------------------------------------------------------------------------------

    def current(self, sheet: Sheet) -> Spot | None:
        """The row of the cursor; the first one where it has gone or was never set."""
        found = next((spot for spot in sheet.spots if spot.name == self.cursor), None)
        return found or (sheet.spots[0] if sheet.spots else None)

    def arrive(self, sheet: Sheet, rows: int) -> None:
        """The cursor on the first row, the first time that there is one, or on `here` in the middle of the screen; it stays on the screen
        when lines come above it. Rows that lead nowhere, or aside, are not gone to by themselves: what is above is what one came for."""
        if self.cursor is None and sheet.here is not None:
            self.cursor, self.is_seen = sheet.here.name, True
            self.top = sheet.here.line - rows // 2
        if self.cursor is None and sheet.spots:
            self.cursor = sheet.spots[0].name
            opens = sheet.spots[0].row.opens
            self.is_seen = opens is not None and not opens.is_aside
        if self.is_seen:
            self.show(sheet, rows)

    def settle(self, sheet: Sheet, rows: int) -> None:
        """No room left below the last line."""
        self.top = max(0, min(self.top, len(sheet.lines) - rows))

    def show(self, sheet: Sheet, rows: int) -> None:
        """The cursor's row on the screen, between a first line for the titles of its columns and a last one for what is to be told."""
        if (spot := self.current(sheet)) is not None and not self.top + self.head <= spot.line < self.top + rows - 1:
            self.top = spot.line - rows + 2 if spot.line >= self.top + rows - 1 else spot.line - self.head
        self.settle(sheet, rows)

    def _notice(self, sheet: Sheet, rows: int) -> None:
        """After a move: whether the cursor is on the screen."""
        self.settle(sheet, rows)
        self.is_seen = self.top + self.head <= self._line(sheet) < self.top + rows

    def move(self, sheet: Sheet, by: int, rows: int) -> None:
        """That many rows; where the next row is not on the screen, text is scrolled by as many lines first."""
        spot = self.current(sheet)
        if abs(by) == 1:
            self._step(sheet, spot, by, rows)
        else:
            self.top += by
            self.settle(sheet, rows)
            if spot is not None:
                self.cursor = min(sheet.spots, key=lambda each: abs(each.line - spot.line - by)).name
                first = self.top + self.head
                if not first <= self._line(sheet) < self.top + rows:
                    on_screen = [each for each in sheet.spots if first <= each.line < self.top + rows - 1]
                    self.cursor = on_screen[0 if by > 0 else -1].name if on_screen else self.cursor
        self._notice(sheet, rows)

    def _line(self, sheet: Sheet) -> int:
        spot = self.current(sheet)
        return -1 if spot is None else spot.line

    def _step(self, sheet: Sheet, spot: Spot | None, by: int, rows: int) -> None:
        if spot is not None and self.top <= spot.line < self.top + rows:
            place = sheet.spots.index(spot) + by
            if 0 <= place < len(sheet.spots):
                following = sheet.spots[place]
                if self.top <= following.line <= self.top + rows - 1:
                    self.cursor = following.name
                    if not self.top + self.head <= following.line < self.top + rows - 1:
                        self.top += by
                    return
        self.top += by

    def first(self, sheet: Sheet) -> None:
        self.top = 0
        self.cursor = sheet.spots[0].name if sheet.spots else None
        self.is_seen = False

    def last(self, sheet: Sheet, rows: int) -> None:
        self.top = len(sheet.lines)
        self.cursor = sheet.spots[-1].name if sheet.spots else None
        self._notice(sheet, rows)


class Trail:
    def __init__(self) -> None:
        self.entry: Entry | None = None
        self.is_paused = False  # with the screen: nothing is asked
        self.is_waiting = False  # for the first answer of the page on top
        self.is_gone = False  # its row is no more in the list; what was known of it is shown
        self.pages: list[Page] = [Page()]
        self.shown: list[Section] = []  # of the page on top
        self.titles: list[str] = []  # of all pages, as the trail above shows them

    @property
    def page(self) -> Page:
        return self.pages[-1]

    @property
    def is_deep(self) -> bool:
        return len(self.pages) > 1

    def stand_on(self, entry: Entry | None, held: bool) -> None:
        """The row in the list. While the detail is `held` (it has the focus) another row does not take its place."""
        if held and self.entry is not None and (entry is None or entry.key != self.entry.key):
            self.is_gone = True
            return
        if entry is None or self.entry is None or entry.key != self.entry.key:
            self.pages = [Page()]
        self.entry, self.is_gone = entry, False

    def read(self, pane: Pane, now: float) -> None:
        """Makes the page on top; what rows of the pages below open into now takes the place of what they did when it was opened."""
        if self.entry is None:
            self.shown, self.titles = [], []
            return
        sections = pane.detail_of(self.entry, now, self.pages[0].found)
        self.titles = [section.title for section in sections[:1]]
        for page in self.pages[1:]:
            page.opening = opening = _opening(sections, page)
            sections = opening.page(page.found, now) or [Section(opening.title)]
            self.titles.append(opening.title)
        self.shown = sections

    def question(self, pane: Pane) -> Question | None:
        if self.entry is None:
            return None
        return pane.inquiry(self.entry) if self.page.opening is None else self.page.opening.question

    def seen(self) -> float | str | None:
        """The moment that an answer of now would stand for."""
        if self.page.opening is not None and not self.page.opening.is_live:
            return ONCE
        return None if self.entry is None else self.entry.snapshot.observed_at

    def open(self, spot: Spot) -> bool:
        """Into the row; False when it opens into nothing."""
        if spot.row.opens is None:
            return False
        self.page.cursor = spot.name
        self.pages.append(Page(spot.row.opens, spot.name))
        return True

    def put(self, opening: Opening, above: int) -> None:
        """A page that no row leads to, on the first `above` ones; none at all where it is the last of those."""
        del self.pages[above:]
        if opening.question is None or opening.question != (self.page.opening.question if self.page.opening is not None else None):
            self.pages.append(Page(opening))

    def back(self) -> bool:
        """One page back, to the row one came from; False on the first."""
        if not self.is_deep:
            return False
        self.pages.pop()
        return True


def _opening(sections: Sequence[Section], page: Page) -> Opening:
    """Of the same row as it is now, if it still asks the same; else as it was."""
    assert page.opening is not None  # only the first page has none
    rows: tuple[Row, ...] = ()
    if page.opened_by is not None and page.opened_by[0] < len(sections):
        rows = sections[page.opened_by[0]].rows
    fresh = next((row.opens for row in rows if row.key == page.opened_by[1]), None) if page.opened_by else None
    return fresh if fresh is not None and fresh.question == page.opening.question else page.opening
