"""What of a refused line may be kept: credentials of strangers are not, partners' records are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.storage.masking import masked
from tests.relay.records import request

SECRET = b"hunter2-S3cret"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"Authorization: Basic aHVudGVyMjpTM2NyZXQ=\r", b"Authorization: [masked]"),
        (b"proxy-authorization:Bearer " + SECRET, b"proxy-authorization:[masked]"),
        (b"Cookie: session=" + SECRET + b"; theme=dark", b"Cookie: [masked]"),
        (b"Set-Cookie: id=" + SECRET, b"Set-Cookie: [masked]"),
        (b"X-Api-Key: " + SECRET, b"X-Api-Key: [masked]"),
        (b"GET /login?user=kim&password=" + SECRET + b"&next=%2F HTTP/1.1\r", b"GET /login?user=kim&password=[masked]&next=%2F HTTP/1.1\r"),
        (b"user=kim&passwd=" + SECRET, b"user=kim&passwd=[masked]"),
        (b'{"user": "kim", "password": "' + SECRET + b'", "n": 1}', b'{"user": "kim", "password": "[masked]", "n": 1}'),
        (b"client_secret=" + SECRET + b"|x", b"client_secret=[masked]|x"),
        (b"db.url=jdbc:mysql://root:" + SECRET + b"@10.0.0.1/x", b"db.url=jdbc:mysql://root:[masked]@10.0.0.1/x"),
        (b"PASS " + SECRET + b"\r", b"PASS [masked]"),
        (b"pass: " + SECRET + b"\r", b"pass: [masked]\r"),
        (b"passcode:" + SECRET, b"passcode:[masked]"),  # STOMP: a client of the broker on the wrong port
        (b"<ns:password>" + SECRET + b"</ns:password>", b"<ns:password>[masked]</ns:password>"),
        (b"AUTH PLAIN " + SECRET, b"AUTH PLAIN [masked]"),
        (b"a1 LOGIN kim " + SECRET, b"a1 LOGIN kim [masked]"),
        (b"see: Bearer " + SECRET + b" thanks", b"see: Bearer [masked] thanks"),
        (b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj", b"[masked]"),
    ],
)
def test_credentials_of_strangers_are_masked(line: bytes, kept: bytes) -> None:
    assert masked(line) == kept


@pytest.mark.parametrize(
    "line",
    [
        request(1)[:-1],
        b"0099|REQ|1|2|3|4|5|6|password=" + SECRET,  # a payload: what the operator looks for
        b"0099|REQ|1|2|3|4|5|6|\xb0\xa1\xb3\xaa",  # EUC-KR
        b"garbage",
        b"GET /index.html HTTP/1.1\r",
        b"Host: bank.example",
        b"passenger: kim",
        b"\x1b[A",
        b"",
    ],
)
def test_what_is_no_credential_stays_as_it_came(line: bytes) -> None:
    assert masked(line) == line


def test_of_a_tls_hello_only_the_beginning_is_kept() -> None:
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256))
    assert masked(hello) == hello[:16] + b"... [267 bytes]"


@given(st.binary(max_size=300), st.sampled_from([b"Authorization: ", b"x=1&password=", b"Cookie: a=", b"PASS "]))
def test_no_bytes_around_a_credential_make_it_stay(noise: bytes, before: bytes) -> None:
    line = before + SECRET + b" " + noise.replace(b"\n", b"")
    assert SECRET[:6] not in masked(line)


@given(st.binary(max_size=2000))
def test_any_bytes_are_taken_and_the_answer_is_small(line: bytes) -> None:
    assert len(masked(line)) <= 3 * len(line) + 40


@pytest.mark.parametrize("part", [b"a", b"-", b" ", b"token", b"x://", b"password=", b"basic ", b"a:@", b"pass "])
def test_no_line_keeps_it_busy_without_end(part: bytes) -> None:
    assert masked((part * 8192)[:8192])
