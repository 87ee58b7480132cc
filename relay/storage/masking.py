"""What strangers send to a port by mistake may be a password. It must not lie in the quarantine. Pure: bytes in, bytes out.

A line that begins as our records do (`0062|REQ|`) is a partner's, and stays as it came: what was wrong with it is what the operator
looks for. Everything else is HTTP, mail, TLS or a key file that lost its way. There the values of headers, parameters and commands that
carry credentials are masked, and of what is no text only the beginning is kept: a TLS hello may hold a session ticket.
"""

import re
from typing import Final

MASK: Final = b"[masked]"
BEGINNING: Final = 16  # bytes of something binary: enough to see which protocol it was

_RECORD: Final = re.compile(rb"[0-9]{1,9}\|")
_BINARY: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")  # ESC is left: terminals send it, and it is shown harmless
_KEY_FILE: Final = re.compile(rb"[A-Za-z0-9+/]{60,76}={0,2}\r?")  # a line of a PEM file
_HEADER: Final = re.compile(rb"(?i)^(\s*(?:[a-z-]*authorization|(?:set-)?cookie2?|x-[a-z-]*(?:key|token|secret|signature))\s*:\s*)\S.*")
_COMMAND: Final = re.compile(rb"(?i)^(\s*(?:[a-z0-9*.]+ )?(?:pass|auth(?: [a-z0-9-]+)?|login \S+|authenticate \S+|identified by)\s+)\S.*")
_PARAMETER: Final = re.compile(
    rb"(?i)((?:passw(?:or)?d|pass(?:phrase|code)|\bpass(?=\s{0,3}[=:>])|pwd|secret|token|credential|sessionid|"
    rb"(?:api|access|private)[_-]?key)"
    rb"[a-z0-9_-]{0,20}[\"']?\s{0,3}[=:>]\s{0,3}[\"']?)[^\s\"'&;,|<>}]+"
)
_SCHEME: Final = re.compile(rb"(?i)\b((?:bearer|basic|digest|negotiate|ntlm) +)[a-z0-9+/_.=~:-]{6,}")
_USER_OF_URL: Final = re.compile(rb"([a-zA-Z][a-zA-Z0-9+.-]{0,20}://[^\s:/@|]{0,100}:)[^\s/@|]{1,200}(?=@)")


def masked(line: bytes) -> bytes:
    """The line as it may be kept."""
    if _RECORD.match(line):
        return line
    if _BINARY.search(line) and len(line) > BEGINNING:
        return _text(line[:BEGINNING]) + b"... [%d bytes]" % len(line)
    return _text(line)


def _text(line: bytes) -> bytes:
    if _KEY_FILE.fullmatch(line):
        return MASK
    for pattern in (_HEADER, _COMMAND):
        if found := pattern.match(line):
            return found[1] + MASK
    for pattern in (_PARAMETER, _SCHEME, _USER_OF_URL):
        line = pattern.sub(rb"\1" + MASK, line)
    return line
