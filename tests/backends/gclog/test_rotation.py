"""Random lives of a log against a reader that looks now and then: every collection read once, in order; what is lost is said.

The same lives each time; thousands of others by hand (more `max_examples`, `--hypothesis-profile=explore`) whenever the following changes.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backends.gclog.events import Collected
from backends.gclog.files.family import newest_current
from backends.gclog.files.tail import Changed, Tail
from backends.gclog.follow import Follower
from backends.gclog.parsing.assemble import Parser
from tests.backends.gclog.writers import ARCHIVES, KINDS, CopyTruncate, HoleCopyTruncate, Jdk8Ring, Writer

STEPS = st.lists(
    st.one_of(
        st.sampled_from(["write", "write", "rotate", "look", "look", "restart", "signal"]),
        st.floats(0.01, 0.99),  # half a line, cut there
    ),
    max_size=30,
)


class Reader:
    """What a follower does, with the numbers of the collections kept."""

    def __init__(self, writer: Writer) -> None:
        self.writer, self.tail, self.parser = writer, Tail(), Parser()
        self.read: list[int] = []
        self.follower = Follower()
        self.saw_nothing = True
        self.before = 0

    def look(self) -> None:
        path = str(self.writer.path)
        for piece in self.tail.poll(newest_current(path)):
            if isinstance(piece, Changed):
                self.parser.change_file()
            else:
                collected = [event for event in self.parser.feed(piece) if isinstance(event, Collected)]
                self.read += [int(event.at) for event in collected if event.at is not None]  # behind a gap a line may lack its beginning
        self.follower.look(path)
        self.saw_nothing = os.path.exists(path) and not os.path.getsize(path)  # noqa: PTH110, PTH202

    def begin(self) -> None:
        """What was written before counts for nobody."""
        self.look()
        self.read.clear()
        self.writer.written.clear()
        self.before = self.follower.account.young

    def close(self) -> None:
        self.tail.close()
        self.follower.close()


def play(writer: Writer, reader: Reader, steps: list[str | float], *, most: int) -> None:
    """At most so many rotations between two looks; a restart counts, as it may move or empty the log."""
    writer.write()
    writer.rotate()
    if isinstance(writer, CopyTruncate):
        writer.write()
    reader.begin()
    moved = 0
    for step in steps:
        if isinstance(step, float):
            writer.half(step)
        elif step == "look":
            reader.look()
            moved = 0
        elif step in ("rotate", "restart"):
            if isinstance(writer, HoleCopyTruncate | Jdk8Ring) and (reader.saw_nothing or moved):
                writer.finish()
                reader.look()  # what is written to an empty log and emptied again leaves no trace
            if moved < most:
                getattr(writer, step)()
                moved += 1
        elif step == "signal":
            getattr(writer, "signal", writer.finish)()
        else:
            writer.write()
    writer.finish()
    reader.look()
    reader.look()


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
@settings(max_examples=60)
@given(steps=STEPS)
@example(steps=["write", "rotate", "rotate", "rotate", "rotate"])  # overwritten by empty ones, and the log is empty as well
def test_no_collection_is_lost_and_none_read_twice(kind: type[Writer], steps: list[str | float]) -> None:
    """Whatever is lost was lost by nature: then there is a gap that says so."""
    with TemporaryDirectory() as folder:
        writer = kind(Path(folder))
        reader = Reader(writer)
        play(writer, reader, steps, most=2 * ARCHIVES)
        reader.close()
        writer.close()
    assert reader.read == sorted(set(reader.read))
    assert set(reader.read) <= set(writer.written)
    if not reader.tail.gaps:
        assert reader.read == writer.written
        assert reader.follower.account.young - reader.before == len(writer.written)


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
@settings(max_examples=40)
@given(steps=STEPS.map(lambda steps: [step for step in steps if step != "restart"]))
def test_as_long_as_archives_last_there_is_no_gap(kind: type[Writer], steps: list[str | float]) -> None:
    with TemporaryDirectory() as folder:
        writer = kind(Path(folder))
        reader = Reader(writer)
        play(writer, reader, steps, most=ARCHIVES - 1)
        reader.close()
        writer.close()
    assert (reader.read, reader.tail.gaps) == (writer.written, 0)
