"""What the lab raises: one line that says what is wrong and what to do next."""


class LabError(RuntimeError):
    """The lab cannot go on; the text is for the person who started it."""
