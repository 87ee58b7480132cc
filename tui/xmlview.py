"""XML from outside, laid out for an operator. Pure; a document type is refused, so there are no entities and nothing is fetched.

Texts, attributes and comments stay as they came but for white space around them; what is no well-formed XML is left as text.
"""

from functools import lru_cache
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

MAX_PARSED: Final = 1 << 20  # bytes that are laid out: some 10 ms
MAX_DEPTH: Final = 200  # of elements; deeper than that nobody reads
STEP: Final = "  "


class _Refused(Exception):
    """What is not laid out."""


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self._open: list[str] = []
        self._text: list[str] = []
        self._is_leaf = False  # the last line is the start of the element that is open

    def start(self, name: str, attributes: list[str]) -> None:
        self._flush()
        if len(self._open) >= MAX_DEPTH:
            raise _Refused
        pairs = "".join(f" {key}={quoteattr(value)}" for key, value in zip(attributes[::2], attributes[1::2], strict=True))
        self._line(f"<{name}{pairs}>")
        self._open.append(name)
        self._is_leaf = True

    def end(self, name: str) -> None:
        text = self._taken()
        self._open.pop()
        if self._is_leaf:
            self.lines[-1] = f"{self.lines[-1]}{text}</{name}>" if text else f"{self.lines[-1][:-1]}/>"
        else:
            if text:
                self.lines.append(STEP * (len(self._open) + 1) + text)
            self._line(f"</{name}>")
        self._is_leaf = False

    def text(self, data: str) -> None:
        self._text.append(data)

    def comment(self, data: str) -> None:
        self._flush()
        self._line(f"<!--{data}-->")

    def instruction(self, target: str, data: str) -> None:
        self._flush()
        self._line(f"<?{target} {data}?>")

    def refuse(self, *_: object) -> None:
        raise _Refused

    def _flush(self) -> None:
        if text := self._taken():
            self._line(text)
        self._is_leaf = False

    def _taken(self) -> str:
        text = escape("".join(self._text)).strip()
        self._text.clear()
        return text

    def _line(self, text: str) -> None:
        self.lines.append(STEP * len(self._open) + text)


@lru_cache(8)
def laid_out(data: bytes) -> str | None:
    """None where it is no XML, or not to be trusted, or too much."""
    if len(data) > MAX_PARSED or data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"<":
        return None
    writer = _Writer()
    parser = expat.ParserCreate()
    parser.ordered_attributes = True
    parser.StartElementHandler, parser.EndElementHandler = writer.start, writer.end
    parser.CharacterDataHandler, parser.CommentHandler = writer.text, writer.comment
    parser.ProcessingInstructionHandler = writer.instruction
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = writer.refuse
    try:
        parser.Parse(data.lstrip(), True)
    except (expat.ExpatError, _Refused, ValueError, LookupError):
        return None
    return "\n".join(writer.lines)
