"""Lines as a partner makes them. Written apart from relay/record.py on purpose."""


def columns(*texts: str) -> bytes:
    """`texts` without the length, which is put before them."""
    rest = "|".join(("", *texts)).encode() + b"\n"
    return b"%04d" % (len(rest) + 4) + rest


def request(number: int | str, payload: str = "payload", *, kind: str = "REQ") -> bytes:
    """A right record of the default layout."""
    text = f"{number:09d}" if isinstance(number, int) else number
    return columns(kind, text, "20261122184501", "HOST01", "JOB_A", "STEP1", "0", payload)


def response(number: int | str, code: int) -> bytes:
    text = f"{number:09d}" if isinstance(number, int) else number
    return columns("RES", text, str(code))
