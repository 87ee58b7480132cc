"""Expected trouble of the command line: a sentence on stderr and an exit code, never a traceback.

Trouble
├── BadConfiguration    78  the file cannot be read, or has mistakes: one line each
├── ServiceUnavailable  69  something we need does not answer, or somebody has what we want
├── TryAgain            75  it will work later: a daemon that is starting or stopping
└── ActionFailed         1  the daemon said no
"""


class Trouble(Exception):
    """`lines` are what the operator reads."""

    exit_code = 1

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class BadConfiguration(Trouble):
    exit_code = 78


class ServiceUnavailable(Trouble):
    exit_code = 69


class TryAgain(Trouble):
    exit_code = 75


class ActionFailed(Trouble):
    exit_code = 1
