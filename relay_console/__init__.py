"""The entry: command line, configuration file, paths, logging. The only place that may import everything, and it does so lazily."""

from typing import Final

VERSION: Final = "0.1.0"
