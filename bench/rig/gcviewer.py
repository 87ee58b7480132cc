"""The peer of the GC log programs: GCViewer, from Maven Central, reading a log into a summary without a window."""

import subprocess
import tempfile
import time
from pathlib import Path

from tests.lab import java

ARTIFACT = "com.github.chewiebug:gcviewer:1.36"
FETCH_LIMIT_S, READ_LIMIT_S = 120, 600


def jar(directory: Path) -> Path | str:
    """The program, fetched with Maven; or why it is not at hand."""
    mvn = java.builder().mvn or "mvn"
    command = [mvn, "-B", "-q", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={directory}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"not fetched: {error}"
    found = sorted(directory.glob("gcviewer-*.jar"))
    return found[0] if found else f"not fetched: {(done.stdout.strip().splitlines() or ['Maven says nothing'])[-1]}"


def seconds(program: Path, log: Path) -> float | None:
    """Wall seconds of one reading, the start of its JVM included; None when it gave no summary."""
    with tempfile.TemporaryDirectory(prefix="gcviewer.") as folder:
        summary = Path(folder) / "summary.csv"
        command = [java.runtime(), "-Xmx4g", "-Djava.awt.headless=true", "-jar", str(program), str(log), str(summary), "-t", "SUMMARY"]
        began = time.perf_counter()
        subprocess.run(command, capture_output=True, timeout=READ_LIMIT_S, check=False)
        took = time.perf_counter() - began
        return took if summary.exists() and summary.stat().st_size else None
