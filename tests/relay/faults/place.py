"""File systems of our own to fill and to cut the power of: an ext4 image on a loop device. For root only; `why_not` says why not."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32)
ERRORS = Path("/sys/fs/ext4")  # where a mounted ext4 is told that it has found an error in itself
NO_LOG_FLUSH = 2  # nothing more reaches the disk, not even the journal: as when the power fails


def why_not(*, to_break: bool = False) -> str | None:
    """None when this process can mount an image; `to_break`: and break it down."""
    if os.geteuid() != 0:
        return "needs root to mount an image"
    for tool in ("mkfs.ext4", "mount", "umount", "losetup"):
        if shutil.which(tool) is None:
            return f"needs {tool}"
    if to_break and not ERRORS.is_dir():
        return f"needs {ERRORS} (in a chroot: mount -t sysfs sysfs /sys)"
    with tempfile.TemporaryDirectory() as directory:
        try:
            with mounted(new_image(Path(directory) / "image", 8), Path(directory) / "mount"):
                return None
        except subprocess.CalledProcessError as error:
            return f"cannot mount an image: {error.stderr.strip()}"


def _do(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, timeout=60)


def new_image(path: Path, megabytes: int) -> Path:
    with path.open("wb") as file:
        file.truncate(megabytes << 20)
    _do("mkfs.ext4", "-q", "-F", "-m", "0", path)
    return path


@contextlib.contextmanager
def mounted(image: Path, place: Path, options: str = "errors=continue") -> Iterator[Path]:
    """Unmounted and detached however it ends. A journal is replayed as after a power cut."""
    place.mkdir(exist_ok=True)
    _do("mount", "-o", f"loop,{options}", image, place)
    try:
        yield place
    finally:
        try:
            _do("umount", place)
        except subprocess.CalledProcessError:
            _do("umount", "-l", place)


def cut_power(place: Path) -> None:
    """The file system stops in the middle of what it does. Raises OSError where it cannot."""
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(fd, SHUTDOWN, NO_LOG_FLUSH.to_bytes(4, "little"))
    finally:
        os.close(fd)


def copied(image: Path, target: Path) -> Path:
    """The blocks as they are while the other side writes."""
    _do("cp", "--sparse=always", image, target)
    return target


def remount(place: Path, how: str) -> None:
    _do("mount", "-o", f"remount,{how}", place)


def break_down(place: Path) -> None:
    """The file system finds an error in itself; mounted with errors=remount-ro it takes no more."""
    device = subprocess.run(["findmnt", "-no", "SOURCE", str(place)], check=True, capture_output=True, text=True).stdout.strip()
    (ERRORS / Path(device).name / "trigger_fs_error").write_text("1")


def fill(place: Path, name: str = "ballast") -> Path:
    """Takes all the room there is."""
    path = place / name
    size = 1 << 20
    with path.open("ab", buffering=0) as file:
        while size:
            try:
                file.write(bytes(size))
                os.fsync(file.fileno())
            except OSError:
                size //= 2
    return path
