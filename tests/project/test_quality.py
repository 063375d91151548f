"""The house rules, as far as a program can check them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-m", "ruff", "check", "."],
        [sys.executable, "-m", "ruff", "format", "--check", "."],
        [sys.executable, "-m", "mypy"],
        [str(Path(sys.executable).with_name("lint-imports"))],
    ],
    ids=["ruff check", "ruff format", "mypy", "import-linter"],
)
def test_the_code_is_clean(command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_types_reach_the_user(tmp_path):
    """Here, as mypy then need not read the package a second time: its cache is that of the test above."""
    (tmp_path / "user.py").write_text(
        "import maskwatch\nreveal_type(maskwatch.load_detector())\n"
        "def alert(rule: maskwatch.Rule, report: maskwatch.FrameReport) -> float | None:\n"
        "    return report.protected_ratio if rule.update(report) else None\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", tmp_path / "user.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout
    assert 'Revealed type is "maskwatch.core.ports.Detector"' in done.stdout
    (tmp_path / "user.py").write_text("import maskwatch\nmaskwatch.load_detectors()\n")
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert 'has no attribute "load_detectors"' in done.stdout


def test_no_weights_or_data_are_pickled():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True
    ).stdout.splitlines()
    assert not [name for name in tracked if name.endswith((".pt", ".pth", ".pkl", ".pickle", ".npy"))]
    for path in (ROOT / "maskwatch").rglob("*.py"):
        assert not re.search(r"\bimport pickle|weights_only=False", path.read_text()), path


def test_errors_that_docstrings_name_exist():
    import builtins

    import av
    import pydantic

    texts = {path: path.read_text() for path in (ROOT / "maskwatch").rglob("*.py")}
    ours = {
        name for text in texts.values() for name in re.findall(r"^class (\w+Error)\b", text, re.MULTILINE)
    }
    for path, text in texts.items():
        for name in re.findall(r"`(\w+Error)`", text):
            known = name in ours or any(hasattr(each, name) for each in (builtins, pydantic, av))
            assert known, f"{path.relative_to(ROOT)}: {name}"


@pytest.mark.parametrize("name", ["classifier", "detector"])
def test_the_card_tells_the_sha256_of_the_shipped_weights(name):
    import hashlib

    digest = hashlib.sha256((ROOT / f"models/{name}.safetensors").read_bytes()).hexdigest()
    assert digest in (ROOT / f"models/{name}.md").read_text()


UNITS = ["maskwatch.service", "maskwatch-learn.service", "maskwatch-review.service"]


@pytest.mark.parametrize("name", UNITS)
def test_systemd_accepts_the_unit_and_holds_it_for_safe(tmp_path, name):
    """`verify` needs the program to exist, so it is told of one that does."""
    import shutil

    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    text = (ROOT / "systemd" / name).read_text()
    unit = tmp_path / name
    unit.write_text(text.replace("/opt/maskwatch/.venv/bin/maskwatch", sys.executable))
    verify = ["systemd-analyze", "verify", "--recursive-errors=no", unit]
    done = subprocess.run(verify, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    security = ["systemd-analyze", "security", "--offline=true", "--threshold=25", unit]
    assert subprocess.run(security, capture_output=True).returncode == 0


@pytest.mark.parametrize("name", UNITS)
def test_the_units_share_a_user_and_its_folders_and_none_may_take_the_whole_machine(name):
    text = (ROOT / "systemd" / name).read_text()
    for line in ("User=maskwatch", "DynamicUser=yes", "StateDirectory=maskwatch", "UMask=0077"):
        assert f"\n{line}\n" in text
    assert re.search(r"^MemoryMax=\d+G$", text, re.MULTILINE)
    assert re.search(r"^TasksMax=\d+$", text, re.MULTILINE)


def test_systemd_accepts_the_timer_that_starts_the_learning(tmp_path):
    import shutil

    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for name in ("maskwatch-learn.service", "maskwatch-learn.timer"):
        text = (ROOT / "systemd" / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/maskwatch/.venv/bin/maskwatch", sys.executable))
    verify = ["systemd-analyze", "verify", "--recursive-errors=no", tmp_path / "maskwatch-learn.timer"]
    done = subprocess.run(verify, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_wheel_carries_models_example_configuration_unit_and_template(wheel):
    import zipfile

    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "models/classifier.safetensors",
        "models/classifier.md",
        "models/detector.safetensors",
        "config.yaml",
        "systemd/install.sh",
        "systemd/maskwatch.service",
        "systemd/maskwatch-learn.service",
        "systemd/maskwatch-learn.timer",
        "systemd/maskwatch-review.service",
    ):
        assert f"maskwatch/shipped/{name}" in names
    assert "maskwatch/evaluation/templates/report.html.jinja" in names
