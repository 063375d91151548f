"""The script that installs the service, in a folder that stands for the root. test_container.py runs it for real."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "systemd/install.sh"


@pytest.fixture
def install(tmp_path):
    """Run the script for the folder `tmp_path / "root"`; pip takes nothing from anywhere."""
    offline = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def run(*arguments, **environment):
        command = ["sh", SCRIPT, *arguments, "--root", tmp_path / "root"]
        environment = os.environ | offline | environment
        return subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment)

    return run


def modes(folder):
    return {
        str(path.relative_to(folder)): oct(path.stat().st_mode & 0o777)
        for path in (folder / "etc").rglob("*")
        if path.name != "system"
    }


def test_installs_and_keeps_what_people_wrote_and_uninstalls_all_but_that(install, wheel, tmp_path):
    root = tmp_path / "root"
    done = install("--from", wheel)
    assert done.returncode == 0, done.stderr
    assert (
        f"write each camera's password    (umask 077; cat > {root}/etc/maskwatch/credentials/" in done.stdout
    )
    assert modes(root) == {
        "etc/maskwatch": "0o755",
        "etc/maskwatch/config.yaml": "0o644",
        "etc/maskwatch/credentials": "0o700",
        "etc/systemd": "0o755",
        "etc/systemd/system/maskwatch.service": "0o644",
        "etc/systemd/system/maskwatch-learn.service": "0o644",
        "etc/systemd/system/maskwatch-learn.timer": "0o644",
    }
    program = root / "opt/maskwatch/.venv/bin/maskwatch"
    unit = (root / "etc/systemd/system/maskwatch.service").read_text()
    assert f"ExecStart={'/' + str(program.relative_to(root))} run" in unit
    assert os.access(program, os.X_OK)

    settings, password = root / "etc/maskwatch/config.yaml", root / "etc/maskwatch/credentials/DOOR"
    settings.write_text("# mine\n")
    password.write_text("s3cret-pw")
    queue = root / "var/lib/private/maskwatch/queue/sample.jpg"
    queue.parent.mkdir(parents=True)
    queue.write_bytes(b"x")
    again = install("--from", wheel)
    assert again.returncode == 0, again.stderr
    assert f"kept      {settings}" in again.stdout

    for _ in range(2):
        done = install("uninstall")
        assert done.returncode == 0, done.stderr
        assert f"{root}/etc/maskwatch" in done.stdout
        assert f"{root}/var/lib/private/maskwatch" in done.stdout
    left = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() or path.is_symlink()}
    assert left == {str(path.relative_to(root)) for path in (settings, password, queue)}
    assert settings.read_text() == "# mine\n"


def test_the_checkout_in_its_own_place_loses_nothing_but_its_environment(install, tmp_path):
    checkout = tmp_path / "root/opt/maskwatch"
    (checkout / ".venv").mkdir(parents=True)
    (checkout / "README.md").touch()
    done = install("uninstall")
    assert done.returncode == 0
    assert "(it holds more)" in done.stdout
    assert [path.name for path in checkout.iterdir()] == ["README.md"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--bogus"], 2, "unknown argument --bogus (--help tells more)"),
        (["--python", "no-such-python"], 1, "no-such-python must be Python 3.11 to 3.13"),
        (["--from", "/no/such.whl"], 1, "/no/such.whl: no such file or folder"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_made(install, tmp_path, arguments, code, told):
    done = install(*arguments)
    assert done.returncode == code
    assert f"install.sh: {told}\n" in done.stderr
    assert not (tmp_path / "root").exists()


def test_an_option_without_a_value_is_bad_usage():
    done = subprocess.run(["sh", SCRIPT, "--root"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "install.sh: --root needs a value\n")


def test_help_tells_how_to_use_it():
    done = subprocess.run(["sh", SCRIPT, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "systemd/install.sh uninstall [--root FOLDER]" in done.stdout
    assert "set -eu" not in done.stdout


def test_the_script_is_clean():
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(
        ["shellcheck", "-o", "all", "-e", "SC2250,SC2310,SC2312", SCRIPT], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
