"""What is usual: the longest pause that was nothing."""

from backends.consumers.habit import Habit


def after(*pauses: float, trouble: bool = False) -> Habit:
    habit, now = Habit(), 0.0
    for pause in pauses:
        now += pause
        habit.learn(pause, now, trouble)
    return habit


def test_the_longest_pause_is_usual_and_before_the_first_nothing_is() -> None:
    assert Habit().usual is None
    assert after(5, 60, 7).usual == 60


def test_a_pause_is_forgotten_after_an_hour_or_two() -> None:
    assert after(300, *[10] * 360).usual == 300
    assert after(300, *[10] * 800).usual == 10


def test_a_habit_of_hours_is_not_forgotten_between_two_of_its_pauses() -> None:
    assert after(10, 7200, 7200).usual == 7200


def test_a_pause_that_was_trouble_is_not_learned_until_it_comes_a_third_time() -> None:
    habit = after(10, 10)
    for number in range(1, 4):
        habit.learn(300 + number, 1000.0 * number, was_trouble=True)
        habit.learn(15, 1000.0 * number + 20, was_trouble=True)  # as long as ever: no interruption
        assert habit.usual == (15 if number < 3 else 303)


def test_troubles_of_different_lengths_are_no_habit() -> None:
    habit = after(10)
    for pause in (100, 900, 100, 900, 100, 900):
        habit.learn(pause, pause, was_trouble=True)
    assert habit.usual == 10
