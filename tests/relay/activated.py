"""A relay as systemd starts one, its listening socket as descriptor 3: `python -m tests.relay.activated DESCRIPTOR NAME CONFIG.json`."""

import os
import sys

from tests.relay import process

if __name__ == "__main__":
    descriptor, name, *words = sys.argv[1:]
    os.dup2(int(descriptor), 3, inheritable=True)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES=name)
    code = process.main(words)
    sys.exit(code)
