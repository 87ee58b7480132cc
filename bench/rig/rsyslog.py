"""rsyslog with RELP, a peer that answers each record too: the installed one, else Debian's packages, unpacked but not installed."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from bench.rig.servers import Absent, Variant, one_file

PACKAGES = ("rsyslog", "rsyslog-relp", "librelp0", "libestr0", "libfastjson4")  # the rest of what they need, apt itself needs too
PATIENCE_S = 90.0
CONFIG = """\
global(workDirectory="{place}" maxMessageSize="8k")
main_queue(queue.type="{queue}" queue.size="200000")
template(name="line" type="string" string="%rawmsg%\\n")
module(load="imrelp")
ruleset(name="store"{ruleset}) {{
    action(type="omfile" file="{place}/stored.txt" template="line" sync="{sync}" flushOnTXEnd="on")
}}
input(type="imrelp" address="127.0.0.1" port="{port}" ruleset="store")
"""


class Found(NamedTuple):
    program: Path
    modules: Path
    libraries: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_LIBRARY_PATH": str(self.libraries)}


class Missing(Exception):
    """Why there is none."""


def peers(directory: Path) -> list[Variant | Absent]:
    """Durable: each record is on disk before its answer. Memory: the answer says that it is in a queue of the process."""
    names = {"rsyslog-durable": True, "rsyslog-memory": False}
    try:
        found = installed() or unpacked(directory)
        version = " ".join(_run([str(found.program), "-v"], found).split()[:2])
    except (Missing, OSError, subprocess.SubprocessError) as error:
        return [Absent(name, f"rsyslog with imrelp cannot be had: {error}") for name in names]
    return [_variant(name, found, version, is_durable=is_durable) for name, is_durable in names.items()]


def installed() -> Found | None:
    program = shutil.which("rsyslogd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    module = next((path for top in ("/usr/lib", "/usr/lib64", "/lib64") for path in Path(top).glob("**/rsyslog/imrelp.so")), None)
    return Found(Path(program), module.parent, module.parents[1]) if program and module else None


def unpacked(directory: Path) -> Found:
    """Raises Missing."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise Missing("it is not installed, and without apt-get and dpkg there is nowhere to fetch it from")
    place = directory / "rsyslog"
    root = place / "root"
    root.mkdir(parents=True)
    done = subprocess.run(["apt-get", "download", *PACKAGES], cwd=place, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if done.returncode:
        raise Missing(f"it is not installed, and apt-get download said: {done.stderr.strip()[-300:]}")
    for package in place.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(package), str(root)], check=True, timeout=PATIENCE_S)
    module = next(root.glob("usr/lib/*/rsyslog/imrelp.so"), None)
    if module is None:
        raise Missing(f"no imrelp.so in {', '.join(PACKAGES)}")
    found = Found(root / "usr/sbin/rsyslogd", module.parent, module.parents[1])
    needed = _run(["ldd", str(found.program)], found) + _run(["ldd", str(module)], found)
    if absent := [line.split()[0] for line in needed.splitlines() if "not found" in line]:
        raise Missing(f"unpacked, but this system lacks {', '.join(sorted(set(absent)))}")
    return found


def _run(command: list[str], found: Found) -> str:
    environment = {**os.environ, **found.environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout


def _variant(name: str, found: Found, version: str, *, is_durable: bool) -> Variant:
    def command(port: int, place: Path) -> list[str]:
        config = place / "rsyslog.conf"
        queue, ruleset, sync = ("Direct", ' queue.type="Direct"', "on") if is_durable else ("FixedArray", "", "off")
        config.write_text(CONFIG.format(place=place, port=port, queue=queue, ruleset=ruleset, sync=sync))
        return [str(found.program), "-n", "-f", str(config), "-i", str(place / "pid"), "-M", str(found.modules)]

    how = 'direct queue, omfile sync="on"' if is_durable else "memory queue, nothing synced before the answer"
    return Variant(name, command, one_file, speaks="relp", environment=found.environment, says=f"{version}, RELP, {how}")
