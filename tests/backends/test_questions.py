"""What a console may ask a source besides its snapshot: how a question travels, and that a wrong one is refused in words."""

import pytest

from backends.questions import VERBS, HistoryOf, Question, RecordsOf, arguments_of, question_of


@pytest.mark.parametrize(
    "question", [RecordsOf("orders", 3, before=120, limit=20), HistoryOf("app1-node-3"), HistoryOf("sink", "orders", 2)]
)
def test_a_question_travels_as_verb_and_flat_arguments(question: Question) -> None:
    verb, arguments = arguments_of(question)
    assert verb in VERBS
    assert all(isinstance(value, str | int | bool | None) for value in arguments.values())
    assert question_of(verb, arguments) == question


def test_a_question_without_what_it_needs_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="records: Object missing required field `topic`"):
        question_of("records", {})
    with pytest.raises(ValueError, match="Expected `int \\| null`, got `str`"):
        question_of("records", {"topic": "t", "partition": "first"})
