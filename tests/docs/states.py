"""The state machines of the sender as diagrams. `python -m tests.docs.states` writes them into docs/relay-sender.md."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from relay.sending.words import NEXT, NEXT_FILE

PAGE = Path(__file__).parents[2] / "docs" / "relay-sender.md"
TABLES: dict[str, Mapping[Any, Any]] = {"destination": NEXT, "file": NEXT_FILE}


def diagram(table: Mapping[Any, Any]) -> str:
    """Mermaid. The first state of the enumeration is where it begins; a state that nothing leaves is an end."""
    kind: Any = type(next(iter(table.values())))
    states = list(kind)
    names = {state: re.sub(r"\W", "_", state.value) for state in states}
    steps: dict[tuple[str, str], list[str]] = {}
    for (state, event), following in table.items():
        steps.setdefault((names[state], names[following]), []).append(event.value)
    lines = [f"    [*] --> {names[states[0]]}"]
    lines += [f"    {before} --> {after}: {', '.join(events)}" for (before, after), events in steps.items()]
    lines += [f"    {names[state]} --> [*]" for state in states if all(state is not before for before, _ in table)]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def drawn(text: str) -> str:
    """The page with the diagrams of today."""
    for name, table in TABLES.items():
        before, begin, rest = text.partition(f"<!-- states of a {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        text = f"{before}{begin}{diagram(table)}\n{end}{after}"
    return text


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text()))
