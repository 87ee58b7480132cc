"""The two Python processes of the lab as servers: the feeder, which moves the servers' data, and the partner."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.lab.files import read_json, write_json
from tests.lab.server import Server, free_port

STALE_S = 5.0


class Feeder(Server):
    """Ready once every feed has made its first step. `status()` is what it says about itself."""

    def __init__(self, directory: Path, config: Mapping[str, object]) -> None:
        super().__init__("feeder", directory)
        self.status_path = directory / "status.json"
        self._config = {**config, "status": str(self.status_path)}
        self._config_path = directory / "feeder.json"

    def address(self) -> str:
        return str(self.status_path)

    def prepare(self) -> None:
        write_json(self._config_path, self._config)
        self.status_path.unlink(missing_ok=True)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.lab.feeder", str(self._config_path)]

    def is_ready(self) -> bool:
        return bool(self.status().get("ready"))

    def status(self) -> dict[str, Any]:
        """Empty before the first second is over."""
        return read_json(self.status_path) or {}

    @property
    def is_moving(self) -> bool:
        """Every feed made a step, none is in trouble now, and the process still writes its status."""
        status = self.status()
        feeds = status.get("feeds", {}).values()
        return bool(feeds) and time.time() - status["updated_at"] < STALE_S and all(f["steps"] and not f["error"] for f in feeds)


class PartnerServer(Server):
    """`receiver` is where our relay will listen, `listen` where the partner does: our sender connects there."""

    def __init__(self, directory: Path, outbox: Path) -> None:
        super().__init__("partner", directory)
        self.receiver = f"127.0.0.1:{free_port()}"
        self._port = free_port()
        self.outbox = outbox
        self.counters_path = directory / "counters.json"
        self._config_path = directory / "partner.json"

    @property
    def listen(self) -> str:
        return f"127.0.0.1:{self._port}"

    def address(self) -> str:
        return self.listen

    def prepare(self) -> None:
        self.outbox.mkdir(parents=True, exist_ok=True)
        self.counters_path.unlink(missing_ok=True)
        config = {"receiver": self.receiver, "listen": self.listen, "outbox": str(self.outbox), "counters": str(self.counters_path)}
        write_json(self._config_path, config)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.lab.partner", str(self._config_path)]

    def is_ready(self) -> bool:
        return self.counters_path.exists()  # first written when the partner listens

    def counters(self) -> dict[str, Any]:
        """What the partner counted up to at most a second ago; empty before that. See partner.Counters."""
        return read_json(self.counters_path) or {}

    def describe(self) -> dict[str, object]:
        return {**super().describe(), "receiver": self.receiver, "outbox": str(self.outbox), "counters": str(self.counters_path)}
