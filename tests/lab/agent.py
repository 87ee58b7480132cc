"""The producer agents: JVMs of ours whose garbage collection logs tell a known story (java/Agent.java)."""

from pathlib import Path

from tests.lab import jvm
from tests.lab.server import Server
from tests.lab.truth import Agent

COLLECTORS = {
    "g1": ("-XX:+UseG1GC", "-XX:G1HeapRegionSize=1m", "-XX:ParallelGCThreads=1", "-XX:ConcGCThreads=1"),
    "parallel": ("-XX:+UseParallelGC", "-XX:ParallelGCThreads=1", "-XX:-UseAdaptiveSizePolicy", "-XX:-UseGCOverheadLimit"),
    "serial": ("-XX:+UseSerialGC",),
    "zgc": ("-XX:+UseZGC", "-XX:ParallelGCThreads=1", "-XX:ConcGCThreads=1"),
    "shenandoah": ("-XX:+UseShenandoahGC", "-XX:ParallelGCThreads=1", "-XX:ConcGCThreads=1"),
}
YOUNG_SHARE = 6  # of a thrashing heap: what survives must fit into what is free of the old generation, or nothing is freed at all


class AgentServer(Server):
    """One agent JVM; `gc_log` is what the console follows. Ready as soon as that log has its first lines."""

    stop_limit_s = 2.0  # with a full heap even the end of a JVM may need memory

    def __init__(self, agent: Agent, directory: Path, class_path: str, log_size: str = "4m") -> None:
        """`log_size`: then the JVM leaves the log behind, as one of three archives, and begins another."""
        super().__init__(agent.name, directory)
        self.gc_log = directory / "gc.agent.log"
        self._agent = agent
        self._class_path = class_path
        self._log_size = log_size

    def address(self) -> str:
        return str(self.gc_log)

    def command(self) -> list[str]:
        agent = self._agent
        log = f"-Xlog:gc*:file={self.gc_log}:time,uptime,level,tags:filecount=3,filesize={self._log_size}"
        young = (f"-Xmn{agent.heap_mb // YOUNG_SHARE}m", "-XX:MaxTenuringThreshold=1") if agent.story == "thrashing" else ()
        options = (*COLLECTORS[agent.collector], *young, f"-Xms{agent.heap_mb}m", log)
        story = ("Agent", agent.story, str(agent.kilobytes_per_s), str(agent.rest_s))
        return jvm.command(self._class_path, f"{agent.heap_mb}m", *story, collector=options, release=agent.release)

    def is_ready(self) -> bool:
        return self.gc_log.exists() and self.gc_log.stat().st_size > 0
