"""The record of the partner's side: one line, columns split by `|`, its own length first. Written apart from relay/ on purpose:
a lab that shared the relay's code would share its mistakes."""

import time

COLUMNS = 9


def request(process_no: str, sequence: int, payload: str = "hello") -> bytes:
    sent_at = time.strftime("%Y%m%d%H%M%S")
    return _with_length(f"REQ|{process_no}|{sent_at}|PARTNER-A|PLATFORM|ORDER|{sequence}|{payload}\n")


def answer(process_no: str, code: int) -> bytes:
    return _with_length(f"RES|{process_no}|{code}\n")


def _with_length(rest: str) -> bytes:
    line = rest.encode()
    return f"{len(line) + 5:04d}|".encode() + line


def wrong_type(process_no: str, sequence: int) -> bytes:
    return request(process_no, sequence).replace(b"|REQ|", b"|ASK|", 1)


def wrong_length(process_no: str, sequence: int) -> bytes:
    line = request(process_no, sequence)
    return f"{len(line) + 1:04d}".encode() + line[4:]


def wrong_columns(process_no: str, sequence: int) -> bytes:
    return _with_length(f"REQ|{process_no}|{sequence}|too few\n")


def read_answer(line: bytes) -> tuple[str, str]:
    """Process number and code of a whole answer line; raises ValueError when it is none."""
    columns = line.decode().removesuffix("\n").split("|")
    if len(columns) != 4 or columns[1] != "RES" or columns[0] != f"{len(line):04d}":
        raise ValueError(f"not an answer: {line!r}")
    return columns[2], columns[3]


def read_process_no(line: bytes) -> str:
    """The third column, empty when there is none."""
    columns = line.decode(errors="replace").split("|")
    return columns[2] if len(columns) > 2 else ""
