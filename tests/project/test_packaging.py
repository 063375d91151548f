"""What is handed on: the dependencies, bounded and locked, the licence, the types, and the Pythons it runs on."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = ("3.11", "3.12", "3.13")
DECLARED = [
    Requirement(text)
    for texts in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for text in texts
]


def on(python):
    return {"python_version": python, "python_full_version": f"{python}.7"}


def locked(python):
    """The versions that the lock gives that Python, by the packages' names; each once."""
    versions = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if line.startswith("#"):
            continue
        pinned = Requirement(line)
        if pinned.marker is None or pinned.marker.evaluate(on(python)):
            (pin,) = pinned.specifier
            assert pin.operator == "==", line
            assert canonicalize_name(pinned.name) not in versions, line
            versions[canonicalize_name(pinned.name)] = pin.version
    return versions


@pytest.mark.parametrize("wanted", DECLARED, ids=str)
def test_every_dependency_has_a_lower_and_an_upper_bound(wanted):
    operators = {part.operator for part in wanted.specifier}
    assert operators in ({">=", "<"}, {"=="})


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_every_dependency_within_its_bounds(python):
    versions = locked(python)
    wrong = [
        f"{wanted}: {versions.get(canonicalize_name(wanted.name))}"
        for wanted in DECLARED
        if not wanted.specifier.contains(versions.get(canonicalize_name(wanted.name), "0"), prereleases=True)
    ]
    assert wrong == []


def test_the_lock_holds_whatever_the_dependencies_need_too():
    """As far as it is installed here, on this Python."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    versions, seen, missing = locked(python), set(), set()
    todo = [(canonicalize_name(wanted.name), frozenset(wanted.extras)) for wanted in DECLARED]
    while todo:
        name, extras = todo.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        missing |= {name} - versions.keys()
        try:
            needed = map(Requirement, requires(name) or [])
        except PackageNotFoundError:
            continue
        todo += [
            (canonicalize_name(each.name), frozenset(each.extras))
            for each in needed
            if each.marker is None or any(each.marker.evaluate({"extra": e}) for e in (*extras, ""))
        ]
    assert len(seen) > 100
    assert missing == set()


@pytest.mark.parametrize("file", ["README.md", "systemd/install.sh", "noxfile.py", ".ci/run"])
def test_whatever_installs_the_package_is_held_to_the_lock(file):
    installs = re.findall(
        r"(?:pip|session\.)[ .]?install [^&\n]*|session\.install\([^)]*", (ROOT / file).read_text()
    )
    ours = [line for line in installs if re.search(r"\[(dev|fast)\b", line)]
    assert [line for line in ours if "requirements.lock" not in line] == []
    assert ours or file == ".ci/run"


def test_the_lock_names_no_place_to_install_from():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [line for line in pins if re.search(r"://|--|@", line)] == []


@pytest.mark.parametrize(("version", "is_installed"), [(PROJECT["version"], True), ("99", False)])
def test_the_installer_obeys_the_lock_that_lies_beside_it(tmp_path, wheel, python, version, is_installed):
    """A copy of the script beside a lock that allows or forbids the wheel itself. Nothing is taken from anywhere."""
    shutil.copytree(ROOT / "systemd", tmp_path / "systemd")
    (tmp_path / "config.yaml").write_text("")
    (tmp_path / "requirements.lock").write_text(f"maskwatch=={version}\n")
    offline = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = ["sh", tmp_path / "systemd/install.sh", "--from", wheel, "--root", tmp_path / "root"]
    command += ["--python", python]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=os.environ | offline)
    assert (done.returncode == 0) is is_installed, done.stderr
    assert is_installed or "maskwatch" in done.stderr


def test_the_wheel_has_the_licence_the_lock_and_says_that_it_is_typed(wheel):
    archive = zipfile.ZipFile(wheel)
    names = archive.namelist()
    (licence,) = [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
    assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert b"MIT License\n\nCopyright (c) 2026 the maskwatch authors" in archive.read(licence)
    (about,) = [archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA")]
    assert "\nLicense-Expression: MIT\nLicense-File: LICENSE\n" in about
    assert "maskwatch/py.typed" in names
    # where install.sh looks for it: beside the folder that it lies in
    assert archive.read("maskwatch/shipped/requirements.lock") == (ROOT / "requirements.lock").read_bytes()


def test_the_source_archive_has_what_the_wheel_and_the_tests_need(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", tmp_path]
    subprocess.run(build, check=True, capture_output=True, cwd=ROOT)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    wanted = {
        "LICENSE",
        "requirements.lock",
        "noxfile.py",
        "README.md",
        "maskwatch/py.typed",
        "systemd/install.sh",
    }
    assert wanted - names == set()


@pytest.mark.parametrize(
    "place",
    ["bin/python3.13", ".pyenv/versions/3.13.0/bin/python3", ".local/share/uv/python/cpython-3.13.1-linux/bin/python3", None],
)  # fmt: skip
def test_continuous_integration_needs_a_second_python(tmp_path, place):
    """A machine whose python3 says that it is 3.11, and where nothing can be installed."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sort", "grep", "sed", "mktemp", "rm"):
        (programs / name).symlink_to(shutil.which(name))
    for path, version in {"bin/python3": "3.11", place: "3.13"}.items():
        if path is not None:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(f"#!{shutil.which('bash')}\necho {version}\n")
            (tmp_path / path).chmod(0o755)
    environment = {"PATH": str(programs), "HOME": str(tmp_path)}
    command = ["bash", "-euo", "pipefail", "-c", f"source {ROOT}/.ci/pythons"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if place is None:
        assert done.returncode == 1
        assert ".ci/run: no second Python of 3.11 to 3.13 is here: pyenv install 3.13" in done.stderr
    else:
        assert (done.returncode, done.stdout) == (0, "the quick core runs on Python 3.13\n")
