"""A partner's conversation, told as a play. Every row of the receiver's fine print that is about answers stands here by its name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.config import Codes, ReceiverTimeouts, Records, RequestLayout
from relay.receiving.session import WINDOW, Do
from relay.record import Layout
from tests.relay.playbook import (
    ABORT,
    CLOSE,
    FINISH,
    PAUSE,
    RESUME,
    Blocked,
    Desk,
    Drained,
    Ended,
    Keep,
    Kicked,
    Later,
    Lost,
    Play,
    Received,
    Refused,
    Send,
    Store,
    Stored,
    Unblocked,
    play,
)
from tests.relay.records import columns, request, response

ONE, TWO, THREE = request(1), request(2), request(3)


def test_a_record_is_answered_200_only_when_it_is_stored() -> None:
    assert play() >> Received(ONE) << Store(ONE) >> Stored() << Send(response(1, 200))


def test_the_old_contract_one_record_one_answer_close() -> None:
    assert play() >> Received(ONE) << Store(ONE) >> Ended() >> Stored() << Send(response(1, 200)) << CLOSE


def test_a_record_split_into_single_bytes_is_one_record() -> None:
    conversation = play()
    for place in range(len(ONE) - 1):
        assert conversation >> Received(ONE[place : place + 1])
    assert conversation >> Received(b"\n") << Store(ONE) >> Stored() << Send(response(1, 200))


def test_pipelined_records_are_answered_in_request_order() -> None:
    assert play() >> Received(ONE + TWO) << Store(ONE + TWO) >> Stored() << Send(response(1, 200) + response(2, 200))


def test_a_refusal_behind_a_pending_record_waits_its_turn() -> None:
    conversation = play() >> Received(ONE) << Store(ONE) >> Received(b"bad\n") << Keep(401, b"bad")
    assert conversation >> Stored() << Send(response(1, 200) + response("", 401))


def test_a_refusal_alone_is_answered_at_once_and_the_connection_goes_on() -> None:
    conversation = play() >> Received(b"\n") << Keep(401, b"") << Send(b"0014|RES||401\n")
    assert conversation >> Received(ONE) << Store(ONE) >> Stored() << Send(response(1, 200))


def test_good_and_bad_lines_in_one_packet_keep_their_order() -> None:
    bad = columns("XXX", "9", "a", "b", "c", "d", "e", "f")
    conversation = play() >> Received(ONE + bad + TWO) << Keep(400, bad[:-1]) << Store(ONE + TWO)
    assert conversation >> Stored() << Send(response(1, 200) + response("9", 400) + response(2, 200))


def test_storage_trouble_refuses_every_record_of_the_batch_and_no_refusal_twice() -> None:
    conversation = play() >> Received(ONE + b"bad\n" + TWO) << Keep(401, b"bad") << Store(ONE + TWO)
    assert conversation >> Lost() << Send(response(1, 503) + response("", 401) + response(2, 503))
    assert conversation.session.counters.naks == {401: 1, 503: 2}
    assert conversation.session.counters.acks == 0


def test_a_record_refused_for_storage_is_stored_when_it_comes_again() -> None:
    conversation = play() >> Received(ONE) << Store(ONE) >> Lost() << Send(response(1, 503))
    assert conversation >> Received(ONE) << Store(ONE) >> Stored() << Send(response(1, 200))


# Duplicates.


def test_the_same_number_and_line_again_is_answered_200_and_stored_once() -> None:
    conversation = play() >> Received(ONE) << Store(ONE) >> Stored() << Send(response(1, 200))
    assert conversation >> Received(ONE) << Send(response(1, 200))
    assert conversation.session.counters.duplicates == 1


def test_the_same_number_with_other_content_is_a_conflict_and_kept() -> None:
    other = request(1, "other")
    conversation = play() >> Received(ONE) << Store(ONE) >> Stored() << Send(response(1, 200))
    assert conversation >> Received(other) << Keep(409, other[:-1]) << Send(response(1, 409))


def test_a_duplicate_shares_the_fate_of_a_pending_original_that_is_stored() -> None:
    conversation = play() >> Received(ONE) << Store(ONE) >> Kicked() >> Received(ONE) << Store(b"")
    assert conversation >> Stored() << Send(response(1, 200)) << Send(response(1, 200))
    assert conversation.stored == ONE


def test_a_duplicate_shares_the_fate_of_a_pending_original_that_is_lost() -> None:
    conversation = play() >> Received(ONE) << Store(ONE) >> Kicked() >> Received(ONE) << Store(b"")
    assert conversation >> Lost() << Send(response(1, 503)) << Send(response(1, 503))
    assert conversation >> Received(ONE) << Store(ONE) >> Stored() << Send(response(1, 200))


def test_a_duplicate_in_the_same_packet_is_stored_once() -> None:
    conversation = play() >> Received(ONE + ONE + TWO) << Store(ONE + TWO)
    assert conversation >> Stored() << Send(response(1, 200) * 2 + response(2, 200))


def test_a_duplicate_on_another_connection_waits_for_the_original() -> None:
    desk = Desk()
    first, second = Play(desk), Play(desk)
    assert first >> Received(ONE) << Store(ONE)
    assert second >> Received(ONE) << Store(b"")
    desk.decide(False)
    assert first << Send(response(1, 503))
    assert second << Send(response(1, 503))


def test_a_new_record_behind_a_pending_duplicate_belongs_to_its_own_batch() -> None:
    conversation = play() >> Received(ONE) << Store(ONE) >> Kicked()
    assert conversation >> Received(ONE + TWO) << Store(b"") << Store(TWO)
    assert conversation >> Stored() << Send(response(1, 200)) << Send(response(1, 200))
    assert conversation >> Lost() << Send(response(2, 503))


def test_a_conflict_with_a_pending_original_is_only_one_if_that_is_stored() -> None:
    other = request(1, "other")
    stored = play() >> Received(ONE) << Store(ONE) >> Kicked() >> Received(other) << Store(b"")
    assert stored >> Stored() << Send(response(1, 200)) << Keep(409, other[:-1]) << Send(response(1, 409))
    lost = play() >> Received(ONE) << Store(ONE) >> Kicked() >> Received(other) << Store(b"")
    assert lost >> Lost() << Send(response(1, 503)) << Send(response(1, 503))
    assert lost >> Received(other) << Store(other) >> Stored() << Send(response(1, 200))


# Too long, and lines that never end.


def test_an_over_long_line_is_answered_413_with_its_number_and_ends_the_connection() -> None:
    line = request(1, "x" * 5000)
    conversation = play() >> Received(line) << Keep(413, line[:4096]) << Send(response(1, 413)) << FINISH
    assert conversation >> Received(TWO)
    assert conversation >> Later(0.5)
    assert conversation >> Later(0.6) << CLOSE


def test_a_line_without_newline_is_too_long_as_soon_as_it_must_be() -> None:
    assert play() >> Received(b"x" * 4095)
    assert play() >> Received(b"x" * 4096) << Keep(413, b"x" * 4096) << Send(response("", 413)) << FINISH


def test_after_413_the_connection_is_closed_when_the_peer_closes_it() -> None:
    conversation = play() >> Received(b"x" * 5000) << Keep(413, b"x" * 4096) << Send(response("", 413)) << FINISH
    assert conversation >> Ended() << CLOSE


def test_records_before_an_over_long_line_are_answered_first() -> None:
    line = b"x" * 4096
    conversation = play() >> Received(ONE + line) << Store(ONE) << Keep(413, line)
    assert conversation >> Stored() << Send(response(1, 200) + response("", 413)) << FINISH


def test_a_line_without_newline_at_the_end_is_answered_402_and_never_stored() -> None:
    assert play() >> Received(ONE[:-1]) >> Ended() << Send(response(1, 402)) << CLOSE
    assert play() >> Received(ONE[:15]) >> Ended() << Send(response("", 402)) << CLOSE


def test_a_whole_record_before_the_cut_one_is_stored() -> None:
    conversation = play() >> Received(ONE + TWO[:-1]) << Store(ONE) >> Ended()
    assert conversation >> Stored() << Send(response(1, 200) + response(2, 402)) << CLOSE


def test_a_peer_that_says_nothing_and_closes_is_let_go() -> None:
    assert play() >> Ended() << CLOSE


# The window, and peers that do not read.


def test_no_more_than_the_window_is_taken_and_reading_stops_until_there_is_room() -> None:
    lines = [request(number) for number in range(WINDOW + 10)]
    first, rest = b"".join(lines[:WINDOW]), b"".join(lines[WINDOW:])
    conversation = play() >> Received(first + rest) << Store(first) << PAUSE
    answers = b"".join(response(number, 200) for number in range(WINDOW))
    assert conversation >> Stored() << Send(answers) << Store(rest) << RESUME
    assert conversation >> Stored() << Send(b"".join(response(number, 200) for number in range(WINDOW, WINDOW + 10)))


def test_an_ended_peer_gets_the_answers_beyond_the_window_too() -> None:
    lines = [request(number) for number in range(WINDOW + 1)]
    conversation = play() >> Received(b"".join(lines)) << Store(b"".join(lines[:WINDOW])) << PAUSE >> Ended() << RESUME
    conversation = conversation >> Stored() << Send(b"".join(response(number, 200) for number in range(WINDOW)))
    assert conversation << Store(lines[WINDOW]) >> Stored() << Send(response(WINDOW, 200)) << CLOSE


def test_reading_stops_when_the_peer_does_not_read_its_answers() -> None:
    conversation = play() >> Blocked() << PAUSE
    assert conversation >> Unblocked() << RESUME


# Deadlines: `Later` is the sweep.


def test_a_peer_that_never_sends_a_byte_is_ended() -> None:
    conversation = play() >> Later(9.9)
    assert conversation >> Later(0.1) << FINISH
    assert conversation.session.ended_by == "first_byte"


def test_a_record_must_be_whole_within_its_deadline_however_it_trickles() -> None:
    conversation = play()
    for place in range(9):
        assert conversation >> Received(ONE[place : place + 1]) >> Later(1.0)
    assert conversation >> Received(b"0") >> Later(1.0) << Send(response("", 402)) << FINISH
    assert conversation.session.ended_by == "record"


def test_a_whole_record_begins_the_deadline_of_the_next_anew() -> None:
    conversation = play() >> Received(ONE[:5]) >> Later(9.0)
    assert conversation >> Received(ONE[5:] + TWO[:5]) << Store(ONE) >> Stored() << Send(response(1, 200))
    assert conversation >> Later(9.0)
    assert conversation >> Later(1.0) << Send(response("", 402)) << FINISH


def test_an_idle_connection_is_ended() -> None:
    conversation = play() >> Received(ONE) << Store(ONE) >> Stored() << Send(response(1, 200))
    assert conversation >> Later(59.9)
    assert conversation >> Later(0.1) << FINISH
    assert conversation.session.ended_by == "idle"


def test_a_slow_disk_is_not_the_peers_fault() -> None:
    conversation = play() >> Received(ONE) << Store(ONE) >> Later(1000.0)
    assert conversation >> Stored() << Send(response(1, 200))


def test_time_in_which_we_did_not_listen_is_not_the_peers() -> None:
    conversation = play() >> Received(ONE[:5]) >> Blocked() << PAUSE >> Later(29.0, 100) >> Unblocked() << RESUME
    assert conversation >> Later(9.0)
    assert conversation >> Later(1.0) << Send(response("", 402)) << FINISH


def test_answers_that_are_not_read_end_the_connection_at_once() -> None:
    conversation = play() >> Blocked() << PAUSE >> Later(1.0, 500) >> Later(29.0, 500)
    assert conversation >> Later(1.0, 500) << ABORT
    assert conversation.session.ended_by == "unread"


def test_a_slow_reader_is_not_one_that_does_not_read() -> None:
    conversation = play() >> Blocked() << PAUSE
    for unsent in (500, 400, 300, 200):
        assert conversation >> Later(20.0, unsent)


def test_a_last_answer_that_is_not_read_within_a_second_is_given_up() -> None:
    conversation = play() >> Received(b"x" * 4096) << Keep(413, b"x" * 4096) << Send(response("", 413)) << FINISH
    assert conversation >> Later(1.0, unsent=20) << ABORT


def test_deadlines_are_those_of_the_configuration() -> None:
    desk = Desk(timeouts=ReceiverTimeouts(first_byte=1.0, record=2.0, idle=3.0, unread=4.0))
    assert play(desk) >> Later(1.0) << FINISH
    assert play(desk) >> Received(b"0") >> Later(2.0) << Send(response("", 402)) << FINISH


# Single records that a broker refuses.


def test_a_record_that_is_refused_alone_hears_its_code_and_the_others_are_stored() -> None:
    conversation = play() >> Received(ONE + TWO + THREE) << Store(ONE + TWO + THREE)
    answers = response(1, 200) + response(2, 413) + response(3, 200)
    assert conversation >> Refused({b"000000002": 413}) << Send(answers)
    assert conversation.session.counters.acks == 2
    assert conversation.session.counters.naks == {413: 1}
    assert conversation >> Received(TWO) << Store(TWO) >> Stored() << Send(response(2, 200))


def test_a_duplicate_of_a_pending_record_that_is_refused_hears_the_same_code() -> None:
    conversation = play() >> Received(ONE) << Store(ONE) >> Kicked() >> Received(ONE) << Store(b"")
    assert conversation >> Refused({b"000000001": 413}) << Send(response(1, 413)) << Send(response(1, 413))
    assert conversation.session.counters.acks == 0


def test_a_line_in_conflict_with_a_pending_record_that_is_refused_may_come_again() -> None:
    """Its own content was not judged: 413 would be a lie about it, 409 as well."""
    other = request(1, "other")
    conversation = play() >> Received(ONE + TWO) << Store(ONE + TWO) >> Kicked() >> Received(other) << Store(b"")
    conversation = conversation >> Refused({b"000000001": 413}) << Send(response(1, 413) + response(2, 200))
    assert conversation << Send(response(1, 503))
    assert conversation.session.counters.acks == 1
    assert conversation.session.counters.naks == {413: 1, 503: 1}
    assert conversation >> Received(other) << Store(other) >> Stored() << Send(response(1, 200))


# Drain.


def test_a_drain_answers_what_was_received_and_takes_no_more() -> None:
    conversation = play() >> Received(ONE) << Store(ONE) >> Drained() >> Received(TWO)
    assert conversation >> Stored() << Send(response(1, 200)) << FINISH


def test_a_drain_ends_an_answered_connection_at_once_and_hears_it_out() -> None:
    conversation = play() >> Received(ONE) << Store(ONE) >> Stored() << Send(response(1, 200))
    assert conversation >> Drained() << FINISH >> Received(TWO) >> Later(0.9)
    assert conversation >> Later(0.1) << CLOSE


def test_a_drain_waits_for_the_first_record_of_a_connection_and_answers_it() -> None:
    conversation = play() >> Drained() >> Later(0.5) >> Received(ONE) << Store(ONE) >> Received(TWO)
    assert conversation >> Stored() << Send(response(1, 200)) << FINISH
    assert conversation.stored == ONE


def test_a_drain_waits_for_the_rest_of_a_line() -> None:
    conversation = play() >> Received(ONE + TWO[:10]) << Store(ONE) >> Drained() >> Later(0.5) >> Received(TWO[10:]) << Store(TWO)
    assert conversation >> Stored() << Send(response(1, 200)) << Send(response(2, 200)) << FINISH


def test_a_drained_peer_that_says_nothing_in_time_is_ended() -> None:
    assert play() >> Drained() >> Later(0.9) >> Later(0.1) << FINISH >> Later(1.0) << CLOSE


def test_a_line_that_is_not_whole_in_time_is_neither_stored_nor_refused_by_a_drain() -> None:
    """Its partner sends it again, to the relay that comes after us; 402 would be its last word on it."""
    conversation = play() >> Received(ONE + TWO[:10]) << Store(ONE) >> Stored() << Send(response(1, 200)) >> Drained()
    assert conversation >> Later(1.0) << FINISH
    assert conversation.stored == ONE


def test_a_partner_that_never_pauses_is_cut_at_the_end_of_a_record() -> None:
    conversation = play() >> Drained() >> Received(ONE[:30]) >> Received(ONE[30:] + TWO[:30]) << Store(ONE)
    conversation = conversation >> Received(TWO[30:] + THREE) << Store(TWO + THREE) >> Received(ONE + b"more")
    assert conversation >> Stored() << Send(response(1, 200)) << Send(response(2, 200) + response(3, 200)) << FINISH


def test_lines_beyond_the_window_were_received_and_are_answered_in_a_drain() -> None:
    lines = [request(number) for number in range(WINDOW + 1)]
    conversation = play() >> Received(b"".join(lines) + b"part") << Store(b"".join(lines[:WINDOW])) << PAUSE >> Drained()
    conversation = conversation >> Later(1.0) << RESUME
    conversation = conversation >> Stored() << Send(b"".join(response(number, 200) for number in range(WINDOW)))
    assert conversation << Store(lines[WINDOW]) >> Stored() << Send(response(WINDOW, 200)) << FINISH


# Anything at all.

SMALL = Layout(Records(request=RequestLayout(max_bytes=100)), Codes())
PIECES = st.sampled_from(
    [
        ONE,
        ONE,
        TWO,
        request(1, "other"),
        request(3, "가나"),
        b"\n",
        b"bad\n",
        b"\xff\n",
        b"\x00|\n",
        b"x" * 99,
        columns("REQ", "", "a"),
        b"0025|REQ|",
        b"|",
    ]
)
TALK = st.lists(PIECES, max_size=12).map(b"".join)


def answers(pieces: list[bytes], fates: list[bool]) -> tuple[bytes, bytes]:
    """Everything sent and stored when the whole talk is fed in these pieces."""
    conversation = play(Desk(SMALL))
    for piece in pieces:
        conversation >> Received(piece)
    conversation >> Ended()
    for fate in fates:
        if conversation.desk.batches:
            conversation.desk.decide(fate)
    while conversation.desk.batches:
        conversation.desk.decide(True)
    return conversation.sent, conversation.stored


@given(TALK, st.lists(st.integers(1, 40), max_size=40))
def test_any_split_of_any_bytes_gives_the_same_answers(talk: bytes, cuts: list[int]) -> None:
    pieces, start = [], 0
    for cut in cuts:
        pieces.append(talk[start : start + cut])
        start += cut
    pieces.append(talk[start:])
    assert answers([piece for piece in pieces if piece], []) == answers([talk] if talk else [], [])


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=10), st.lists(st.booleans(), max_size=4))
def test_random_bytes_never_hurt(pieces: list[bytes], fates: list[bool]) -> None:
    sent, _ = answers(pieces, fates)
    assert sent == b"" or sent.endswith(b"\n")


ACTIONS = st.lists(
    st.one_of(
        PIECES.map(Received),
        st.builds(Stored),
        st.builds(Lost),
        st.just(Refused({b"000000001": 413, b"000000002": 503})),
        st.builds(Kicked),
        st.builds(Blocked),
        st.builds(Unblocked),
        st.floats(0.1, 20.0).map(Later),
        st.builds(Ended),
        st.builds(Drained),
    ),
    max_size=40,
)


@settings(max_examples=300)
@given(ACTIONS)
def test_whatever_happens_in_whatever_order_every_stored_record_is_answered_once(events: list[object]) -> None:
    """Memory stays bounded, answers are as many as whole lines, and only stored ones say 200."""
    conversation = play(Desk(SMALL))
    desk, reading = conversation.desk, True
    for event in events:
        if isinstance(event, Stored | Lost | Refused) and not desk.batches:
            continue
        if isinstance(event, Received | Ended) and not reading:
            continue  # the shell does not read while it is told not to
        conversation >> event  # type: ignore[operator]
        for action in conversation.actions:
            reading = {PAUSE: False, RESUME: True, FINISH: True}.get(action, reading) if isinstance(action, Do) else reading
        if any(action in (CLOSE, ABORT) for action in conversation.actions):
            return
        conversation.actions.clear()
    while desk.batches:
        desk.decide(True)
    counters = conversation.session.counters
    assert conversation.sent.count(b"\n") >= counters.acks
    assert conversation.sent.count(b"|200\n") == counters.acks
    assert len(conversation.session._buffer) < 100
    for line in conversation.stored.splitlines():
        assert SMALL.check(line).code == 200


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 1000])
def test_many_records_at_once_are_all_answered_in_order(count: int) -> None:
    conversation = play(Desk(most=5000)) >> Received(b"".join(request(number) for number in range(count)))
    while conversation.desk.batches:
        conversation.desk.decide(True)
    assert conversation.sent == b"".join(response(number, 200) for number in range(count))
    assert conversation.stored == b"".join(request(number) for number in range(count))
