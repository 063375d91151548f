"""What the tests of packaging and installation share."""

import sys
import sysconfig
from pathlib import Path

import pytest


@pytest.fixture
def python(tmp_path):
    """Makes environments that also see what the tests' own has: pip takes nothing from anywhere."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "maskwatch" not in path.name:
            (packages / path.name).symlink_to(path)
    script = tmp_path / "python"
    script.write_text(
        f'#!/bin/sh\n{sys.executable} "$@" || exit\n'
        'case "$*" in "-m venv"*) for made; do :; done\n'
        f'for lib in "$made"/lib/python3*/site-packages; do echo {packages} > "$lib/packages.pth"; done ;; esac\n'
    )
    script.chmod(0o755)
    return script
