"""The table of keys: nothing twice, nothing that others need, everything in the docs."""

from pathlib import Path

import pytest

from tui import keys
from tui.app import Console
from tui.browsing import Browsing
from tui.hands import Hands
from tui.pane import panes
from tui.screens.moves import Moves
from tui.taking import Takings

TAKEN = ("ctrl+a", "ctrl+b", "ctrl+s", "ctrl+q", "ctrl+w", "ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m")
ALL = (*keys.pane_keys([(pane.key, pane.name, pane.title) for pane in panes()]), *keys.KEYS)


@pytest.mark.parametrize("pane", [pane.name for pane in panes()])
@pytest.mark.parametrize("part", ["list", "detail"])
def test_no_key_means_two_things_where_one_stands(pane: str, part: str) -> None:
    pressed = [name for key in keys.live(ALL, (pane, part, "rows", "move", "anywhere")) for name in key.keys]
    assert len(pressed) == len(set(pressed))


def test_keys_of_tmux_flow_control_and_browsers_are_left_alone() -> None:
    assert not {name for key in ALL for name in key.keys} & set(TAKEN)


def test_what_loses_something_cannot_be_typed_with_a_korean_input_method() -> None:
    from tui.hangul import _JAMO_KEYS

    losing = next(key for key in keys.KEYS if key.action == "disconnect")
    assert all(name not in _JAMO_KEYS.split(" ") for name in losing.keys)


@pytest.mark.parametrize("key", keys.KEYS, ids=lambda key: key.action)
def test_every_key_has_something_that_does_it(key: keys.Key) -> None:
    from tui.actions.relay import OFFERS

    name = f"do_{key.action}"
    assert any(hasattr(one, name) for one in (Moves, Takings, Hands, Browsing, Console)) or (key.where == "relay" and key.action in OFFERS)


def test_every_key_stands_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "keys.md").read_text()
    assert [key.text for key in ALL if f"| {keys.labels(key)} |".replace("| * |", "| \\* |") not in page or key.text not in page] == []


def test_hints_are_keys_with_their_short_words() -> None:
    assert "".join(piece.text for piece in keys.hints([keys.Key(("pagedown",), "x", "y", short="down")])) == " PgDn down "


def test_names_of_keys_are_written_as_people_write_them() -> None:
    assert [keys.label(name) for name in ("ctrl+l", "f5", "space", "up", "G")] == ["Ctrl-L", "F5", "Space", "↑", "G"]
