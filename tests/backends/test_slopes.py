"""Does a series rise, how surely, how fast."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from backends.slopes import confidence, line, risen_pairs

LEVELS = st.lists(st.floats(-1e9, 1e9), max_size=24)


def test_pairs_that_rose_are_counted_against_those_that_fell() -> None:
    assert risen_pairs([1, 2, 3, 4]) == 6
    assert risen_pairs([4, 3, 2, 1]) == -6
    assert risen_pairs([1, 1, 2, 1]) == 1


def test_order_is_sure_when_chance_hardly_makes_it() -> None:
    assert confidence(range(8)) > 0.999
    assert 0.95 < confidence([1, 2, 4, 3, 5, 6, 8, 7]) < confidence(range(8))
    assert confidence([1, 2]) == 0.0
    assert confidence([3, 3, 3, 3]) == 0.0
    assert confidence([4, 3, 2, 1]) == 0.0


def test_noise_is_seldom_taken_for_order() -> None:
    chance = Random(1)
    sure = [confidence([chance.random() for _ in range(20)]) for _ in range(300)]
    assert sum(one > 0.99 for one in sure) <= 9  # three are expected


def test_values_that_resemble_their_neighbours_prove_less() -> None:
    chance, walk, level = Random(3), [], 0.0
    for _ in range(30):
        level = 0.9 * level + chance.gauss(0, 1)
        walk.append(level)
    rising = [value + 0.05 * step for step, value in enumerate(walk)]
    shuffled = [walk[place] + 0.05 * step for step, place in enumerate(chance.sample(range(30), 30))]
    assert confidence(rising, 0.05) < 0.999
    assert confidence(range(30), 1.0) > confidence(shuffled, 0.05) > 0


def test_a_line_is_not_moved_by_one_odd_value() -> None:
    points = [(float(at), 2.0 * at) for at in range(10)]
    points[4] = (4.0, 500.0)
    found = line(points)
    assert found is not None
    assert (round(found[0], 6), round(found[1], 6)) == (2.0, 18.0)
    assert line([(1.0, 5.0), (1.0, 6.0)]) is None
    assert line([]) is None


@given(LEVELS)
def test_confidence_is_a_probability_of_any_values(levels: list[float]) -> None:
    assert 0.0 <= confidence(levels) <= 1.0
    assert 0.0 <= confidence(levels, 1.5) <= 1.0
