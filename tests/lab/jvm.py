"""How the lab starts a JVM: small heap, quick start, little CPU."""

from tests.lab import java

QUICK = ("-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xss512k", "-XX:-UsePerfData", "-XX:CICompilerCount=1")
SERIAL = ("-XX:+UseSerialGC",)
LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)


def command(class_path: str, heap: str, *rest: str, collector: tuple[str, ...] = SERIAL, release: str = "17") -> list[str]:
    """`release`: that, or `newest`."""
    program = java.newest() if release == "newest" else java.runtime()
    return [program, *QUICK, *collector, *LOGGING, f"-Xmx{heap}", "-cp", class_path, *rest]
