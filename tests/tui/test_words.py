"""How bad a word looks agrees with what counts as a problem."""

from typing import get_args

import pytest

from backends.agent import HeapVerdict
from backends.broker import QueueVerdict
from backends.snapshots import State, TopicState, Verdict
from monitor import severity
from tui.words import CRIT, LOOKS, ODD, WARN, look, rank, spoken, verdict


@pytest.mark.parametrize("words", [State, TopicState, Verdict, HeapVerdict, QueueVerdict])
def test_every_word_of_the_vocabulary_has_a_look(words: object) -> None:
    assert [word for word in get_args(words) if word not in LOOKS] == []


@pytest.mark.parametrize(
    "table",
    [
        severity._CONSUMER,
        severity._TOPIC,
        severity._HEAP,
        severity._QUEUE,
        {word: level for word, (level, _) in severity._RECEIVER.items()},
        {word: level for word, (level, _) in severity._SENDER.items()},
    ],
)
def test_what_counts_as_a_problem_looks_like_one(table: dict[str, str]) -> None:
    wrong = {
        word: level for word, level in table.items() if word != "denied" and rank(word) != {"critical": CRIT, "warning": WARN}[level].rank
    }
    assert wrong == {}


def test_a_state_is_a_glyph_a_word_and_a_colour() -> None:
    assert verdict("STALLED") == ("✖ STALLED", "crit", 0)
    assert verdict("probing").text == "✖ DOWN"
    assert verdict("lost").text == "▴ UNDECIDED"
    assert spoken("FALLING_BEHIND") == "FALLING BEHIND"


def test_a_word_nobody_has_listed_is_odd() -> None:
    assert look("brand-new") is ODD
