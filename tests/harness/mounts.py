"""Small file systems that fill, are read-only, or go away; mounting needs root."""

import subprocess
from contextlib import contextmanager


@contextmanager
def tmpfs(folder, size_mb):
    """A file system of its own at `folder`; None where none can be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder, how):
    """`how`: ro or rw."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)
