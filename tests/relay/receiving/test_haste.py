"""When the loop commits itself: time is told, no disk is asked."""

from relay.receiving.haste import AFTER_FAILURE, SHARE, SLOW, Haste

MINUTE = 7


def alone() -> Haste:
    haste = Haste()
    haste.enter()
    haste.began(MINUTE)
    return haste


def test_a_receiver_that_is_alone_commits_in_the_loop_while_the_disk_is_quick() -> None:
    haste = alone()
    for count in range(100):
        assert haste.is_allowed(100.0 + count, MINUTE)
        haste.took(SLOW, 100.0 + count)


def test_the_first_batch_of_a_minute_is_for_the_thread_as_it_begins_a_file() -> None:
    haste = alone()
    assert not haste.is_allowed(100.0, MINUTE + 1)
    haste.began(MINUTE + 1)
    assert haste.is_allowed(100.0, MINUTE + 1)


def test_one_slow_commit_gives_the_thread_twenty_times_what_it_took() -> None:
    haste = alone()
    haste.took(2.0, 102.0)
    assert not haste.is_allowed(102.0, MINUTE)
    assert not haste.is_allowed(101.9 + 2.0 * SHARE, MINUTE)
    assert haste.is_allowed(102.0 + 2.0 * SHARE, MINUTE)


def test_a_failed_commit_gives_the_thread_some_time() -> None:
    haste = alone()
    haste.failed(100.0)
    assert not haste.is_allowed(99.9 + AFTER_FAILURE, MINUTE)
    assert haste.is_allowed(100.0 + AFTER_FAILURE, MINUTE)


def test_a_failure_does_not_shorten_what_a_slow_commit_asked_for() -> None:
    haste = alone()
    haste.took(2.0, 100.0)
    haste.failed(100.0)
    assert not haste.is_allowed(99.9 + 2.0 * SHARE, MINUTE)


def test_with_a_second_receiver_the_loop_never_waits_for_the_disk_of_one() -> None:
    haste = alone()
    haste.enter()
    assert not haste.is_allowed(100.0, MINUTE)
    haste.leave()
    assert haste.is_allowed(100.0, MINUTE)
