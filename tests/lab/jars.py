"""Brings the jars of each server into a cache, once, and compiles our launchers beside them.

The cache is keyed by what the files are made from, filled in a `.part` folder and renamed, so a set is whole or absent.
Maven runs one set after the other under a lock: two of them on one empty local repository spoil each other.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab import java
from tests.lab.errors import LabError
from tests.lab.report import Progress, say
from tests.lab.server import spawn

HERE = Path(__file__).resolve().parent
POM = HERE / "pom.xml"
DOWNLOAD_MB = {"kafka3": 68, "kafka4": 45, "activemq-old": 11, "activemq-hardened": 13}  # kafka3 brings Maven's plugins, too
SOURCES = {
    "activemq-old": ("Broker.java", "OldBroker.java"),
    "activemq-hardened": ("Broker.java", "HardenedBroker.java"),
    "agent": ("Memory.java", "Agent.java"),
    "life": ("Memory.java", "Life.java"),
}
ALL = tuple(dict.fromkeys((*DOWNLOAD_MB, *SOURCES)))
MAVEN_LIMIT_S = 900
LOCK_LIMIT_S = 1800
DOWNLOADED = re.compile(r"Downloaded from .*\((\d+(?:\.\d+)?) (B|kB|MB) at ")
MEGABYTES = {"B": 1e-6, "kB": 1e-3, "MB": 1.0}


def cache_directory() -> Path:
    own = os.environ.get("RELAY_CONSOLE_LAB_CACHE")
    if own:
        return Path(own).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "relay-console-lab"


def class_paths(sets: Iterable[str]) -> dict[str, str]:
    """The class path of each set (`kafka3`, ..., `agent`), downloaded and compiled when the cache has it not."""
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    wanted = list(sets)
    missing = [name for name in wanted if not all(place.exists() for place in _places(cache, name))]
    if missing:
        with _locked(cache / "lock"):
            _announce(cache, missing)
            for name in missing:
                _bring(cache, name)
    return {name: os.pathsep.join(map(str, _entries(cache, name))) for name in wanted}


def _places(cache: Path, name: str) -> list[Path]:
    """The folders of a set: its classes first, then its jars."""
    places = []
    if name in SOURCES:
        places.append(cache / f"{name}-classes-{_digest(POM, *(HERE / 'java' / source for source in SOURCES[name]))}")
    if name in DOWNLOAD_MB:
        places.append(cache / f"{name}-jars-{_digest(POM)}")
    return places


def _entries(cache: Path, name: str) -> list[Path]:
    return [place / "*" if "-jars-" in place.name else place for place in _places(cache, name)]


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:12]


def _announce(cache: Path, missing: list[str]) -> None:
    absent = [name for name in missing if name in DOWNLOAD_MB and not _places(cache, name)[-1].exists()]
    if absent:
        size = sum(DOWNLOAD_MB[name] for name in absent)
        say(f"first start: Maven downloads {', '.join(absent)}, at most about {size} MB in all, once, into {cache}")


def _bring(cache: Path, name: str) -> None:
    places = _places(cache, name)
    if name in DOWNLOAD_MB and not places[-1].exists():
        _fill(places[-1], lambda part: _copy_jars(name, part, cache / f"maven-{name}.log"))
    if name in SOURCES and not places[0].exists():
        _fill(places[0], lambda part: _compile(name, part, _entries(cache, name)[1:]))


def _fill(place: Path, fill: Callable[[Path], None]) -> None:
    part = place.with_name(place.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    fill(part)
    part.rename(place)


def _compile(name: str, part: Path, jars: list[Path]) -> None:
    javac = java.builder().javac or "javac"
    sources = [str(HERE / "java" / source) for source in SOURCES[name]]
    class_path = ["-cp", os.pathsep.join(map(str, jars))] if jars else []
    command = [javac, "-nowarn", "--release", str(java.OLDEST), *class_path, "-d", str(part), *sources]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise LabError(f"javac refused {name}:\n{done.stderr}")


def _copy_jars(name: str, part: Path, log: Path) -> None:
    began = time.monotonic()
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={part}"]
    command = [java.builder().mvn or "mvn", "-B", "-f", str(POM), "-P", name, *goal]
    maven = spawn(command, output=subprocess.PIPE, directory=HERE)
    watch = threading.Timer(MAVEN_LIMIT_S, maven.kill)
    watch.daemon = True
    watch.start()
    try:
        megabytes = _follow(maven, Progress(name, DOWNLOAD_MB[name]), log, began)
    finally:
        watch.cancel()
        if maven.poll() is None:
            maven.kill()
    if maven.returncode:
        raise LabError(f"Maven could not bring {name} ({megabytes:.1f} MB came); {_reason(log)} (all of it: {log})")


def _follow(maven: subprocess.Popen[bytes], progress: Progress, log: Path, began: float) -> float:
    megabytes = 0.0
    assert maven.stdout is not None
    with log.open("w") as copy:
        for line in (raw.decode(errors="replace") for raw in maven.stdout):
            copy.write(line)
            if match := DOWNLOADED.search(line):
                megabytes += float(match[1]) * MEGABYTES[match[2]]
                progress.show(megabytes)
    maven.wait(30)
    progress.end(megabytes, time.monotonic() - began)
    return megabytes


def _reason(log: Path) -> str:
    errors = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("[ERROR]")]
    return errors[0].removeprefix("[ERROR] ") if errors else f"it said nothing within {MAVEN_LIMIT_S} s"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        deadline = time.monotonic() + LOCK_LIMIT_S
        waits = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LabError(f"another lab holds {path} for more than {LOCK_LIMIT_S} s") from None
                if not waits:
                    say("waits for another lab that fills the same cache")
                    waits = True
                time.sleep(0.2)
        yield
