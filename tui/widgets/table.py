"""The table: draws by lines (Textual's line API) and repaints only the spans that changed. What the lines say is `tui.tableview`.

Textual's DataTable repaints all of itself (20 KB) for one changed cell and needs seconds to lay out 10,000 rows; this one makes only the
cells that are on the screen.
"""

from tui.listing import Listing
from tui.tableview import Surroundings, table_lines
from tui.widgets.lines import Lines


class Table(Lines):
    def draw(self, listing: Listing, about: Surroundings) -> int:
        """Shows the listing; returns how many lines were repainted."""
        cells, rows = self.size
        return self.show(table_lines(listing, about, cells, rows)) if cells and rows else 0
