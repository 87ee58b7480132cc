"""A secret is only ever a reference; its text is read at the moment of use and kept by nobody.

``{env: NAME}``, ``{file: PATH}`` or ``{credential: NAME}`` (systemd's $CREDENTIALS_DIRECTORY).
"""

import os
import stat
from pathlib import Path

from msgspec import Struct


class SecretUnavailable(Exception):
    """The reference leads nowhere; the message names the reference and what to do, never a secret."""


class Secret(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Exactly one of the three is given (the reader of the configuration checks it)."""

    env: str | None = None
    file: str | None = None
    credential: str | None = None

    def read(self) -> str:
        """The secret's text, without its last newline. Reads a file or the environment; raises SecretUnavailable."""
        if self.env is not None:
            if self.env not in os.environ:
                raise SecretUnavailable(f"environment variable {self.env} is not set")
            return os.environ[self.env]
        return _read_private(self._path())

    def _path(self) -> Path:
        if self.file is not None:
            return Path(self.file).expanduser()
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if folder is None:
            raise SecretUnavailable(
                f"credential {self.credential}: $CREDENTIALS_DIRECTORY is not set (systemd sets it for a unit with LoadCredential=)"
            )
        return Path(folder) / (self.credential or "")


def _read_private(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o044:
            raise SecretUnavailable(f"{path} can be read by others; run: chmod 600 {path}")
        return path.read_text().removesuffix("\n")
    except OSError as error:
        raise SecretUnavailable(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SecretUnavailable(f"{path} is not UTF-8 text") from None
