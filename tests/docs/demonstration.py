"""`python -m tests.docs.demonstration SECONDS`: the demonstration, so many seconds into its incident."""

import sys

from backends.demo import demo_sources
from monitor.replica import LocalLink
from tui.app import run
from tui.options import ConsoleOptions

if __name__ == "__main__":
    sys.exit(run(LocalLink(demo_sources(float(sys.argv[1])), "1"), ConsoleOptions()))
