"""Addresses, networks, names, zones: what is right has no fault, what is wrong has a sentence."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings.forms import Address, Addresses, Name, Network, WebAddress, Zone, split_address


def fault(kind: Any, text: str) -> str | None:
    found: str | None = get_args(kind)[2].fault(text)
    return found


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Address, "127.0.0.1:9400"),
        (Address, "[::1]:1"),
        (Address, "partner.example:65535"),
        (Addresses, "zk1:2181,zk2:2181/chroot/deep"),
        (Addresses, "localhost:9092"),
        (Network, "10.0.0.0/8"),
        (Network, "10.1.2.3"),
        (Network, "fd00::/8"),
        (WebAddress, "http://127.0.0.1:8161/api/jolokia/"),
        (WebAddress, "https://broker/api"),
        (Name, "partner-a"),
        (Name, "협력사-1"),
        (Zone, "local"),
        (Zone, "Asia/Seoul"),
    ],
)
def test_what_is_right_has_no_fault(kind: Any, text: str) -> None:
    assert fault(kind, text) is None


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (Address, "127.0.0.1", "is no address"),
        (Address, ":9400", "is no address"),
        (Address, "a:0", "out of range"),
        (Address, "a:65536", "out of range"),
        (Address, "::1:9400", "in brackets"),
        (Address, "user@host:1", "no blanks, slashes or @"),
        (Addresses, "", "a list of addresses is wanted"),
        (Addresses, "a:1,b", "is no address"),
        (Addresses, "a:1/x//y", "without empty parts"),
        (Network, "10.0.0.1/8", "did you mean 10.0.0.0/8"),
        (Network, "everybody", "is no network"),
        (WebAddress, "ftp://a/", "no web address"),
        (WebAddress, "http://[::1/", "no web address"),
        (WebAddress, "http://u:hunter2@a/", "no user or password"),
        (Name, "", "is no name"),
        (Name, "../etc", "is no name"),
        (Name, "a" * 65, "at most 64"),
        (Zone, "Asia/Soul", "is no time zone"),
        (Zone, "../../etc/passwd", "is no time zone"),
    ],
)
def test_what_is_wrong_has_a_sentence(kind: Any, text: str, said: str) -> None:
    found = fault(kind, text) or ""
    assert said in found
    assert "hunter2" not in found


def test_an_address_is_split_into_host_and_port() -> None:
    assert split_address("[::1]:9400") == ("::1", 9400)
    assert split_address("h:1") == ("h", 1)


@given(st.text(max_size=80))
def test_any_text_is_right_or_has_a_sentence(text: str) -> None:
    for kind in (Address, Addresses, Network, WebAddress, Name, Zone):
        assert fault(kind, text) != ""
