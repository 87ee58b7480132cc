"""The producer agents: JVMs of ours whose garbage collection logs tell a known story (java/Agent.java)."""

from pathlib import Path

from tests.lab import jvm
from tests.lab.server import Server
from tests.lab.truth import Agent

COLLECTORS = {
    "g1": ("-XX:+UseG1GC", "-XX:G1HeapRegionSize=1m", "-XX:ParallelGCThreads=1", "-XX:ConcGCThreads=1"),
    "parallel": ("-XX:+UseParallelGC", "-XX:ParallelGCThreads=1", "-XX:-UseAdaptiveSizePolicy", "-XX:-UseGCOverheadLimit"),
}


class AgentServer(Server):
    """One agent JVM; `gc_log` is what the console follows. Ready as soon as that log has its first lines."""

    stop_limit_s = 2.0  # with a full heap even the end of a JVM may need memory

    def __init__(self, agent: Agent, directory: Path, class_path: str) -> None:
        super().__init__(agent.name, directory)
        self.gc_log = directory / "gc.agent.log"
        self._agent = agent
        self._class_path = class_path

    def address(self) -> str:
        return str(self.gc_log)

    def command(self) -> list[str]:
        agent = self._agent
        log = f"-Xlog:gc*:file={self.gc_log}:time,uptime,level,tags:filecount=3,filesize=4m"
        sizes = (f"-Xms{agent.heap_mb}m", log)
        story = ("Agent", agent.story, str(agent.kilobytes_per_s))
        return jvm.command(self._class_path, f"{agent.heap_mb}m", *sizes, *story, collector=COLLECTORS[agent.collector])

    def is_ready(self) -> bool:
        return self.gc_log.exists() and self.gc_log.stat().st_size > 0
