"""Kinds of other packages: an example package, installed beside maskwatch, in whose files nothing is changed."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from maskwatch.core.address import Address
from maskwatch.core.errors import ConfigError
from maskwatch.plugins import Kinds, KindSettings

EXAMPLE = Path(__file__).parents[1] / "example_plugin"
PLACES = "[[0.17, 0.24, 0.35, 0.55], [0.67, 0.35, 0.82, 0.63]]"  # where the demo's two people stand


def install(folder, project, modules=()):
    """What an installer leaves of a package: its modules, and its entry points beside them."""
    about = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = [
        f"[{group}]\n" + "".join(f"{name} = {module}\n" for name, module in named.items())
        for group, named in project["entry-points"].items()
    ]
    (about / "entry_points.txt").write_text("\n".join(points))
    for name, text in dict(modules).items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site-packages")
    shutil.copytree(EXAMPLE / "maskwatch_example", folder / "maskwatch_example")
    return install(folder, tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"])


@pytest.fixture
def with_plugins(installed, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parents[2]}:{installed}")
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def receiver():
    """A server on loopback; `posts` are the bodies that it was sent, with their credentials."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.posts.append(body | {"credentials": self.headers["Authorization"]})
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.posts = []
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def configured(tmp_path, demo_clip, receiver, monkeypatch):
    monkeypatch.setenv("MASKWATCH_HOOK", "hunter2")
    path = tmp_path / "config.yaml"
    path.write_text(
        f"""
cameras: {{door: {{source: {demo_clip}}}}}
fps: 15
detect: {{kind: turnstile, places: {PLACES}}}
motion: {{gate: false}}  # which shows a detector parts of the frame
alert:
  rules: [{{kind: nobody_masked, least: 2}}]
  sinks:
  - log
  - kind: ticket
    url: http://127.0.0.1:{receiver.server_port}/hook
    token: "{{MASKWATCH_HOOK}}"
    picture: true
queue: {{dir: {tmp_path}/queue}}
models: {{dir: {tmp_path}/models}}
drift: {{dir: {tmp_path}/drift}}
web: {{port: 0}}
console: {{enabled: false}}
"""
    )
    return path


def test_run_posts_the_demos_alert_and_its_end(with_plugins, configured, maskwatch, receiver):
    done = maskwatch("run", "-c", configured)
    assert done.returncode == 0, done.stderr
    begin, end = receiver.posts
    assert (begin["kind"], begin["camera"], begin["people"], begin["unprotected"]) == (
        "unprotected",
        "door",
        2,
        2,
    )
    assert begin["credentials"] == "Bearer hunter2"
    assert b64decode(begin["picture"]).startswith(b"\xff\xd8")
    assert len(begin["faces"]) == 2
    assert end["at"] == begin["at"] < end["ended_at"]
    assert end["id"] == begin["id"] != ""
    assert (begin["rule"], begin["level"]) == ("nobody_masked", 1)
    assert "hunter2" not in done.stdout + done.stderr


def test_check_tries_what_a_plugin_offers(with_plugins, configured, maskwatch, receiver):
    done = maskwatch("check", "-c", configured, "--speak")
    (row,) = [line for line in done.stdout.splitlines() if "ticket door" in line]
    assert "ok" in row
    assert "posted" in row
    assert "turnstile-1" in done.stdout
    assert [post["kind"] for post in receiver.posts] == ["trial"]


def test_replay_judges_the_faces_of_a_plugins_detector(
    with_plugins, configured, maskwatch, demo_clip, tmp_path
):
    lines = tmp_path / "report.jsonl"
    done = maskwatch("replay", demo_clip, "-c", configured, "--report", lines)
    assert done.returncode == 0, done.stderr
    assert "alert at 1.00 s (nobody_masked): 2 of 2 without a mask" in done.stdout
    reports = [json.loads(line) for line in lines.read_text().splitlines()]
    assert {report["models"]["detector"] for report in reports} == {"turnstile-1"}
    assert all(len(report["faces"]) == 2 for report in reports)
    assert len({tuple(face["box"]) for report in reports for face in report["faces"]}) == 2


def test_the_schema_knows_a_plugins_settings(with_plugins, maskwatch):
    schema = maskwatch("schema").stdout
    assert '"const": "ticket"' in schema
    assert '"const": "turnstile"' in schema
    assert '"const": "nobody_masked"' in schema


def test_a_plugins_settings_are_told_with_line_and_key(with_plugins, maskwatch, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "detect:\n  kind: turnstile\n  places: []\n"
        "alert:\n  sinks:\n  - kind: ticket\n    url: ftp://h\n    tokn: x\n  - tickt\n"
        "cameras:\n  a: {source: b, alert: {sinks: [ticket]}}\n"
    )
    done = maskwatch("check", "-c", path, "--config-only")
    assert done.returncode == 2
    told = done.stderr.removeprefix("maskwatch: ").splitlines()
    assert [line.removeprefix(f"{path}:") for line in told] == [
        "3: detect.places: Tuple should have at least 1 item after validation, not 0",
        "7: alert.sinks.0.url: String should match pattern '^https?://\\S+$'",
        "8: alert.sinks.0.tokn: unknown key; did you mean token?",
        "9: alert.sinks.1: must be camera_speaker, log, mqtt, notify, ticket, voice or webhook, got 'tickt'; did you mean ticket?",
        "11: cameras.a.alert.sinks.0.url: is missing",
    ]


def test_learning_says_that_it_cannot_train_a_plugin(with_plugins, configured, maskwatch):
    done = maskwatch("learn", "-c", configured)
    assert done.returncode == 2
    assert (
        "learn: trains the kinds mtcnn and masknet, and the configuration judges by turnstile" in done.stderr
    )


def as_an_author_runs(contracts, folder):
    """Pytest on a file of contracts, without anything of this project's own settings."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", contracts]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_author_of_a_plugin_runs_the_contracts_on_it(with_plugins):
    done = as_an_author_runs("conformance.py", EXAMPLE)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_the_example_of_the_documentation_is_a_kind_and_keeps_its_contract(tmp_path, monkeypatch, maskwatch):
    text = (Path(__file__).parents[2] / "docs/adding-a-kind.md").read_text()
    blocks = {}
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        blocks.setdefault(language, []).append(block)
    module, contract = blocks["python"]
    (points,), (configuration,) = blocks["toml"], blocks["yaml"]
    project = {"name": "bell", "version": "1", **tomllib.loads(points)["project"]}
    folder = install(tmp_path / "site", project, {"maskwatch_bell.py": module, "test_bell.py": contract})
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parents[2]}:{folder}")
    camera = "cameras: {door: {source: usb:0}}\n"
    (tmp_path / "config.yaml").write_text(camera + configuration)
    done = maskwatch("check", "-c", tmp_path / "config.yaml", "--config-only")
    assert (done.returncode, done.stderr) == (0, "")
    done = as_an_author_runs("test_bell.py", folder)
    assert done.returncode == 0, done.stdout
    assert "7 passed" in done.stdout


# packages that are not as they should be

GOOD = """
from typing import Literal
from maskwatch.plugins import KindSettings
class Settings(KindSettings):
    kind: Literal["bell"] = "bell"
class Bell:
    name = "bell"
    def deliver(self, alert): pass
def build(settings, context):
    return Bell()
"""


@pytest.fixture
def other(tmp_path, monkeypatch):
    """Install a package with one alert sink `bell`, from the text of its module."""

    def make(text, kind="bell", name="belfry"):
        points = {"maskwatch.alerts": {kind: f"{name}_module"}}
        folder = install(
            tmp_path / name,
            {"name": name, "version": "3.1", "entry-points": points},
            {f"{name}_module.py": text},
        )
        monkeypatch.syspath_prepend(folder)
        monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parents[2]}:{folder}")
        sys.modules.pop(f"{name}_module", None)
        return Kinds("alert sink", "maskwatch.alerts", "maskwatch.alerts.kinds")

    return make


def test_a_kind_of_another_package_stands_beside_our_own(other):
    kinds = other(GOOD)
    assert [name for name, _ in kinds.all()] == [
        "camera_speaker",
        "log",
        "mqtt",
        "notify",
        "voice",
        "webhook",
        "bell",
    ]
    assert kinds.build(kinds.kind("bell").Settings(), None).name == "bell"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "import no_such_module",
            "cannot be imported (ModuleNotFoundError: No module named 'no_such_module')",
        ),
        ("def", "cannot be imported (SyntaxError: "),
        ("raise SystemError('odd')", "cannot be imported (SystemError: odd)"),
        ("", "has no class Settings that is a KindSettings"),
        ("class Settings: pass", "has no class Settings that is a KindSettings"),
        (GOOD.replace('"bell"', '"ring"'), 'its Settings must have `kind: Literal["bell"] = "bell"`'),
        (GOOD.replace("def build", "def built"), "has no function build(settings, context)"),
    ],
)
def test_a_broken_package_is_named_when_it_is_used_and_only_then(other, maskwatch, tmp_path, text, told):
    kinds = other(text)
    with pytest.raises(ConfigError) as e:
        kinds.kind("bell")
    assert str(e.value).startswith("alert sink bell of the package belfry 3.1")
    assert told in str(e.value)
    assert kinds.kind("log")


def test_a_broken_package_is_a_problem_with_its_line_where_it_is_named_and_a_warning_in_the_schema(
    other, maskwatch, tmp_path
):
    other("import no_such_module")
    path = tmp_path / "config.yaml"
    camera = "cameras: {door: {source: usb:0}}\n"
    path.write_text(f"alert:\n  sinks:\n  - log\n  - bell\n{camera}")
    done = maskwatch("check", "-c", path, "--config-only")
    assert done.returncode == 2
    assert done.stderr == (
        f"maskwatch: {path}:4: alert.sinks.1: alert sink bell of the package belfry 3.1 cannot be imported "
        "(ModuleNotFoundError: No module named 'no_such_module')\n"
    )
    path.write_text("alert: {sinks: [log]}\n" + camera)
    done = maskwatch("check", "-c", path, "--config-only")
    assert (done.returncode, done.stderr) == (0, "")
    done = maskwatch("schema")
    assert done.returncode == 0
    assert "WARNING alert sink bell of the package belfry 3.1 cannot be imported" in done.stderr


def test_a_package_takes_no_name_that_is_ours_or_another_packages(other, caplog):
    kinds = other(GOOD, kind="log")
    assert kinds.kind("log").__name__ == "maskwatch.alerts.kinds.log"
    assert kinds.names == ["camera_speaker", "log", "mqtt", "notify", "voice", "webhook"]
    assert (
        "alert sink log of the package belfry 3.1: left out, there is one of this name already" in caplog.text
    )


def test_a_source_of_another_package_is_found_by_its_address(tmp_path, monkeypatch):
    text = """
import re
from typing import Literal
from maskwatch.sources.registry import AddressSettings
class Settings(AddressSettings):
    pattern = re.compile("ndi://.*")
    kind: Literal["ndi"] = "ndi"
def fit(address):
    return 2 if Settings.takes(address) else 0
class Ndi:
    live = True
    def __init__(self, name): self.name = name
def build(settings, context):
    return Ndi(f"{context.camera} {settings.address}")
"""
    project = {"name": "ndi", "version": "1", "entry-points": {"maskwatch.sources": {"ndi": "ndi_module"}}}
    monkeypatch.syspath_prepend(install(tmp_path / "ndi", project, {"ndi_module.py": text}))
    from maskwatch.config.load import parse
    from maskwatch.sources import registry

    fresh = Kinds("source", "maskwatch.sources", "maskwatch.sources.kinds")
    monkeypatch.setattr(registry, "SOURCES", fresh)
    read = parse("cameras: {a: {source: 'ndi://u:hunter2@studio/1'}}", "c", {})
    made = registry.open_source("a", read.cameras["a"].source)
    assert made.name == "a ndi://studio/1"
    assert (
        registry.open_source("a", fresh.kind("ndi").Settings(address="ndi://studio/2")).name
        == "a ndi://studio/2"
    )
    with pytest.raises(ConfigError, match=r"must be rtsp://"):
        parse("cameras: {a: {source: 'gopher://studio/1'}}", "c", {})
    assert type(registry.open_source("a", Address("clip.mp4"))).__name__ == "FileSource"


def test_a_new_kind_of_our_own_is_one_new_file(tmp_path, monkeypatch):
    """The room's `kinds/` is looked through; nothing lists what is in it."""
    import maskwatch.alerts.kinds as room

    (tmp_path / "bell.py").write_text(GOOD)
    monkeypatch.setattr(room, "__path__", [*room.__path__, str(tmp_path)])
    kinds = Kinds("alert sink", "maskwatch.alerts", "maskwatch.alerts.kinds")
    assert kinds.names == ["bell", "camera_speaker", "log", "mqtt", "notify", "voice", "webhook"]
    assert issubclass(kinds.kind("bell").Settings, KindSettings)
    sys.modules.pop("maskwatch.alerts.kinds.bell")
