"""Slips and questions as values: what keys do to them, what they say, when they let one go on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.questions import Preview
from tests.tui.brokers import QUEUES, message, queue, seen
from tui.actions import queues
from tui.actions.plan import READ_ONLY
from tui.actions.queues import Chosen, asks_for, slip_for, why_not
from tui.actions.sending import Mistake, file_of, properties, send_arguments
from tui.confirming import Ask, Confirmation
from tui.editing import EDITS, Text
from tui.format import width
from tui.line import line_width, plain
from tui.pane import Entry
from tui.slip import GO, LEAVE, Slip

SEEN = seen()
SEND = {
    "body": "hello",
    "kind": "text",
    "count": "1",
    "persistent": "yes",
    "priority": "4",
    **dict.fromkeys(("ttl_s", "delay_s", "correlation_id", "reply_to", "type", "group_id", "properties"), ""),
}


def chosen(*names: str, **fields: Any) -> Chosen:
    entries = tuple(Entry(each.name, 0, each, SEEN) for each in QUEUES if each.name in (names or ("orders",)))
    return Chosen(entries, **fields)


def slip(verb: str = "move", about: Chosen | None = None) -> Slip:
    made = slip_for(verb, about or chosen(), [SEEN])
    assert made is not None
    return made


def types(made: Slip | Confirmation, text: str) -> None:
    for char in text:
        made.press(char, char)


# -- a text -----------------------------------------------------------------------------------------------------------------------------


def test_hangul_is_typed_as_it_is_and_taken_back_a_syllable_at_a_time() -> None:
    text = Text()
    for char in "주문":
        text.press(char, char)
    text.insert("\u1112\u1161\u11ab")  # decomposed, as a file name of a Mac is pasted
    assert text.value == "주문한"
    text.press("backspace", None)
    assert text.value == "주문"


def test_a_paste_into_one_line_is_one_line_without_controls() -> None:
    text = Text("ab")
    text.press("left", None)
    text.insert("x\r\ny\x1b[31m\n")
    assert text.value == "ax y[31mb"


def test_a_long_text_has_lines_that_one_walks() -> None:
    text = Text("first\nsecond", is_long=True)
    assert text.place == (1, 6)
    assert text.step_line(-1) and text.place == (0, 5)
    assert not text.step_line(-1)
    text.press("enter", None)
    assert text.value == "first\n\nsecond"
    assert text.window(4, 2) == (["rst", ""], 0, 1) or text.window(4, 2)[2] == 1


@given(st.text(max_size=30), st.lists(st.sampled_from([*EDITS, "enter", "a", "한"]), max_size=30), st.booleans(), st.integers(2, 12))
def test_however_one_edits_the_cursor_is_in_the_text_and_on_the_screen(start: str, keys: list[str], is_long: bool, cells: int) -> None:
    text = Text(is_long=is_long)
    text.insert(start)
    for key in keys:
        text.press(key, key if len(key) == 1 else None)
        assert 0 <= text.cursor <= len(text.value)
        _, x, y = text.window(cells, 3)
        assert 0 <= x <= cells and 0 <= y < 3
    assert is_long or "\n" not in text.value


# -- a slip -----------------------------------------------------------------------------------------------------------------------------


def test_a_move_needs_a_target_that_is_another_queue() -> None:
    made = slip()
    assert made.press("enter", None) is None and made.trouble == "name the queue that they go to"
    types(made, "orders")
    assert made.press("enter", None) is None and made.trouble == "orders is where they are"
    types(made, ".o")
    assert made.press("tab", None) is None and made.values["to"] == "orders.old", "Tab completes"
    assert made.press("enter", None) == "go"


def test_tab_walks_on_where_there_is_nothing_to_complete_and_esc_leaves_from_anywhere() -> None:
    made = slip()
    made.press("tab", None)
    assert made.at == "which"
    made.press("tab", None)
    assert made.at == GO
    made.press("right", None)
    assert made.at == LEAVE and made.press("enter", None) == "leave"
    made.press("down", None)
    assert made.at == "to" and made.press("escape", None) == "leave"


def test_blanks_come_and_go_with_the_choice_that_they_belong_to() -> None:
    made = slip()
    types(made, "x")
    made.press("down", None)
    assert [blank.key for blank in made.shown] == ["to", "which"]
    types(made, "b")  # by selector
    assert [blank.key for blank in made.shown] == ["to", "which", "selector", "first"]
    assert made.press("enter", None) is None and made.at == "selector"
    types(made, "a = 1")
    made.press("down", None)
    types(made, "many")
    assert made.press("enter", None) is None and made.trouble == "a number of messages, such as 100"
    for _ in "many":
        made.press("backspace", None)
    types(made, "1,000")
    assert made.press("enter", None) == "go"
    (ask,) = asks_for("move", chosen(), made.values, {})
    assert ask == ("broker-a", "move", "orders", {"queue": "orders", "selector": "a = 1", "first": 1000, "to": "x"})


def test_what_is_marked_is_chosen_first_and_named_one_a_line() -> None:
    made = slip("remove", chosen(messages=(message(1), message(2))))
    assert made.press("enter", None) == "go"
    assert asks_for("remove", chosen(messages=(message(1), message(2))), made.values, {})[0].arguments == {
        "queue": "orders",
        "ids": "ID:host-1:1\nID:host-1:2",
    }
    assert "all" not in dict(made.blanks[0].choices), "all of a queue is a purge"


@pytest.mark.parametrize("size", [(56, 18), (90, 30)])
def test_a_slip_fits_its_width_with_its_cursor_inside(size: tuple[int, int]) -> None:
    made = slip("send")
    types(made, "한글 본문 " * 30)
    lines, (x, y), here = made.body(size[0])
    assert all(line_width(line) <= size[0] for line in (*lines, *made.foot(size[0])))
    assert x <= size[0] and y == here == 0


def test_a_queue_is_made_on_the_broker_that_one_chooses() -> None:
    both = [SEEN, seen(name="broker-b")]
    made = slip_for("create", Chosen(()), both)
    assert made is not None and made.press("enter", None) is None and made.trouble == "give it a name"
    types(made, "new.one")
    made.press("down", None)
    made.press("right", None)
    assert made.press("enter", None) == "go"
    assert asks_for("create", Chosen(()), made.values, {}) == [("broker-b", "create", "new.one", {"queue": "new.one"})]


# -- sending ----------------------------------------------------------------------------------------------------------------------------


def test_a_message_is_persistent_and_of_usual_priority_unless_somebody_says_otherwise() -> None:
    assert send_arguments(SEND, None) == {"kind": "text", "persistent": True, "body": "hello", "count": 1, "priority": 4}


def test_everything_on_the_slip_is_sent() -> None:
    values = {**SEND, "kind": "bytes", "count": "1,000", "persistent": "no", "priority": "9", "ttl_s": "1.5", "delay_s": "60"}
    values |= {"reply_to": " answers ", "type": "T", "properties": "region=서울\nn:int=5\nurgent:Boolean=true\n"}
    arguments = send_arguments(values, b"\xff")
    assert arguments == {
        "kind": "bytes",
        "persistent": False,
        "body_base64": "/w==",
        "count": 1000,
        "priority": 9,
        "ttl_s": 1.5,
        "delay_s": 60.0,
        "reply_to": "answers",
        "type": "T",
        "properties": '{"region": "서울", "n": {"type": "Int", "value": 5}, "urgent": {"type": "Boolean", "value": true}}',
    }


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("count", "many", "'many' is not a number"),
        ("count", "0", "'0' is not a number"),
        ("priority", "10", "is not a number from 0 to 9"),
        ("ttl_s", "soon", "'soon' is not seconds"),
        ("ttl_s", "nan", "'nan' is not seconds"),
        ("properties", "region", "'region' is no NAME=VALUE"),
        ("properties", "n:Int=x", "'n:Int=x': 'x' is no whole number"),
        ("properties", "n:Number=1", "'Number' in 'n:Number=1' is no type"),
    ],
)
def test_what_is_wrong_on_the_slip_is_said_before_anybody_is_asked(key: str, value: str, says: str) -> None:
    wrong = queues.check_send({**SEND, key: value}, chosen())
    assert wrong is not None and wrong.key == key and says in wrong.sentence


def test_a_map_must_be_one_and_a_file_is_looked_at_later() -> None:
    wrong = queues.check_send({**SEND, "kind": "map"}, chosen())
    assert wrong is not None and "JSON object" in wrong.sentence
    assert queues.check_send({**SEND, "kind": "map", "body": "@/tmp/map.json"}, chosen()) is None
    assert file_of({"body": "@~/a b.txt "}) == "~/a b.txt"
    assert file_of({"body": "@@home"}) is None and send_arguments({**SEND, "body": "@@home"}, None)["body"] == "@home"
    with pytest.raises(Mistake, match="send it as bytes"):
        send_arguments({**SEND, "body": "@x"}, b"\xff")


def test_a_property_may_hold_an_equals_sign() -> None:
    assert properties(" q = a=b ") == '{"q": "a=b"}'


# -- why not ----------------------------------------------------------------------------------------------------------------------------


def test_the_broker_s_own_reason_greys_a_key() -> None:
    from tests.tui.brokers import with_broker

    denied = seen(with_broker(capabilities={"purge": "denied: 403 purge is forbidden", "create": False}))
    about = Chosen((Entry("o", 0, QUEUES[0], denied),))
    assert why_not("purge", about, [denied], writable=True) == "denied: 403 purge is forbidden"
    assert why_not("create", about, [denied], writable=True) == "the broker does not allow it"
    assert why_not("delete", about, [denied], writable=True) is None
    assert why_not("delete", about, [denied], writable=False) == READ_ONLY


def test_what_makes_no_sense_says_what_would() -> None:
    assert why_not("purge", Chosen(()), [SEEN], writable=True) == "stand on a queue, or mark several"
    assert why_not("remove", chosen(), [SEEN], writable=True) == "there are no messages here"
    assert why_not("retry", chosen(), [SEEN], writable=True) == "orders holds no dead letters"
    assert why_not("retry", chosen("orders.dlq"), [SEEN], writable=True) is None
    dead = message(1, original_destination="queue://orders")
    assert why_not("retry", chosen(messages=(dead,)), [SEEN], writable=True) is None
    down = seen(state="down", error="refused")
    about = Chosen((Entry("o", 0, QUEUES[0], down),))
    assert why_not("send", about, [down], writable=True) == "broker-a is down: nothing can be asked of it now"
    assert why_not("create", about, [down], writable=True) == "no broker answers"


def test_the_key_that_pauses_lets_go_on_what_is_paused() -> None:
    paused = Chosen((Entry("o", 0, queue("o", paused=True), SEEN),))
    assert (queues.meant("pause", paused), queues.meant("pause", chosen())) == ("resume", "pause")


# -- the question -----------------------------------------------------------------------------------------------------------------------


def ask(name: str = "orders", verb: str = "purge") -> Ask:
    return Ask("broker-a", verb, name, {"queue": name})


def preview(name: str = "orders", verb: str = "purge", **fields: Any) -> Preview:
    typed = name if verb in ("purge", "delete") else None
    return Preview(verb, (f"{verb} {name}",), **{"expect": {"pending": 1204}, "typed": typed, **fields})


def text(made: Confirmation) -> str:
    return "\n".join(plain(line).rstrip() for line in made.lines(60)[0])


def test_yes_means_nothing_while_it_is_counted() -> None:
    made = Confirmation("Move", "Move", [ask(verb="move")])
    assert made.press("y", "y") is None and made.trouble == "still counting: nothing is done before that"
    assert "counting…" in text(made)
    made.is_told(0, preview(verb="move"))
    assert made.press("enter", None) == "no", "Cancel is chosen"
    made.press("left", None)
    assert made.press("enter", None) == "yes"


@pytest.mark.parametrize("found", ["broker-a: no answer", preview(verb="move", refused="an odd target: topic://x")])
def test_what_is_refused_or_could_not_be_counted_cannot_be_confirmed(found: Preview | str) -> None:
    made = Confirmation("Move", "Move", [ask(verb="move")])
    made.is_told(0, found)
    assert made.press("y", "y") is None and made.trouble == "there is nothing to confirm"
    assert "no answer" in text(made) or "refused: an odd target" in text(made)
    assert made.press("escape", None) == "no"


def test_a_name_is_typed_and_a_wrong_one_is_told() -> None:
    made = Confirmation("Purge orders", "Purge", [ask()])
    made.is_told(0, preview())
    assert made.press("enter", None) is None and "nothing was typed; type orders" in made.trouble
    types(made, "order")
    assert made.press("enter", None) is None and "that is not the name: 'order'" in made.trouble
    made.press("y", "y")
    assert made.press("enter", None) is None, "y is a letter here"
    made.press("backspace", None)
    made.paste("s")
    assert made.press("enter", None) == "yes"


def test_of_several_the_refused_are_left_out_and_the_number_is_typed() -> None:
    made = Confirmation("Purge 12 queues", "Purge", [ask(f"q{number}") for number in range(12)])
    for number in range(12):
        assert made.word is None
        made.is_told(number, preview(f"q{number}", warnings=("lost for good",)) if number != 7 else preview(refused="protected"))
    assert made.word == "11 queues" and len(made.doable) == 11
    shown = text(made)
    assert "q7  broker-a  left out: protected" in shown and "and 4 more" in shown
    assert "11 queues, 13,244 messages in all; 1 left out" in shown and shown.count("lost for good") == 1
    types(made, "11 queues")
    assert made.press("enter", None) == "yes"


def test_a_question_about_odd_names_is_no_wider_than_its_frame() -> None:
    made = Confirmation("Purge 한글\x1b[2J" * 20, "Purge", [ask("한글" * 60), ask("x")], "Counts changed; nothing was done")
    made.is_told(0, preview("한글" * 60, warnings=("w" * 300,)))
    made.is_told(1, "no")
    lines, (x, _) = made.lines(50)
    assert all(line_width(line) <= 50 for line in lines) and x <= 50
    assert width("\x1b") == 0 or all("\x1b" not in plain(line) for line in lines)
