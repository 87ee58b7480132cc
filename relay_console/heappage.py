"""All about one agent for somebody who has no console before him: the sections of its detail, a picture, a page. Pure; time is an argument.

What stands there, and in which words, is the pane's: here it only gets another form.
"""

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from backends.agent import HeapFile
from backends.questions import HeapPast
from backends.snapshots import Heap, Snapshot
from relay_console import heapsvg
from relay_console.heapsvg import CHART, HISTOGRAM, LEFT, document, safe, text
from tui.format import clip, moment
from tui.words import verdict

if TYPE_CHECKING:
    from tui.pane import Cell, Section

HEAD: Final = 64  # pixels above the chart of a picture
LONGEST: Final = 130  # characters of a line in a picture
STYLE: Final = """
:root{color-scheme:light dark}
body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:1000px;padding:0 1rem;color:#1c2733;background:#fff}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}p{margin:.3rem 0}
svg{max-width:100%;height:auto;display:block;margin-top:1.2rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:.2rem .9rem .2rem 0;vertical-align:top}
th{font-weight:600;color:#5c6b7a}td.right,th.right{text-align:right}tbody tr{border-top:1px solid #dfe5ea}.wide{overflow-x:auto}
pre{white-space:pre-wrap}.dim{color:#5c6b7a}.ok{color:#1b7a3d}.warn{color:#a15c00}.crit{color:#c62828}
@media (prefers-color-scheme:dark){body{color:#e4eaf0;background:#12181e}th,.dim{color:#9aa8b5}tbody tr{border-color:#2f3a44}
.ok{color:#63c98a}.warn{color:#f0b357}.crit{color:#ff6b61}}
"""


def sections(file: HeapFile, past: HeapPast | None, now: float) -> "list[Section]":
    from tui.pane import Entry
    from tui.panes.heap import PANE

    snapshot = Snapshot("heap", "heap", "ok", now, data=Heap((file,)))
    return PANE.detail_of(Entry(f"heap/{file.name}/{file.file}", 0, file, snapshot), now, past)


def svg(file: HeapFile, past: HeapPast | None) -> str:
    """A picture that stands alone."""
    word = verdict(file.verdict)
    parts = [
        text(LEFT, 24, clip(file.name, LONGEST), "head ink"),
        text(LEFT, 42, word.text.strip(), f"head {word.role or 'ink'}"),
        text(LEFT + 100, 42, clip(file.error or file.reason, LONGEST - 16)),
        text(LEFT, 58, clip(_about(file, past), LONGEST), "faint"),
    ]
    height = HEAD + 14
    if past is not None:
        parts += [heapsvg.chart(past, HEAD), heapsvg.histogram(past.pauses, HEAD + CHART + 10)]
        height = HEAD + CHART + 10 + HISTOGRAM
    return document(height, parts, f"{file.name}: {file.verdict}", is_alone=True)


def html(file: HeapFile, past: HeapPast | None, now: float) -> str:
    """A page that needs nothing besides itself."""
    word = verdict(file.verdict)
    pictures = ""
    if past is not None:
        title = f"{file.name}: old generation and pauses"
        parts = [heapsvg.chart(past), heapsvg.histogram(past.pauses, CHART + 10)]
        pictures = document(CHART + 10 + HISTOGRAM, parts, title, is_alone=False)
    body = "".join(_section(section) for section in sections(file, past, now))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{safe(file.name)}: {safe(file.verdict)}</title><style>{STYLE}</style></head><body>"
        f'<h1>{safe(file.name)}</h1><p><b class="{word.role}">{escape(word.text.strip())}</b> {safe(file.error or file.reason)}</p>'
        f'<p class="dim">{safe(_about(file, past))}</p>{pictures}{body}'
        f'<p class="dim">relay-console, {escape(moment(now))}</p></body></html>\n'
    )


def _about(file: HeapFile, past: HeapPast | None) -> str:
    parts = [file.collector or "", file.file if file.file != file.name else ""]
    if past is not None:
        parts.append(past.note)
        parts.append("" if past.is_clock or not past.points else "times are those of the log's own clock")
    return " · ".join(part for part in parts if part)


# Sections as they are on the screen; their curves and bars are pictures here


def _section(section: "Section") -> str:
    inner = "".join((*_facts(section.facts), *_table(section), *([f"<pre>{escape(section.text)}</pre>"] if section.text else [])))
    return f"<h2>{escape(section.title)}</h2>{inner}" if inner else ""


def _facts(facts: "Sequence[tuple[str, Cell]]") -> Iterator[str]:
    if facts:
        rows = (f'<tr><th scope="row">{escape(label)}</th>{_cell(cell, "left")}</tr>' for label, cell in facts)
        yield f"<table><tbody>{''.join(rows)}</tbody></table>"


def _table(section: "Section") -> Iterator[str]:
    if not section.columns or not section.rows:
        return
    head = "".join(f'<th scope="col" class="{column.align}">{escape(column.title)}</th>' for column in section.columns)
    rows = ("".join(_cell(cell, column.align) for cell, column in zip(row.cells, section.columns, strict=True)) for row in section.rows)
    body = "".join(f"<tr>{cells}</tr>" for cells in rows)
    yield f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(cell: "Cell", align: str) -> str:
    return f'<td class="{align} {cell.role}">{escape(cell.text)}</td>'
