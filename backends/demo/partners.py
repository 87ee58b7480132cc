"""The relay of the demonstration: two receivers, two senders, one of which loses its partner."""

from collections.abc import Mapping
from typing import Any

from backends.demo.scene import PARTNER_DOWN, ROUND, lost, noise, wave, within
from backends.snapshots import Relay
from backends.source import Answer
from relay.status import ConnectionStatus, FailedFile, ReceiverStatus, RefusedLine, SenderStatus

FAILED_NAMES = tuple(f"20261122-03{minute:02}-{what}.req" for minute, what in enumerate(("orders", "orders", "clicks", "refunds") * 3))


class Deeds:
    """What the operator did to the demonstration."""

    def __init__(self) -> None:
        self.paused: set[str] = set()
        self.resent: set[str] = set()
        self.cut: set[int] = set()

    def act(self, verb: str, arguments: Mapping[str, Any]) -> Answer:
        name = str(arguments.get("name", ""))
        if verb in ("pause", "drain") and name:
            self.paused.add(name)
            return Answer(True, f"{name} is {'drained and ' if verb == 'drain' else ''}paused (demonstration)")
        if verb == "resume":
            self.paused.discard(name)
            return Answer(True, f"{name} goes on (demonstration)")
        if verb == "resend":
            file = arguments.get("file")
            self.resent.update([str(file)] if file else FAILED_NAMES)
            return Answer(True, f"{file or 'every failed file'} is in the outbox again (demonstration)")
        if verb == "disconnect":
            self.cut.add(int(arguments.get("id", 0)))
            return Answer(True, "disconnected (demonstration)")
        return Answer(False, f"the demonstration knows no {verb!r}")


def relay(at: float, now: float, deeds: Deeds) -> Relay:
    down = within(PARTNER_DOWN, at)
    spool = 0 if down is None else int(down * 3.2)
    failed = 0 if down is None else min(len(FAILED_NAMES), int(down / 12))
    files = tuple(_failed(name, now) for name in FAILED_NAMES[:failed] if name not in deeds.resent)
    receivers = (_receiver("partner-a", 9400, 1240.0, 3, at, now, deeds), _receiver("seoul-gw", 9410, 311.0, 2, at, now, deeds))
    senders = (_sender("partner-a", 0, None, (), at, now, deeds), _sender("busan-gw", spool, down, files, at, now, deeds))
    connections = tuple(connection for connection in _connections(at, now, down) if connection.id not in deeds.cut)
    return Relay(
        receivers=receivers,
        senders=senders,
        connections=connections,
        connections_total=len(connections),
        commit_p99_ms=round(wave("commit", at, 3.1), 1),
        disk_free_bytes=int(412e9 - 2e6 * at),
        failed_files=files,
        directory="~/.local/state/relay-console/relay",
        pid=4242,
        started_at=now - at - 3 * 86400,
        embedded=True,
    )


def _receiver(name: str, port: int, a_minute: float, connections: int, at: float, now: float, deeds: Deeds) -> ReceiverStatus:
    paused = name in deeds.paused
    return ReceiverStatus(
        name=name,
        listen=f"0.0.0.0:{port}",
        state="paused" if paused else "listening",
        connections=0 if paused else connections,
        stored=int(1_804_220 + a_minute / 60 * at),
        duplicates=int(41 + at / 40),
        refused={"401": 3 + int(at / 90), "413": 1} if name == "seoul-gw" else {},
        bytes=int(2.1e8 + a_minute * 2 * at),
        records_per_min=0.0 if paused else round(wave(name, at, a_minute)),
        last_record_at=now - (noise(name, int(at)) * 1.5),
        inbox=f"inbox/{name}",
        quarantined=4 + int(at / 90) if name == "seoul-gw" else 0,
        newest_refused=_refused(at, now) if name == "seoul-gw" else (),
        commit_p50_ms=round(wave("commit50", at, 0.9), 1),
        commit_p99_ms=round(wave("commit", at, 3.1), 1),
        commit_records=round(wave(f"batch {name}", at, 2.4), 1),
        last_commit_at=now - noise(name, int(at)),
    )


def _refused(at: float, now: float) -> tuple[RefusedLine, ...]:
    """One more every 90 s: a partner that forgets a column."""
    line = "0117|REQ|{:09}|20261122{:06}|A01|B07|ORDER|payload without its sequence"
    found = [
        RefusedLine(
            now - at % 90 - 90 * back, "10.30.0.9:40238", 401, "8 columns instead of 9", line.format(int(at / 90) + 41 - back, 30_000)
        )
        for back in range(3)
    ]
    return (
        *found,
        RefusedLine(now - at - 400, "10.30.0.9:40245", 413, "longer than 4096 bytes", "4207|REQ|000000040|20261122025851|A01|B07|…"),
    )


def _sender(name: str, spool: int, down: float | None, files: tuple[FailedFile, ...], at: float, now: float, deeds: Deeds) -> SenderStatus:
    away = down is not None
    trouble = "probing" if (down or 0) > 8 else "backing_off"
    state = "paused" if name in deeds.paused else trouble if away else "sending"
    return SenderStatus(
        name=name,
        connect="10.20.0.7:9401" if name == "busan-gw" else "10.10.0.4:9401",
        state=state,
        waiting=spool if away else int(noise(name, int(at)) * 3),
        oldest_waiting_s=down if away else noise(name, int(at)),
        in_flight=1 if away else int(1 + noise(name, int(at) + 7) * 3),
        sent=int(90_000 + 5 * (at - (lost(PARTNER_DOWN, at) if name == "busan-gw" else 0))),
        failed=len(files),
        retries=int(12 + (down or 0) / 5),
        last_error=f"connect to 10.20.0.7:9401: connection refused, {int((down or 0) / 5) + 3} tries" if away else None,
        next_try_at=now + 10 - at % 10 if away else None,
        last_sent_at=now - (down or 0.4),
        sent_per_min=0.0 if away else round(wave(name, at, 300)),
        outbox=f"outbox/{name}",
    )


def _failed(name: str, now: float) -> FailedFile:
    code = 401 if "refunds" in name else None
    error = "401: 8 columns, 9 wanted" if code else "connection refused"
    return FailedFile(sender="busan-gw", file=name, tries=1 if code else 3, last_code=code, last_error=error, last_try_at=now - 40)


PEERS = (("partner-a", "10.10.0.4", 3), ("seoul-gw", "10.30.0.9", 2))


def _connections(at: float, now: float, down: float | None) -> list[ConnectionStatus]:
    found: list[ConnectionStatus] = []
    for name, address, count in PEERS:
        for index in range(count):
            number = len(found) + 1
            age = 900 + at + 331 * index
            done = int(age * 6)
            naks = {"401": 3 + int(at / 90)} if (name, index) == ("seoul-gw", 0) else {}
            found.append(
                _connection(
                    number, name, "in", f"{address}:{40210 + 7 * number}", "open", now - age, done, naks, now - noise(name, int(at) + index)
                )
            )
    found.append(_connection(6, "partner-a", "out", "10.10.0.4:9401", "open", now - 5000 - at, 25_000 + int(at * 5), {}, now - 0.3))
    if down is None:
        found.append(_connection(7, "busan-gw", "out", "10.20.0.7:9401", "open", now - at % ROUND, int(at % ROUND * 5), {}, now - 0.5))
    return found


def _connection(
    number: int, name: str, direction: str, peer: str, state: str, since: float, records: int, naks: dict[str, int], last: float
) -> ConnectionStatus:
    return ConnectionStatus(
        id=number,
        name=name,
        direction=direction,
        peer=peer,
        since=since,
        state=state,
        records=records,
        bytes=records * 117,
        acks=records - sum(naks.values()),
        naks=naks,
        last_record_at=last,
        last_error="401: 8 columns, 9 wanted" if naks else None,
    )
