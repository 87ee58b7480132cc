"""C programs of the benchmarks, compiled where they are needed and left nowhere."""

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parents[1]


class NoCompiler(Exception):
    def __init__(self) -> None:
        super().__init__("no C compiler: neither gcc nor cc is on the path")


def build(name: str, directory: Path) -> Path:
    """bench/NAME.c as a program in `directory`. Raises NoCompiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise NoCompiler
    program = directory / name
    if not program.exists():
        subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-pthread", "-o", str(program), str(HERE / f"{name}.c")], check=True)
    return program
