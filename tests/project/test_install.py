"""The script that installs the service, in a folder that stands for the root. tests/project/test_container.py runs it for real."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "systemd/install.sh"


@pytest.fixture
def install(tmp_path, python):
    """Run the script for the folder `tmp_path / "root"`."""
    offline = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def run(*arguments, **environment):
        command = ["sh", SCRIPT, *arguments, "--root", tmp_path / "root"]
        command += [] if {"uninstall", "rollback", "--python"} & set(arguments) else ["--python", python]
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
        "etc/maskwatch/config.yaml": "0o640",
        "etc/maskwatch/credentials": "0o700",
        "etc/systemd": "0o755",
        "etc/systemd/system/maskwatch.service": "0o644",
        "etc/systemd/system/maskwatch-learn.service": "0o644",
        "etc/systemd/system/maskwatch-learn.timer": "0o644",
        "etc/systemd/system/maskwatch-review.service": "0o644",
    }
    program = root / "opt/maskwatch/.venv/bin/maskwatch"
    unit = (root / "etc/systemd/system/maskwatch.service").read_text()
    assert f"ExecStart={'/' + str(program.relative_to(root))} run" in unit
    assert os.access(program, os.X_OK)

    settings, password = root / "etc/maskwatch/config.yaml", root / "etc/maskwatch/credentials/DOOR"
    mine = "# mine\n" + settings.read_text()
    settings.write_text(mine)
    settings.chmod(0o644)  # as it was installed once
    password.write_text("s3cret-pw")
    queue = root / "var/lib/private/maskwatch/queue/sample.jpg"
    queue.parent.mkdir(parents=True)
    queue.write_bytes(b"x")
    again = install("--from", wheel)
    assert again.returncode == 0, again.stderr
    assert f"kept      {settings}" in again.stdout
    assert modes(root)["etc/maskwatch/config.yaml"] == "0o640"
    assert (root / "opt/maskwatch/.venv").readlink() == Path("releases/2")
    told = subprocess.run([program, "--version"], capture_output=True, text=True)
    assert told.stdout.startswith("maskwatch ")

    settings.write_text("camera: {}\n")
    refused = install("--from", wheel)
    assert refused.returncode == 1
    assert f"{settings}:1: camera: unknown key" in refused.stderr
    assert refused.stderr.endswith("install.sh: the new program refuses the configuration\n")
    assert (root / "opt/maskwatch/.venv").readlink() == Path("releases/2")
    settings.write_text(mine)

    for _ in range(2):
        done = install("uninstall")
        assert done.returncode == 0, done.stderr
        assert f"{root}/etc/maskwatch" in done.stdout
        assert f"{root}/var/lib/private/maskwatch" in done.stdout
    left = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() or path.is_symlink()}
    assert left == {str(path.relative_to(root)) for path in (settings, password, queue)}
    assert settings.read_text() == mine


# Updates, with a Python that makes environments of a few scripts: what it installs is the name that --from gives, and
# the step named in MASKWATCH_TEST_FAILS fails.

STUB = """#!/bin/sh
fails() { [ "${MASKWATCH_TEST_FAILS-}" != "$1" ] || { echo "$1 fails" >&2; exit 1; }; }
case "$*" in
"-c import sys"* | "-c import ensurepip"*) ;;
"-m venv"*)
    for made; do :; done
    mkdir -p "$made/bin"
    cp "$0" "$made/bin/python" ;;
"-m pip"*)
    fails pip
    for source; do :; done
    source=${source%"[fast,mqtt,notify,postgres]"}
    here=${0%/bin/python}
    [ "${MASKWATCH_TEST_FAILS-}" != hangs ] || { touch "$here/hangs"; sleep 60; }
    cp "$0" "$here/bin/maskwatch"
    echo "$source" > "$here/installed"
    units=$here/lib/python3.11/site-packages/maskwatch/shipped/systemd
    mkdir -p "$units"
    for unit in UNITS/*.service UNITS/*.timer; do
        { echo "# of $source"; cat "$unit"; } > "$units/${unit##*/}"
    done ;;
--version) fails version; cat "${0%/bin/maskwatch}/installed" ;;
"-c import maskwatch"*) fails load ;;
check*) fails check ;;
*) echo "unexpected: $*" >&2; exit 9 ;;
esac
"""


@pytest.fixture
def update(install, tmp_path):
    """Install the release of a name."""
    stub = tmp_path / "stub"
    stub.write_text(STUB.replace("UNITS", str(SCRIPT.parent)))
    stub.chmod(0o755)

    def run(name, **environment):
        (tmp_path / name).touch()
        return install("--from", tmp_path / name, "--python", stub, **environment)

    return run


def state(root):
    """What serves: the program's answer, the units, the configuration, and what lies in the program's folder."""
    program = root / "opt/maskwatch"
    answer = subprocess.run([program / ".venv/bin/maskwatch", "--version"], capture_output=True, text=True)
    units = sorted((path.name, path.read_text()) for path in (root / "etc/systemd/system").iterdir())
    links = {path.name: str(path.readlink()) for path in program.iterdir() if path.is_symlink()}
    releases = sorted(path.name for path in (program / "releases").glob("*"))
    settings = root / "etc/maskwatch/config.yaml"
    return answer.stdout, units, links, releases, settings.read_text(), settings.stat().st_mode


def serves(root):
    """The name of the release whose program and units are in place."""
    answer, units, *_ = state(root)
    name = Path(answer.strip()).name
    assert len(units) == 4
    assert all(text.startswith(f"# of {answer}") for _, text in units)
    return name


@pytest.mark.parametrize("step", ["pip", "version", "load", "check"])
def test_an_update_that_fails_leaves_the_old_program_its_units_and_the_configuration_as_they_are(
    update, tmp_path, step
):
    root = tmp_path / "root"
    for name in ("first", "second"):
        assert update(name).returncode == 0
    (root / "etc/maskwatch/config.yaml").write_text("cameras: {}  # mine\n")
    before = state(root)
    failed = update("third", MASKWATCH_TEST_FAILS=step)
    assert failed.returncode == 1
    assert f"{step} fails" in failed.stderr
    assert state(root) == before
    assert serves(root) == "second"


def test_an_update_that_is_stopped_leaves_nothing_behind(update, tmp_path):
    root = tmp_path / "root"
    assert update("first").returncode == 0
    before = state(root)
    environment = os.environ | {"MASKWATCH_TEST_FAILS": "hangs"}
    command = ["sh", SCRIPT, "--from", tmp_path / "first", "--python", tmp_path / "stub", "--root", root]
    stopped = subprocess.Popen(command, env=environment, start_new_session=True)
    while not (root / "opt/maskwatch/releases/2/hangs").exists():
        assert stopped.poll() is None
        time.sleep(0.05)
    os.killpg(stopped.pid, signal.SIGINT)  # as Ctrl-C does
    assert stopped.wait(timeout=30) != 0
    assert state(root) == before


def test_the_release_before_is_kept_and_a_rollback_goes_back_to_it_and_forth(install, update, tmp_path):
    root = tmp_path / "root"
    assert update("first").returncode == 0
    assert install("rollback").returncode == 1
    for name in ("second", "third"):
        assert update(name).returncode == 0
        assert serves(root) == name
    assert sorted(path.name for path in (root / "opt/maskwatch/releases").iterdir()) == ["2", "3"]
    for name in ("second", "third", "second"):
        done = install("rollback")
        assert done.returncode == 0, done.stderr
        assert serves(root) == name
    assert update("fourth").returncode == 0
    assert serves(root) == "fourth"
    assert install("rollback").returncode == 0
    assert serves(root) == "second"


@pytest.fixture
def old(tmp_path):
    """An installation of the time before releases: the environment is a folder, whose scripts name it."""
    environment = tmp_path / "root/opt/maskwatch/.venv"
    units = environment / "lib/python3.11/site-packages/maskwatch/shipped/systemd"
    for folder in (environment / "bin", units, tmp_path / "root/etc/maskwatch"):
        folder.mkdir(parents=True)
    python = environment / "bin/python"
    python.write_text("#!/bin/sh\necho old\n")
    program = environment / "bin/maskwatch"
    program.write_text(f"#!{python}\n")
    for path in (python, program):
        path.chmod(0o755)
    for name in (
        "maskwatch.service",
        "maskwatch-learn.service",
        "maskwatch-learn.timer",
        "maskwatch-review.service",
    ):
        (units / name).write_text("# of old\n")
    settings = tmp_path / "root/etc/maskwatch/config.yaml"
    settings.write_text("cameras: {}  # mine\n")
    settings.chmod(0o644)
    return environment


def test_an_environment_that_is_a_folder_becomes_a_release_to_go_back_to(install, update, old, tmp_path):
    root = tmp_path / "root"
    failed = update("first", MASKWATCH_TEST_FAILS="load")
    assert failed.returncode == 1
    assert not old.is_symlink()
    assert subprocess.run([old / "bin/maskwatch"], capture_output=True, text=True).stdout == "old\n"
    assert update("first").returncode == 0
    assert serves(root) == "first"
    *_, text, mode = state(root)
    assert (text, mode & 0o777) == ("cameras: {}  # mine\n", 0o640)
    assert install("rollback").returncode == 0
    assert serves(root) == "old"
    assert install("rollback").returncode == 0
    assert serves(root) == "first"


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
