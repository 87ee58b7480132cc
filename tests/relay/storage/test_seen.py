"""What is remembered of process numbers, for how long, and what is taken back."""

from collections.abc import Sequence

from relay.storage.seen import DIGEST_BITS, Seen, digest


def insert(seen: Seen, *keys: bytes) -> list[bytes]:
    for key in keys:
        seen.known.setdefault(key, seen.collecting << DIGEST_BITS | digest(key))
    return list(keys)


def store(seen: Seen, keys: Sequence[bytes], now: float) -> None:
    fresh = insert(seen, *keys)
    batch = seen.collecting
    seen.begin()
    assert seen.audit(fresh, []) == 0
    seen.stored(batch, fresh, now)


def numbers(start: int, end: int) -> list[bytes]:
    return [b"%09d" % number for number in range(start, end)]


def test_a_number_is_pending_until_its_batch_settles() -> None:
    seen = Seen(100.0, 10)
    keys = insert(seen, b"1")
    batch = seen.collecting
    seen.begin()
    assert seen.is_pending(seen.known[b"1"])
    seen.stored(batch, keys, 0.0)
    assert not seen.is_pending(seen.known[b"1"])


def test_a_lost_batch_was_never_seen() -> None:
    seen = Seen(100.0, 10)
    keys = insert(seen, b"1")
    batch = seen.collecting
    seen.begin()
    seen.lost(batch, keys)
    assert b"1" not in seen.known


def test_at_least_max_numbers_are_remembered_and_hardly_more() -> None:
    seen = Seen(1e9, 640)
    for number in range(5000):
        store(seen, [b"%09d" % number], 0.0)
    assert all(key in seen.known for key in numbers(5000 - 640, 5000))
    assert len(seen) <= 640 + 11


def test_numbers_are_forgotten_after_their_time() -> None:
    seen = Seen(64.0, 1000)
    store(seen, [b"old"], 0.0)
    store(seen, [b"new"], 60.0)
    seen.expire(64.5)
    assert b"old" not in seen.known
    assert b"new" in seen.known
    seen.expire(200.0)
    assert len(seen) == 0


def test_a_clock_that_steps_back_forgets_nothing() -> None:
    seen = Seen(64.0, 1000)
    store(seen, [b"1"], 1000.0)
    store(seen, [b"2"], 10.0)
    seen.expire(10.0)
    assert len(seen) == 2


def test_remembering_nothing_is_allowed() -> None:
    seen = Seen(100.0, 0)
    for number in range(10):
        store(seen, [b"%d" % number], 0.0)
    assert len(seen) <= 2


def test_a_number_in_no_batch_is_taken_out_before_it_could_be_taken_for_stored() -> None:
    """Were it left, its resending would be answered 200 although nothing was ever stored."""
    seen = Seen(100.0, 100)
    store(seen, [b"good"], 0.0)
    keys = insert(seen, b"batched")
    insert(seen, b"stray")
    batch = seen.collecting
    seen.begin()
    later = insert(seen, b"later")
    assert seen.audit(keys, later) == 1
    seen.stored(batch, keys, 0.0)
    assert set(seen.known) == {b"good", b"batched", b"later"}


def test_what_is_restored_newest_first_keeps_the_newest_word() -> None:
    seen = Seen(100.0, 3)
    assert seen.restore([b"3", b"1"], [33, 11], 50.0, 60.0)
    assert seen.restore([b"1", b"0"], [99, 1 << 63], 40.0, 60.0)
    assert not seen.restore([b"older"], [5 << 40], 30.0, 60.0)
    assert seen.known == {b"3": 33, b"1": 11, b"0": 1 << 63}
    assert not seen.is_pending(seen.known[b"1"])


def test_what_is_too_old_is_not_restored() -> None:
    seen = Seen(100.0, 30)
    assert seen.restore([b"1"], [1 << 40], 0.0, 101.0)
    assert len(seen) == 0


def test_what_was_restored_is_forgotten_in_its_turn() -> None:
    seen = Seen(100.0, 1000)
    seen.restore([b"new"], [1 << 40], 90.0, 100.0)
    seen.restore([b"old"], [1 << 41], 10.0, 100.0)
    seen.expire(150.0)
    assert set(seen.known) == {b"new"}
