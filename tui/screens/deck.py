"""The one screen: status, panes, the pane that is open, its detail, hints. It draws what the link's store says; keys change what is shown.

Nothing here waits: a draw is a function of the store and the time, and repaints what changed.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen

from monitor.severity import Problem
from monitor.store import Store
from tui.chart import Drawing
from tui.detailview import Spot
from tui.format import age
from tui.line import Piece, fit_line
from tui.listing import Listing
from tui.pane import Pane, panes
from tui.panes.overview import Blocks, Counts, count, counts_by_kind, notice, notices
from tui.screens.hints import Hints
from tui.screens.moves import Moves
from tui.statusline import Status, Tab
from tui.tableview import Surroundings
from tui.trail import Page, Trail
from tui.wallview import capacity
from tui.widgets.detail import Detail
from tui.widgets.lines import Lines
from tui.widgets.status import StatusRow, TabsRow
from tui.widgets.table import Table
from tui.widgets.wall import Wall

if TYPE_CHECKING:
    from tui.app import Console

LEAST_COLUMNS, LEAST_ROWS = 60, 15  # below that one line says so
WIDE, TALL = 100, 30  # from which list and detail are on the screen together
BESIDE = 160  # columns from which the detail stands beside the list, not below
WITH_DETAIL = ("beside", "below", "alone")
LEAST_LIST = 6  # lines of the list above a detail in which keys move: one has gone on from it
WHEEL = 3  # rows a turn of the mouse wheel moves
AGES_MOVE = 5.0  # seconds
PLACES: Mapping[str, tuple[str, ...]] = {"": (), "messages": ("messages", "message"), "message": ("message",)}  # of keys


def shelf(pane: Pane) -> list[Listing]:
    return [Listing(pane, tab) for tab in range(len(pane.groups(Store())))] if pane.is_tabbed else [Listing(pane)]


class Deck(Screen[None], inherit_bindings=False):
    def __init__(self, drawing: Drawing) -> None:
        super().__init__()
        self.drawing: Drawing = drawing  # of charts, on every page
        self.panes: dict[str, Pane] = {pane.name: pane for pane in panes()}
        self.shelves = {name: shelf(pane) for name, pane in self.panes.items()}  # of each pane the listings of its tabs, or its only one
        self.listings = {name: listings[0] for name, listings in self.shelves.items()}  # of each pane the one in front
        self.active = "overview"
        self.detail_wanted = True  # beside or below the list, where there is room
        self.detail_focused = False
        self.detail_alone = False  # without the list, also where there is room for both
        self.now = 0.0  # of what is shown: stands still while the screen is paused
        self.problems: list[Problem] = []
        self._fed: tuple[Listing | None, int] = (None, -1)  # what was fed last, and the version of the store that it holds
        self._judged = -1  # version of the store that `problems` holds
        self.moves = Moves(self)
        self.hints = Hints(self)
        self._blocks = Blocks(AGES_MOVE)
        self._divided: int | str = "1fr"  # height of the table
        self._drawn = (-1, 0.0)  # version of the store and time of what the pane shows
        self._shape = ""
        self.trail = Trail()
        self.status_row, self.tabs_row = StatusRow(id="status"), TabsRow(id="tabs")
        self.wall, self.table, self.detail = Wall(id="wall"), Table(id="table"), Detail(id="detail")
        self.bottom, self.small = Lines(id="bottom"), Lines(id="small")

    @property
    def console(self) -> "Console":
        return cast("Console", self.app)

    @property
    def pane(self) -> Pane:
        return self.panes[self.active]

    @property
    def listing(self) -> Listing:
        return self.listings[self.active]

    @property
    def on_wall(self) -> bool:
        return self.pane.kind is None

    def compose(self) -> ComposeResult:
        yield self.status_row
        yield self.tabs_row
        with Container(id="body"):
            yield self.wall
            yield self.table
            yield self.detail
        yield self.bottom
        yield self.small

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    def on_lines_resized(self) -> None:
        self.draw()

    # -- what is shown ------------------------------------------------------------------------------------------------------------------

    def reshape(self) -> None:
        """Which parts are on the screen, by its size and by what is open."""
        cells, rows = self.size
        if cells < LEAST_COLUMNS or rows < LEAST_ROWS:
            shape = "tiny"
        elif self.on_wall:
            shape = "wall"
        elif self.fits_both:
            shape = "alone" if self.detail_alone else "list" if not self.detail_wanted else "beside" if cells >= BESIDE else "below"
        else:
            shape = "alone" if self.detail_focused else "list"
        if shape != self._shape:
            self.set_classes(shape)
            self._shape = shape
            self.call_after_refresh(self.draw)

    @property
    def fits_both(self) -> bool:
        return self.size.width >= WIDE and self.size.height >= TALL

    def tick(self) -> None:
        """A second later. While nothing new is known, only the rows on top move; ages in the pane follow every AGES_MOVE seconds."""
        news = self.console.link.store.version != self._drawn[0]
        if news or self._shape == "tiny" or self.console.clock() - self._drawn[1] >= AGES_MOVE:
            self.draw()
        else:
            self._ask()
            self._draw_rows()

    def draw(self) -> None:
        """Everything from what is known now; only what changed is repainted."""
        if not self.is_mounted or not self.size:
            return
        self.reshape()
        if self._shape == "tiny":
            self._draw_tiny()
            return
        self._take_news()
        self._read_detail()
        self._drawn = (self.console.link.store.version, self.console.clock())
        self._draw_rows()
        if self._shape == "wall":
            self._draw_wall()
        else:
            self._draw_list()

    def _draw_tiny(self) -> None:
        cells, rows = self.size
        text = f"{cells}x{rows} is too small: enlarge to {LEAST_COLUMNS}x{LEAST_ROWS}, or press q to quit"
        self.small.show([fit_line((Piece(text, "warn"),), cells)])

    def _take_news(self) -> None:
        store = self.console.link.store
        if self.console.paused_since is None:
            self.now = self.console.clock()
            if self._judged != store.version:
                self.problems = store.problems()
                self._judged = store.version
        known = self._fed[1] if self.console.paused_since is not None and self._fed[0] is self.listing else store.version
        if (self.listing, known) != self._fed:
            self.listing.feed(store, self.now)
            self._fed = (self.listing, known)

    def stand(self, pane: str, trail: Trail, focused: bool) -> None:
        """In that pane, on the page on top of the trail or in the list beside it."""
        self.active, self.trail, self.detail_focused, self.detail_alone = pane, trail, focused, False

    def feed_again(self) -> None:
        """What the listing in front shows was changed behind its back."""
        self._fed = (None, -1)

    def _draw_rows(self) -> None:
        console, store = self.console, self.console.link.store
        crumbs = [self.pane.title]
        if self.detail_focused:
            crumbs += self.trail.titles
        status = Status(
            crumbs=tuple(crumbs),
            link=console.link.state,
            monitor=store.monitor,
            writable=console.writable,
            counts=count(self.problems),
            snapshots=tuple(store.snapshots.values()),
            now=console.clock(),
            paused_since=console.paused_since,
            hangul=console.hangul,
            calm=console.options.low_bandwidth,
        )
        self.status_row.draw(status)
        by_kind = counts_by_kind(store, self.problems)
        tabs = [Tab(p.key, p.name, p.title, by_kind.get(p.kind, Counts()) if p.kind else Counts()) for p in self.panes.values()]
        self.tabs_row.draw(tabs, self.active, f"every {console.options.tick:.0f}s")
        self.hints.draw()

    def _draw_wall(self) -> None:
        store = self.console.link.store
        cells, rows = self.wall.size
        if self.console.paused_since is None or not self.wall.text():
            self._shown_blocks = self._blocks.of(store, self.problems, self.now, capacity(cells, rows))
            self._shown_events = tuple(store.events)[-rows:]
        self.wall.draw(self._shown_blocks, self._shown_events)

    def _draw_list(self) -> None:
        store = self.console.link.store
        if self._shape != "alone":
            listing = self.listing
            snapshots = store.of_kind(self.pane.kind) if self.pane.kind else []
            seen = [snapshot.observed_at for snapshot in snapshots if snapshot.observed_at is not None and snapshot.state == "ok"]
            read = f"{age(self.now - min(seen))} old" if seen and self.now - min(seen) > 60 else ""
            around = Surroundings(
                notices=(
                    *notices([snapshot for snapshot in snapshots if snapshot.data is not None or listing.items], self.now),
                    *self.pane.notices(store, listing.tab or 0),
                ),
                empty=self.pane.empty(store, listing.tab or 0),
                focused=self._shape in ("beside", "below") and not self.detail_focused,
                tells=self._shape == "list",
                now=self.now,
                read_ago=read,
            )
            self._divide(listing, len(around.notices))
            self.table.draw(listing, around)
        if self._shape in WITH_DETAIL:
            has_keys = self.detail_focused and bool(self.trail.shown)
            ill = notice(self.trail.entry.snapshot, self.now) if self._shape == "alone" and self.trail.entry is not None else None
            down = "" if ill is None else ill.text
            self.detail.draw(self.trail, has_keys=has_keys, focused=has_keys and self._shape != "alone", down=down, drawing=self.drawing)

    def _divide(self, listing: Listing, notices: int) -> None:
        """A short list above its detail takes no more lines than it has."""
        if self._shape != "below":
            wanted: int | str = "1fr"
        else:
            body = self.size.height - 3
            most = LEAST_LIST + notices if self.detail_focused else body * 3 // 5
            wanted = min(most, max(body // 4, len(listing.items) + 3 + notices + (listing.tab is not None)))
        if wanted != self._divided:
            self._divided = wanted
            self.table.styles.height = wanted
            self.call_after_refresh(self.draw)

    def _read_detail(self) -> None:
        """The page on top of the trail, as far as it is known."""
        if self._shape in WITH_DETAIL:
            self.trail.stand_on(self.listing.current, held=self.detail_focused)
            self._ask()
            self.trail.read(self.pane, self.now)

    def _ask(self) -> None:
        """What the page on the screen would like to know; nothing is asked while the screen is paused."""
        trail, console = self.trail, self.console
        trail.is_paused, trail.is_waiting = console.paused_since is not None, False
        if trail.entry is not None and not trail.is_paused and self._shape in WITH_DETAIL:
            question = trail.question(self.pane)
            console.asker.look(trail.page, trail.entry.snapshot.source, question, trail.seen(), at_once=self.detail_focused)
            trail.is_waiting = question is not None and trail.page.found is None and not trail.page.trouble

    def is_told(self, page: Page) -> None:
        """An answer came; of a page that was left it is nobody's."""
        if page is self.trail.page:
            self.draw()
            if page.wants_in and self.detail_focused:
                page.wants_in = False
                self.moves.do_open()
        else:
            self._ask()

    # -- keys ---------------------------------------------------------------------------------------------------------------------------

    def say(self, text: str, role: str = "message", *, lasts: bool = False) -> None:
        """One line for the operator, for a few seconds, or until the next key is pressed."""
        self.hints.say(text, role, lasts=lasts)

    def where(self) -> Sequence[str]:
        """What the keys mean now, most particular first."""
        if self.on_wall:
            return ("move", "anywhere")
        if not self.detail_focused:
            return (self.active, *(["tabs"] if self.pane.is_tabbed else []), "list", "rows", "move", "anywhere")
        return (*PLACES[self.trail.page.place], self.active, "detail", "rows", "move", "anywhere")

    @property
    def spot(self) -> Spot | None:
        """The row of the page under the cursor, while keys move there."""
        return self.trail.page.current(self.detail.sheet) if self.detail_focused else None

    # -- mouse --------------------------------------------------------------------------------------------------------------------------

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.moves.move(WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.moves.move(-WHEEL)
