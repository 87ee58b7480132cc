"""What a new configuration changes in a relay that runs."""

import msgspec
import pytest

from relay.changes import CannotChange, changes, summary
from relay.config import Codes, Election, Receiver, ReceiverTimeouts, ReceiverTls, Records, Relay, RequestLayout, Sender

A = Receiver(name="a", listen="127.0.0.1:9400")
B = Receiver(name="b", listen="127.0.0.1:9401")
S = Sender(name="s", connect="127.0.0.1:9500")
T = Sender(name="t", connect="127.0.0.1:9501")
OLD = Relay(directory="/r", receivers=[A, B], senders=[S, T])


def with_(part: Receiver, **more: object) -> Receiver:
    return msgspec.structs.replace(part, **more)


def test_the_same_again_is_nothing() -> None:
    found = changes(OLD, Relay(directory="/r", receivers=[B, A], senders=[T, S]))
    assert not found
    assert summary(found) == "nothing changed"


def test_what_comes_and_goes_and_differs() -> None:
    c, u = with_(A, name="c", listen="127.0.0.1:9402"), msgspec.structs.replace(T, retries=7)
    narrow = with_(B, allow=["10.0.0.0/8"], timeouts=ReceiverTimeouts(idle=5.0), max_connections=3)
    found = changes(OLD, Relay(directory="/r", receivers=[narrow, c], senders=[S, u]))
    assert found.receivers_gone == ["a"]
    assert found.receivers_new == [c]
    assert found.receivers_different == [narrow]
    assert found.senders_gone == ["t"]
    assert found.senders_new == [u]
    assert summary(found) == "new: c, t; gone: a, t; changed: b"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("directory", "/other"),
        ("records", Records(request=RequestLayout(type="ASK"))),
        ("codes", Codes(accepted=201)),
        ("min_free", 1),
        ("election", Election("zk:2181")),
    ],
)
def test_what_everything_is_built_upon_changes_by_a_restart_only(key: str, value: object) -> None:
    with pytest.raises(CannotChange) as caught:
        changes(OLD, msgspec.structs.replace(OLD, **{key: value}))
    assert caught.value.lines == [f"relay.{key} cannot change while the relay runs; restart it"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("listen", "127.0.0.1:9999"), ("inbox", "elsewhere"), ("publish", "in_place"), ("tls", ReceiverTls("c", "k"))],
)
def test_what_a_receiver_has_on_disk_and_its_port_change_by_a_restart_only(key: str, value: object) -> None:
    with pytest.raises(CannotChange) as caught:
        changes(OLD, Relay(directory="/r", receivers=[A, with_(B, **{key: value})], senders=[S, T]))
    assert caught.value.lines == [f"relay.receivers[1].{key} cannot change while the relay runs; restart it"]


def test_another_certificate_is_no_reason_to_restart() -> None:
    old = Relay(receivers=[with_(A, tls=ReceiverTls("c", "k"))])
    new = Relay(receivers=[with_(A, tls=ReceiverTls("c2", "k2", client_ca="ca", allow_names=["x"]))])
    assert changes(old, new).receivers_different == new.receivers


def test_every_fault_is_named() -> None:
    with pytest.raises(CannotChange) as caught:
        changes(OLD, Relay(directory="/other", min_free=1, receivers=[with_(A, inbox="x")]))
    assert len(caught.value.lines) == 3
    assert str(caught.value).count("; restart it") == 3
