"""The README says what is so."""

import re
import subprocess
from pathlib import Path

import pytest

from maskwatch.config import load as config
from maskwatch.config.load import _section
from maskwatch.config.sections import CameraConfig, Globals

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def keys(model, prefix=""):
    """Every key of a settings record, dotted."""
    for name, field in model.model_fields.items():
        inner = _section(field, {})
        if inner is not None:
            yield from keys(inner, f"{prefix}{name}.")
        elif f"{prefix}{name}" != "alert.voice.kind":  # which is said by the section's name
            yield prefix + name


def documented():
    """The keys in the table of the configuration; `.volume` after another key stands beside it."""
    table = README.split("## Configuration")[1].split("## What comes out")[0]
    for line in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        section = ""
        for key in re.findall(r"`([^`]+)`", line):
            full = section + key if key.startswith(".") else key
            section = full.rsplit(".", 1)[0]
            yield full


def test_the_table_of_the_configuration_is_complete_and_invents_nothing():
    known = {key for key in keys(Globals) if key != "cameras"}
    assert "source" in set(keys(CameraConfig))
    assert set(documented()) == known | {"cameras.NAME.source"}


def test_the_configuration_examples_load():
    blocks = re.findall(r"(?:^ {7}.*\n)+", README, re.MULTILINE)
    (example,) = [block for block in blocks if "cameras:" in block]
    text = "\n".join(line[7:] for line in example.splitlines())
    assert list(config.parse(text, "README.md", {"MASKWATCH_ENTRANCE_PASSWORD": "x"}).cameras) == ["entrance"]


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "replay",
        "demo",
        "check",
        "queue list",
        "queue show",
        "extract",
        "dataset prepare",
        "dataset stats",
        "dataset convert",
        "train classifier",
        "evaluate detector",
        "evaluate classifier",
        "evaluate system",
        "evaluate features",
    ],
)
def test_every_command_and_option_in_the_table_is_there(command, maskwatch):
    usage = next(
        span for span in re.findall(r"`([^`]+)`", README.split("## Commands")[1]) if span.startswith(command)
    )
    said = maskwatch(*command.split(), "--help", env={"COLUMNS": "200", "NO_COLOR": "1"}).stdout
    options = re.findall(r"(?<=[\[ ])--?[a-z]+", usage)
    assert all(option in said for option in options)


def test_continuous_integration_runs_the_test_command_word_for_word(tmp_path):
    """The script with its last line, which runs the command, taken away: it prints what it would run."""
    script = (
        (ROOT / ".ci/run")
        .read_text()
        .replace('bash -euo pipefail -c "$command"', "")
        .replace("rm -rf .venv .nox", "")
        .replace("source .ci/pythons", "")
    )
    script = script.replace('cd "$(dirname "$0")/.."', f"cd {ROOT}")
    printed = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.removeprefix("+ ").strip() in README
    assert "-m pytest" in printed


def test_every_fault_in_the_table_is_a_test():
    names = set(re.findall(r"`(test_\w+)`", README.split("## What can break")[1].split("## Commands")[0]))
    there = "".join(path.read_text() for path in (ROOT / "tests/faults").glob("test_*.py"))
    assert len(names) > 20
    assert {name for name in names if f"def {name}(" not in there} == set()
