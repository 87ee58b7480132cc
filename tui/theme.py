"""Themes are files: one YAML file each in `themes/` (and in the user's directory), a style for every role. Pure but for reading the files.

A style is written as `bold red on black`: attributes, a colour, a background; colours are the terminal's own 16 by name, or `#rrggbb`.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

ROLES = (
    "",  # ordinary text
    "dim",
    "ok",
    "warn",
    "crit",
    "accent",
    "title",
    "line",  # rules and borders
    "label",  # the name of a fact
    "header",  # column titles
    "header_sorted",
    "cursor",  # the row under the cursor
    "mark",
    "status",  # the status row
    "status_place",
    "badge",  # DEMO, WRITE
    "tab",
    "tab_active",
    "key",  # a key in the hints
    "hint",
    "message",
    "error",
    "choice",  # a button
    "choice_active",
)

SHIPPED = Path(__file__).parent.parent / "themes"
DEFAULT = "ansi-dark"
ASIDE = "a theme is a YAML file: name, about, dark, text, background and a style for every role"


class ThemeError(Exception):
    """The theme cannot be used; the text tells an operator what, why and what next."""


class Palette(Struct, frozen=True):
    """One theme. `styles` has every role; without colours only attributes are left."""

    name: str
    about: str
    dark: bool
    text: str  # a colour, or "default": the terminal's own
    background: str
    styles: Mapping[str, str]

    @property
    def uses_terminal_colours(self) -> bool:
        return not any("#" in style for style in (self.text, self.background, *self.styles.values()))


_ATTRIBUTES = frozenset(("bold", "dim", "italic", "underline", "reverse", "none"))


def colourless(palette: Palette) -> Palette:
    """The same theme with attributes only: glyphs and words carry the rest."""
    styles = {role: " ".join(word for word in style.split() if word in _ATTRIBUTES) for role, style in palette.styles.items()}
    # Where the colour was all there was, the worst still has to stand out.
    styles["crit"] = styles["crit"] or "bold"
    styles["cursor"] = styles["tab_active"] = styles["choice_active"] = "reverse"
    return Palette(palette.name, palette.about, palette.dark, "default", "default", styles)


def theme_files(directories: Iterable[Path]) -> dict[str, Path]:
    """By name; a later directory hides the names of an earlier one."""
    return {path.stem: path for directory in directories for path in sorted(directory.glob("*.yaml"))}


def read_theme(path: Path) -> Palette:
    import yaml

    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ThemeError(f"{path}: {' '.join(str(error).split())}; {ASIDE}") from None
    return parse_theme(content, path.stem, str(path))


def parse_theme(content: Any, name: str, where: str) -> Palette:
    """Raises ThemeError naming every role that is missing or unknown."""
    if not isinstance(content, dict) or not isinstance(content.get("styles"), dict):
        raise ThemeError(f"{where}: no mapping `styles`; {ASIDE}")
    given = {("" if role == "text" else str(role)): str(style) for role, style in content["styles"].items()}
    missing = [role or "text" for role in ROLES if role not in given]
    unknown = [role for role in given if role not in ROLES]
    if missing or unknown:
        words = [f"misses {', '.join(missing)}"] * bool(missing) + [f"has unknown {', '.join(unknown)}"] * bool(unknown)
        raise ThemeError(f"{where}: `styles` {' and '.join(words)}")
    return Palette(
        name=name,
        about=str(content.get("about", "")),
        dark=bool(content.get("dark", True)),
        text=str(content.get("text", "default")),
        background=str(content.get("background", "default")),
        styles=given,
    )


def find_theme(name: str, directories: Iterable[Path] = (SHIPPED,)) -> Palette:
    files = theme_files(directories)
    if name not in files:
        raise ThemeError(f"no theme {name!r}; there are: {', '.join(sorted(files))}")
    return read_theme(files[name])
