"""One agent's log followed live: the tail gives pieces, the parser events, the account figures. The only I/O is the tail's."""

from backends.gclog.files.tail import Changed, Tail
from backends.gclog.judging.account import Account
from backends.gclog.opening import open_log
from backends.gclog.parsing.assemble import Parser


class Follower:
    """Follows one path. `look` reads what is new; the account is what is known.

    The first look reads only the end of a large log: `is_whole` is False then, and the account counts what was read since `first_at`."""

    def __init__(self) -> None:
        self.account = Account()
        self.parser = Parser()
        self.tail = Tail()
        self.is_whole = True  # everything since the log or its JVM began was read, not only its end
        self.first_at: float | None = None  # log time of the first event that was read
        self._is_begun = False

    @property
    def gaps(self) -> int:
        """How often something was lost, or may have been, since it is followed."""
        return self.tail.gaps

    @property
    def gap(self) -> str | None:
        """The last time, in words for an operator."""
        return self.tail.gap

    def look(self, path: str) -> None:
        """Raises OSError; what was read before stays."""
        if not self._is_begun:
            found = open_log(self.tail, path)
            self.account, self.parser, self.first_at, self.is_whole = found.account, found.parser, found.first_at, found.is_whole
            self._is_begun = True
        for piece in self.tail.poll(path):
            if isinstance(piece, Changed):
                self.parser.change_file()
                continue
            for event in self.parser.feed(piece):
                if self.first_at is None:
                    self.first_at = getattr(event, "at", None)
                self.account.note(event)

    def close(self) -> None:
        self.tail.close()
