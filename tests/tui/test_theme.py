"""Theme files: every shipped one colours everything; a broken one is told in one line."""

from pathlib import Path

import pytest

from tui.theme import ROLES, SHIPPED, ThemeError, colourless, find_theme, parse_theme, read_theme, theme_files
from tui.widgets.ink import GROUNDS, Ink, textual_theme
from tui.words import LOOKS

NAMES = sorted(theme_files((SHIPPED,)))


def test_two_themes_are_shipped() -> None:
    assert NAMES == ["ansi-dark", "light"]


@pytest.mark.parametrize("name", NAMES)
def test_every_theme_colours_every_role(name: str) -> None:
    ink = Ink(find_theme(name), ascii_only=False)
    assert all(f"{ground}:{role}" in ink._styles for ground in ("", *GROUNDS) for role in ROLES if ground)
    assert len({str(ink.style(role)) for role in ("", "warn", "crit", "ok", "cursor")}) == 5
    assert textual_theme(find_theme(name)).name == f"console-{name}"


def test_every_state_has_a_role_that_themes_know() -> None:
    assert {look.role for look in LOOKS.values()} <= set(ROLES)


def test_the_default_uses_the_terminals_own_colours_and_no_grey_that_light_ones_hide() -> None:
    palette = find_theme("ansi-dark")
    assert palette.uses_terminal_colours
    assert not any("bright_black" in style for style in palette.styles.values())
    assert not find_theme("light").uses_terminal_colours


def test_without_colours_attributes_are_left() -> None:
    palette = colourless(find_theme("light"))
    assert palette.uses_terminal_colours and palette.background == "default"
    assert palette.styles["crit"] == "bold" and palette.styles["cursor"] == "reverse"
    assert all(Ink(palette, ascii_only=False).style(role).color is None for role in ROLES)


def test_a_theme_of_the_user_hides_the_shipped_one(tmp_path: Path) -> None:
    text = (SHIPPED / "light.yaml").read_text().replace("dark text on a light", "mine on a light")
    (tmp_path / "light.yaml").write_text(text)
    assert find_theme("light", (SHIPPED, tmp_path)).about.startswith("mine")


def test_an_unknown_theme_names_the_known() -> None:
    with pytest.raises(ThemeError, match="no theme 'x'; there are: ansi-dark, light"):
        find_theme("x")


def test_every_mistake_of_a_theme_is_told_at_once() -> None:
    styles = {role or "text": "none" for role in ROLES if role not in ("crit", "warn")} | {"wrn": "red"}
    with pytest.raises(ThemeError, match="misses warn, crit and has unknown wrn"):
        parse_theme({"styles": styles}, "x", "x.yaml")


@pytest.mark.parametrize("text", ["styles: [", "just text", "styles: 3", "\xff"])
def test_a_file_that_is_no_theme_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ThemeError) as error:
        read_theme(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_the_same_line_is_made_once() -> None:
    from tui.line import Piece

    ink = Ink(find_theme("ansi-dark"), ascii_only=True)
    line = (Piece("✖ 한", "crit"),)
    assert ink.strip(line) is ink.strip(line)
    assert ink.strip(line).text == "! 한"
