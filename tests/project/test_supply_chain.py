"""What is brought in with the packages that are locked: licenses, known weaknesses; and the list that a wheel carries."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from license_expression import ExpressionError, get_spdx_licensing
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LICENCES = PROJECT["tool"]["licences"]
LOCK = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
SPDX = get_spdx_licensing()


def said(about):
    """What a package's metadata says of its license: an expression, classifiers, or the first line of a text."""
    if expression := about.get("License-Expression"):
        return [expression]
    classifiers = [
        each.split(" :: ")[-1] for each in about.get_all("Classifier") or [] if each.startswith("License ::")
    ]
    return classifiers or [(about.get("License") or "").strip().partition("\n")[0]]


def is_allowed(text, allowed):
    """Of `A OR B` one is enough; a text that is no expression has to be listed as it is."""
    if text in allowed:
        return True
    try:
        tree = SPDX.parse(text, validate=True)
    except ExpressionError:
        return False

    def holds(node):
        if not node.args or isinstance(node, type(SPDX.parse("MIT WITH LLVM-exception"))):
            return str(node) in allowed
        return (any if isinstance(node, SPDX.OR) else all)(map(holds, node.args))

    return bool(text) and tree is not None and holds(tree)


@pytest.mark.parametrize(
    ("text", "allowed", "verdict"),
    [
        ("MIT", {"MIT"}, True),
        ("", {"MIT"}, False),
        ("UNKNOWN", {"MIT"}, False),
        ("GPL-3.0-only", {"MIT"}, False),
        ("MIT OR GPL-3.0-only", {"MIT"}, True),
        ("MIT AND GPL-3.0-only", {"MIT"}, False),
        ("MIT AND (GPL-3.0-only OR BSD-3-Clause)", {"MIT", "BSD-3-Clause"}, True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", {"MIT"}, False),
        ("Apache-2.0 WITH LLVM-exception", {"Apache-2.0"}, False),
        ("Other/Proprietary License", {"MIT"}, False),
    ],
)
def test_a_licence_is_allowed_that_is_listed(text, allowed, verdict):
    assert is_allowed(text, allowed) is verdict


def test_every_locked_package_may_be_used_by_what_it_says_of_its_licence_or_was_looked_at():
    allowed, known = frozenset(LICENCES["allowed"]), LICENCES["packages"]
    looked_at, refused = 0, {}
    for line in LOCK:
        name = Requirement(line).name
        if any(fnmatch(name, pattern) for pattern in known):
            continue
        try:
            licences = said(metadata(name))
        except PackageNotFoundError:  # on another machine or Python
            continue
        looked_at += 1
        if not all(is_allowed(each, allowed) for each in licences):
            refused[name] = licences
    assert refused == {}, "see whether they may be used, then list them in pyproject.toml, tool.licences"
    assert looked_at > 150


def test_what_was_looked_at_by_hand_is_still_there():
    names = [Requirement(line).name for line in LOCK]
    assert [
        pattern for pattern in LICENCES["packages"] if not any(fnmatch(each, pattern) for each in names)
    ] == []


def audited(path):
    """What `pip-audit` found out of each package of a file; None where its service does not answer."""
    audit = [sys.executable, "-m", "pip_audit", "-r", path, "--no-deps", "--disable-pip", "-f", "json"]
    done = subprocess.run([*audit, "--progress-spinner", "off"], capture_output=True, text=True, timeout=240)
    if not done.stdout.strip():
        return None
    found = json.loads(done.stdout)["dependencies"]
    return None if all("skip_reason" in each for each in found) else found


def test_no_locked_package_has_a_known_weakness_that_is_mended(tmp_path):
    first = tmp_path / "first.txt"
    first.write_text(next(line for line in LOCK if line.startswith("pyyaml==")))
    if audited(first) is None:
        pytest.skip("the service of pip-audit cannot be had from here")
    weak = {
        each["name"]: [(of["id"], of["fix_versions"]) for of in each.get("vulns", ()) if of["fix_versions"]]
        for each in audited(ROOT / "requirements.lock")
    }
    assert {name: known for name, known in weak.items() if known} == {}


def test_a_release_carries_the_list_of_what_it_needs_in_its_wheel(tmp_path):
    """As `nox -s release` makes it, but of the packages that are here, and the wheel of a copy without the weights."""
    tree, bill = tmp_path / "tree", tmp_path / "tree" / "dist" / "maskwatch.cdx.json"
    tree.mkdir()
    for name in ("maskwatch", "systemd", "models"):
        shutil.copytree(
            ROOT / name, tree / name, ignore=shutil.ignore_patterns("*.safetensors", "__pycache__")
        )
    for name in (
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "config.yaml",
        "requirements.lock",
        "hatch_build.py",
    ):
        shutil.copy(ROOT / name, tree)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d"]
    subprocess.run([*build, tmp_path / "plain"], check=True, capture_output=True, cwd=tree)
    (plain,) = (tmp_path / "plain").glob("*.whl")
    assert [name for name in zipfile.ZipFile(plain).namelist() if "sbom" in name.lower()] == []

    bill.parent.mkdir()
    make = [
        sys.executable,
        "-m",
        "cyclonedx_py",
        "environment",
        "--pyproject",
        "pyproject.toml",
        "--no-validate",  # which takes 15 s
    ]
    subprocess.run([*make, "-o", bill, sys.executable], check=True, capture_output=True, cwd=tree)
    subprocess.run([*build, tree / "dist"], check=True, capture_output=True, cwd=tree)
    (wheel,) = (tree / "dist").glob("*.whl")
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if "sbom" in name.lower()]
    assert re.fullmatch(r"maskwatch-[\d.]+\.dist-info/sboms/maskwatch\.cdx\.json", name)
    assert name.encode() in archive.read(name.partition("/")[0] + "/RECORD")
    told = json.loads(archive.read(name))
    assert (told["bomFormat"], told["metadata"]["component"]["name"]) == ("CycloneDX", "maskwatch")
    there = {each["name"].lower().replace("_", "-"): each for each in told["components"]}
    needed = {Requirement(text).name.lower() for text in PROJECT["project"]["dependencies"]}
    assert needed - there.keys() == set()
    assert all(there[each].get("licenses") for each in ("torch", "numpy", "nicegui"))
    assert str(ROOT) not in archive.read(name).decode()
