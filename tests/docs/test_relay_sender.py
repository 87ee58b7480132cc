"""docs/relay-sender.md draws the tables of the code, and names every state."""

import re

from relay.sending.words import NEXT, NEXT_FILE, Destination, File, Result, Step
from tests.docs.states import PAGE, TABLES, diagram, drawn


def test_the_diagrams_are_those_of_the_tables() -> None:
    text = PAGE.read_text()
    assert text == drawn(text), "write them anew: python -m tests.docs.states"
    assert all(diagram(table) in text for table in TABLES.values())


def test_a_diagram_changes_with_its_table() -> None:
    fewer = {step: after for step, after in NEXT.items() if step != (Destination.PROBING, Result.FAILED)}
    assert diagram(fewer) != diagram(NEXT)


def test_every_state_and_what_happens_to_it_is_explained() -> None:
    explained = set(re.findall(r"^\| ([a-z ]+) \|", PAGE.read_text(), re.MULTILINE))
    used = {state for table in (NEXT, NEXT_FILE) for state, _ in table} | {step for table in (NEXT, NEXT_FILE) for _, step in table}
    assert {each.value for each in (*Destination, *File, *Result, *Step) if each in used or isinstance(each, File)} <= explained
