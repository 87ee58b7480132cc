"""When a certificate ends: as much of PEM and DER as that needs, because the standard library gives it for other people's only. Pure.

A certificate begins: SEQUENCE { SEQUENCE { [0] version, serial, algorithm, issuer, SEQUENCE { notBefore, notAfter (RFC 5280, 4.1).
"""

import binascii
import re
import ssl
from datetime import UTC, datetime
from typing import Final

SEQUENCE: Final = 0x30
VERSION: Final = 0xA0
UTC_TIME: Final = 0x17
BLOCK: Final = re.compile(r"-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----")
BEFORE_VALIDITY: Final = 3  # serial, algorithm, issuer


def ends_at(pem: str) -> float | None:
    """Epoch seconds at which the first certificate of a file, or one of those that vouch for it, is no longer valid."""
    try:
        return min((_not_after(ssl.PEM_cert_to_DER_cert(block)) for block in BLOCK.findall(pem)), default=None)
    except (ValueError, IndexError, binascii.Error):
        return None


def _not_after(der: bytes) -> float:
    """Raises ValueError or IndexError when it is no certificate."""
    _, certificate, _ = _element(der, SEQUENCE)
    _, body, _ = _element(certificate, SEQUENCE)
    if body[0] == VERSION:
        _, _, body = _element(body)
    for _ in range(BEFORE_VALIDITY):
        _, _, body = _element(body)
    _, validity, _ = _element(body, SEQUENCE)
    _, _, rest = _element(validity)
    kind, text, _ = _element(rest)
    return _moment(kind, text.decode("ascii"))


def _element(data: bytes, wanted: int | None = None) -> tuple[int, bytes, bytes]:
    """Tag, content, and what follows."""
    tag, size, start = data[0], data[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start])
    if (wanted is not None and tag != wanted) or len(data) < start + size:
        raise ValueError("no certificate")
    return tag, data[start : start + size], data[start + size :]


def _moment(kind: int, text: str) -> float:
    if kind == UTC_TIME:  # two digits of a year: 50 to 99 were the last century
        text = ("19" if text >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
