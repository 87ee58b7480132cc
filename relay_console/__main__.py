"""``python -m relay_console`` and the script ``relay-console``."""

import sys


def main() -> None:
    from relay_console.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
