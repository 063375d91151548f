"""The suite's quick core on the other Pythons that are here: `nox`, or one of them, `nox -s quick_core-3.13`.

`nox -s release` makes what is handed on, in `dist/`.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

import nox

PYTHONS = ("3.11", "3.12", "3.13")
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"  # on which the whole suite is run
# sources, demo and other commands, configuration, detector, the wheel and its installation, the dependencies
QUICK_CORE = (
    "sources/test_sources.py",
    "cli/test_commands.py",
    "config/test_config.py",
    "detect/test_detect.py",
    "project/test_install.py",
    "project/test_packaging.py",
)

nox.options.error_on_missing_interpreters = False  # nor where CI is set; .ci/run sees to it that there is one
# pyenv's shims answer only for the versions in use; its interpreters themselves for all that it has
versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
os.environ["PATH"] = os.pathsep.join([*map(str, sorted(versions.glob("3.*/bin"))), os.environ["PATH"]])
others = [version for version in PYTHONS if version != RUNNING]
if os.environ.get("CI"):  # an environment takes minutes to make: the newest that is here says most
    others = [version for version in others if shutil.which(f"python{version}")][-1:]


@nox.session(python=others)
def quick_core(session: nox.Session) -> None:
    """Runs against the package as it is installed, from its wheel."""
    session.install("--constraint", "requirements.lock", ".[dev]")
    at_once = ("-n", "2", "--dist", "loadfile")  # as the whole suite is run
    session.run("pytest", *at_once, *(f"tests/{name}" for name in QUICK_CORE), *session.posargs)


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """The wheel with the list of what it needs in it (SBOM), the source archive, and their checksums."""
    dist = Path("dist").absolute()
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    needed = Path(session.create_tmp()).absolute() / "needed"  # what a user gets, and nothing else
    shutil.rmtree(needed, ignore_errors=True)
    session.install("--constraint", "requirements.lock", "cyclonedx-bom", "hatchling")
    session.run("python", "-m", "venv", str(needed))
    install = ("-m", "pip", "install", "--constraint", "requirements.lock", ".[fast,mqtt,notify,postgres]")
    session.run(str(needed / "bin" / "python"), *install, external=True)
    session.run(str(needed / "bin" / "python"), "-m", "pip", "uninstall", "-qy", "pip", external=True)
    bill = ("--pyproject", "pyproject.toml", "--output-reproducible", "-o", str(dist / "maskwatch.cdx.json"))
    session.run("cyclonedx-py", "environment", *bill, str(needed))
    session.run("hatchling", "build", "-d", str(dist))  # hatch_build.py puts it in
    files = sorted(path.name for path in dist.iterdir())
    lines = [f"{hashlib.sha256((dist / name).read_bytes()).hexdigest()}  {name}\n" for name in files]
    (dist / "SHA256SUMS").write_text("".join(lines))
