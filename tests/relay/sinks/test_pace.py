"""When a broker that failed is asked again."""

from relay.sinks.pace import FIRST_S, MOST_S, Pace


def test_a_broker_that_works_may_always_be_asked() -> None:
    pace = Pace()
    assert pace.may_try(0.0)
    pace.succeeded()
    assert pace.may_try(0.0)


def test_after_a_failure_there_is_a_pause_that_grows_up_to_a_limit() -> None:
    pace, now, pauses = Pace(), 100.0, []
    for _ in range(6):
        pace.failed(now)
        assert pace.next_try_at is not None and not pace.may_try(pace.next_try_at - 0.001)
        pauses.append(pace.next_try_at - now)
        now = pace.next_try_at
        assert pace.may_try(now)
    assert pauses == [FIRST_S, 1.0, 2.0, 4.0, MOST_S, MOST_S]


def test_one_success_forgets_all_failures() -> None:
    pace = Pace()
    pace.failed(0.0)
    pace.failed(1.0)
    pace.succeeded()
    assert pace.next_try_at is None
    pace.failed(10.0)
    assert pace.next_try_at == 10.0 + FIRST_S
