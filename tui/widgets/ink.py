"""From roles to colours: how a theme makes strips for Textual out of lines."""

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.theme import Theme

from tui.format import to_ascii
from tui.line import Line, line_width
from tui.theme import Palette

GROUNDS = ("cursor", "status")  # "cursor:crit" is the role crit on the ground of the row under the cursor


class Ink:
    """A theme made ready to draw with. `ascii_only` is for terminals that draw box characters two cells wide, or not at all."""

    def __init__(self, palette: Palette, *, ascii_only: bool) -> None:
        self.palette = palette
        self.ascii_only = ascii_only
        ground = "" if palette.background == "default" else f"{palette.text} on {palette.background}"
        self.base = Style.parse(ground)
        self._styles = {role: self.base + Style.parse(style) for role, style in palette.styles.items()}
        for ground in GROUNDS:
            self._styles |= {f"{ground}:{role}": self._on(ground, role) for role in palette.styles}
        self.strip = lru_cache(1024)(self._strip)

    def _on(self, ground: str, role: str) -> Style:
        """A reversed ground covers everything; a coloured one lies below the colours of the role."""
        below = self._styles[ground]
        if "reverse" in self.palette.styles[ground]:
            return below
        return self._styles[role] if self.palette.styles[role].count(" on ") else self._styles[role] + Style(bgcolor=below.bgcolor)

    def style(self, role: str) -> Style:
        return self._styles.get(role, self.base)

    def _strip(self, line: Line) -> Strip:
        """The same line gives the same strip object: nothing is made twice."""
        text = to_ascii if self.ascii_only else str
        return Strip([Segment(text(piece.text), self.style(piece.role)) for piece in line if piece.text], line_width(line))


def textual_theme(palette: Palette) -> Theme:
    """What Textual needs to know of a theme: its own widgets are few here."""
    own = palette.background == "default"
    text = "ansi_default" if own else palette.text
    ground = "ansi_default" if own else palette.background
    return Theme(
        name=f"console-{palette.name}",
        primary="ansi_cyan" if own else palette.text,
        foreground=text,
        background=ground,
        surface=ground,
        panel=ground,
        boost=ground,
        dark=palette.dark,
        ansi=own,
        variables={
            "ansi-background": "ansi_black" if palette.dark else "ansi_white",
            "ansi-foreground": "ansi_white" if palette.dark else "ansi_black",
            "border-blurred": "ansi_default" if own else palette.text,
            "input-cursor-background": "ansi_white" if own else palette.text,
            "input-cursor-foreground": "ansi_black" if own else palette.background,
            "input-cursor-text-style": "none",
            "input-selection-background": "ansi_blue" if own else palette.text,
            "input-selection-foreground": "ansi_white" if own else palette.background,
        },
    )
