"""README and docs say what is so: every command, option, key, default, link, path and name in them is held against the program."""

import json
import pkgutil
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from maskwatch import cli
from maskwatch.alerts.registry import SINKS
from maskwatch.config import load as config
from maskwatch.core.records import Box, Decision, Face, Frame, FrameReport, Label, Person, Versions
from maskwatch.output.json_lines import as_json
from maskwatch.samples.retention import ID_TIME
from maskwatch.samples.sample import encoded_record, read_sample

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").is_file())
PAGES = {
    str(path.relative_to(ROOT)): path.read_text() for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")]
}
COMMANDS = get_command(cli.app)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SUFFIXES = r"\.(?:py|js|md|sh|toml|lock|service|timer|png|jpg)"

each_page = pytest.mark.parametrize("page", sorted(PAGES))


def fenced(page, language):
    return [block for name, block in FENCED.findall(PAGES[page]) if name == language]


def indented(page):
    """Blocks of code that are set off by their indentation, in lists by more of it."""
    text = FENCED.sub("", PAGES[page])
    blocks = re.findall(r"(?:^ {4,}\S.*\n)+", text, re.MULTILINE)
    return [
        re.sub(r"^ {7}" if block.startswith(" " * 7) else r"^ {4}", "", block, flags=re.MULTILINE)
        for block in blocks
    ]


def spans(page):
    """Code within the text; in a table a `|` is written with a backslash."""
    text = FENCED.sub("", PAGES[page])
    return [re.sub(r"\s+", " ", span).replace("\\|", "|") for span in re.findall(r"`([^`]+)`", text)]


def calls(page):
    """The arguments of every call of maskwatch, also of those that are said without its name."""
    for text in [*spans(page), *(line for block in indented(page) for line in block.splitlines())]:
        try:
            tokens = shlex.split(text, comments=True)
        except ValueError:
            continue  # no command: an apostrophe in a line that a command prints
        if text in spans(page) and tokens and tokens[0] in COMMANDS.commands:
            yield tokens
        for place, token in enumerate(tokens):
            before = tokens[place - 1] if place else "&&"
            if token.rpartition("/")[2] == "maskwatch" and (before in {"&&", "sudo"} or "=" in before):
                yield tokens[place + 1 :]


def rows_of_commands():
    """What stands in the first column of the table of commands."""
    lines = PAGES["docs/guide.md"].split("## Commands")[1].replace("\\|", "or").splitlines()
    usages = [line.split(" | ")[0] for line in lines if line.startswith("| `")]
    return [shlex.split(usage) for cell in usages for usage in re.findall(r"`([^`]+)`", cell)]


def what_is_wrong(tokens):
    """The first word that this call has and the program has not; None when there is none."""
    command = COMMANDS
    for token in (t.strip("[]|,…") for t in tokens):
        known = {option for p in command.params for option in (*p.opts, *p.secondary_opts)} | {"--help"}
        if token in {"&&", ";"}:
            break
        if re.match(r"--?[a-z]", token):
            if token.partition("=")[0] not in known:
                return token
        elif hasattr(command, "commands") and token and not token.isupper():
            if token not in command.commands:
                return token
            command = command.commands[token]
    return None


@each_page
def test_every_command_and_option_is_there(page):
    assert {" ".join(call): wrong for call in calls(page) if (wrong := what_is_wrong(call))} == {}


def test_the_table_of_commands_is_complete_and_invents_nothing():
    said = rows_of_commands()

    def leaves(command, names=()):
        for name, inner in getattr(command, "commands", {}).items():
            yield from leaves(inner, (*names, name))
        if not hasattr(command, "commands") and not command.hidden:  # hidden ones are of earlier releases
            yield names

    assert {" ".join(call): wrong for call in said if (wrong := what_is_wrong(call))} == {}
    assert {
        names for names in leaves(COMMANDS) if not any(tuple(call[: len(names)]) == names for call in said)
    } == set()


def resolved(schema, node):
    return schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def keys(schema, node, defaults, prefix=""):
    """Every key of a schema with its default, dotted; of a section of several kinds those of the kind that is the default."""
    for name, field in node["properties"].items():
        key, default = prefix + name, defaults.get(name, field.get("default"))
        options = [resolved(schema, option) for option in field.get("anyOf", [field])]
        sections = [option for option in options if "properties" in option]
        if sections and "anyOf" in field:
            sections = [s for s in sections if s["properties"]["kind"]["const"] == default["kind"]]
            yield f"{key}.kind", default["kind"]
        if sections:
            yield from keys(schema, sections[0], default or {}, f"{key}.")
        elif key != "cameras" and not (name == "kind" and "const" in field):
            yield key, default


def documented():
    """The keys in the table of the configuration and what it says of their defaults; `.volume` after another key stands beside it."""
    for cells in re.findall(r"^\| (`.*?) \| (.*?) ?\| ", PAGES["docs/configuration.md"], re.MULTILINE):
        names: list[str] = []
        for key in re.findall(r"`([^`]+)`", cells[0]):
            names.append(names[-1].rsplit(".", 1)[0] + key if key.startswith(".") else key)
        said = yaml.safe_load(f"[{cells[1].replace('`', '')}]") if "{" not in cells[1] else [cells[1]]
        yield from zip(names, said if len(names) > 1 else [said[0] if len(said) == 1 else said], strict=True)


def is_number(value):
    return isinstance(value, int | float)


def known_keys():
    schema = config.file_schema()
    return dict(keys(schema, schema, {}))


def test_the_table_of_the_configuration_is_complete_and_invents_nothing():
    assert set(dict(documented())) == set(known_keys()) | {"cameras.NAME.source"}


def test_the_defaults_in_the_table_are_those_of_the_program():
    """Numbers, switches and bands; the other defaults are said in words."""
    known = {k: v for k, v in known_keys().items() if is_number(v[0] if v and isinstance(v, list) else v)}
    said = dict(documented())
    assert len(known) > 30
    assert {key: said[key] for key in known} == known


SINKS_OF_THEIR_OWN = {
    "camera_speaker": "The camera's own speaker",
    "mqtt": "MQTT and Home Assistant",
    "webhook": "Webhook",
    "notify": "Notify: mail and chat",
}


@pytest.mark.parametrize("kind", SINKS_OF_THEIR_OWN)
def test_the_tables_of_the_sinks_are_complete_and_tell_the_defaults(kind):
    section = PAGES["docs/alerts.md"].split(f"## {SINKS_OF_THEIR_OWN[kind]}\n")[1].split("\n## ")[0]
    table = section.split("| key | default | meaning |")[1]
    said = {}
    for names, defaults in re.findall(r"^\| (`.*?) \| (.*?) ?\| ", table, re.MULTILINE):
        keys_said = re.findall(r"`([^`]+)`", names)
        values = [value.strip(" `") for value in defaults.split(",")]
        said |= dict(
            zip(keys_said, values if len(values) == len(keys_said) else values * len(keys_said), strict=True)
        )
    fields = SINKS.kind(kind).Settings.model_fields
    assert set(said) == set(fields) - {"kind"}
    for name, field in fields.items():
        if is_number(field.default) and said[name] != "as above":
            assert yaml.safe_load(said[name]) == field.default


def examples(page):
    """Every piece of a configuration: blocks, and what stands in the text, if only one key."""
    sections = set(config.file_schema()["properties"])
    yield from fenced(page, "yaml")
    yield from (block for block in indented(page) if "cameras:" in block)
    for span in spans(page):
        found = re.fullmatch(r"([a-z]\w*)((?:\.[a-z]\w*)*): (.+)", span)
        if found and found[1] in sections:
            inner = found[2].split(".")[1:]
            yield f"{found[1]}: " + "".join(f"{{{key}: " for key in inner) + found[3] + "}" * len(inner)


@pytest.mark.parametrize("page", sorted(set(PAGES) - {"docs/adding-a-kind.md"}))  # whose kind is its own
def test_the_configuration_examples_load(page):
    for text in examples(page):
        secrets = dict.fromkeys(re.findall(r"\{(MASKWATCH_\w+)\}", text), "a-password-of-24-letters")
        whole = text if "cameras:" in text else f"cameras: {{entrance: {{source: 'usb:0'}}}}\n{text}"
        assert config.parse(whole, page, secrets).cameras


def test_there_are_configuration_examples():
    assert len([text for page in PAGES for text in examples(page)]) > 10


def anchors(text):
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_every_link_and_image_has_its_target(page):
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", PAGES[page])):
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if "://" not in link and not (
            target.exists() and (not anchor or anchor in anchors(target.read_text()))
        ):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("index", ["README.md", "docs/README.md"])
def test_every_page_is_found_from_both_indexes(index):
    linked = {
        ((ROOT / index).parent / link).resolve() for link in re.findall(r"\]\(([^)#]+\.md)\)", PAGES[index])
    }
    assert {
        page for page in PAGES if page not in {"README.md", "docs/README.md"} and (ROOT / page) not in linked
    } == set()


def exists(path, page):
    return any((base / path).exists() for base in (ROOT, ROOT / "maskwatch", (ROOT / page).parent))


@each_page
def test_every_path_and_module_that_is_named_is_there(page):
    missing = []
    for span in spans(page):
        is_file = re.fullmatch(rf"[\w.-]+(/[\w.-]+)+{SUFFIXES}", span)
        is_folder = re.fullmatch(r"(maskwatch|tests|docs|systemd|\.ci)/[\w./-]*", span)
        if (is_file or is_folder) and not exists(span, page):
            missing.append(span)
        if re.fullmatch(r"test_\w+\.py", span) and not list((ROOT / "tests").rglob(span)):
            missing.append(span)
        if re.fullmatch(r"maskwatch(\.[A-Za-z_]\w*)+", span) and not is_there(span):
            missing.append(span)
    assert missing == []


def is_there(name):
    """A module, something in one, or a group of entry points."""
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return any(f'"{name}"' in path.read_text() for path in (ROOT / "maskwatch").rglob("registry.py"))
    return True


@each_page
def test_units_markers_sessions_and_words_of_the_installer_are_there(page):
    code = "\n".join([*indented(page), *spans(page)])
    units = {path.name for path in (ROOT / "systemd").iterdir()}
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    markers = {marker.partition(":")[0] for marker in settings["tool"]["pytest"]["markers"]}
    named = {
        "unit": {
            u for u in re.findall(r"\bmaskwatch-[a-z]+(?:\.\w+)?\b", code) if not {u, f"{u}.service"} & units
        },
        "marker": set(re.findall(r"-m \"?(?:not )?(\w+)\"?", code)) - markers - {"pytest", "venv"},
        "session": {
            s
            for s in re.findall(r"nox -s (\w+)", code)
            if f"def {s}(" not in (ROOT / "noxfile.py").read_text()
        },
        "word": {
            w
            for w in re.findall(r"install\.sh ([a-z]+)", code)
            if f"{w})" not in (ROOT / "systemd/install.sh").read_text()
        },
    }
    assert {sort: names for sort, names in named.items() if names} == {}


def test_every_address_and_metric_is_there():
    source = "".join(path.read_text() for path in (ROOT / "maskwatch/web").glob("*.py"))
    table = PAGES["docs/operations.md"].split("## Status and metrics")[1].split("## ")[0]
    addresses = re.findall(r"^\| `(/\S+)` ", table, re.MULTILINE)
    metrics = re.findall(
        r"`(?:maskwatch)?(_\w+)`", next(line for line in table.splitlines() if "/metrics" in line)
    )
    assert len(addresses) > 5
    assert len(metrics) > 10
    assert {address for address in addresses if f'"{address}"' not in source} == set()
    names = "|".join(
        re.sub(r"\{[^}]*\}", r"\\w+", name) for name in re.findall(r'"maskwatch(_[\w{}.]+)"', source)
    )
    assert {m for m in metrics if not re.fullmatch(f"({names})(_total|_info)?", m)} == set()


def test_the_line_of_a_report_has_the_keys_that_are_written(bare):
    (line,) = fenced("docs/guide.md", "json")
    shown = json.loads(line)
    face = Face(Box(0, 0, 9, 9), 1.0, 0.0, Label.UNPROTECTED)
    person = Person(1, face.box, Label.UNPROTECTED, 0.0, 1.5, 0)
    report = FrameReport("a", "b", 0, 0.0, (512, 600), (face,), models=Versions("c", "d"), persons=(person,))
    written = as_json(Decision(Frame("a", "b", 0, 0.0, bare), report))
    assert list(shown) == list(written)
    assert list(shown["faces"][0]) == list(written["faces"][0])
    assert list(shown["persons"][0]) == list(written["persons"][0])


def test_the_sample_that_is_shown_is_read_and_written_just_so(tmp_path):
    (shown,) = fenced("docs/labelling-and-the-loop.md", "json")
    path = tmp_path / "sample.json"
    path.write_text(shown)
    sample = read_sample(path)
    assert json.loads(encoded_record(sample)) == json.loads(shown)
    assert sample.id == f"{sample.saved_at:{ID_TIME}}"[:-3] + f"Z-{sample.report.seq:06d}"


def test_the_rooms_are_drawn_as_the_contract_has_them():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (contract,) = [c for c in settings["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    drawn = PAGES["docs/architecture.md"].split("## The rooms")[1].split("```")[1].strip().splitlines()
    assert [re.split(r" {2,}", line)[0].strip() for line in drawn] == contract["layers"]


def test_continuous_integration_runs_the_test_command_word_for_word():
    """The script without what it clears, prepares and runs: it prints what it would run."""
    script = (ROOT / ".ci/run").read_text().replace('bash -euo pipefail -c "$command"', "")
    script = re.sub(r"^(rm -rf \.venv|source \.ci/).*$", "", script, flags=re.MULTILINE)
    script = script.replace('cd "$(dirname "$0")/.."', f"cd {ROOT}")
    printed = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    assert "    " + printed.removeprefix("+ ").rstrip("\n") in PAGES["README.md"].splitlines()
    assert "-m pytest" in printed


@each_page
def test_every_test_that_is_named_is_there(page):
    there = "".join(path.read_text() for path in (ROOT / "tests").glob("*/test_*.py"))
    names = set(re.findall(r"`(?:\w+\.py::)?((?:test_|Test)\w+)`", PAGES[page]))
    own = PAGES[page]  # a class that a reader is to write
    missing = {
        name
        for name in names
        if not re.search(rf"^ *(?:def|class) {name}\b", f"{there}\n{own}", re.MULTILINE)
    }
    assert missing == set()


@pytest.mark.parametrize(("page", "least"), [("docs/operations.md", 80), ("docs/field-reports.md", 25)])
def test_every_line_of_the_tables_of_faults_names_its_test(page, least):
    tables = re.findall(r"^\|.* test \|\n\|[-|]+\|\n((?:\|.*\n)+)", PAGES[page], re.MULTILINE)
    rows = [re.split(r" *\| *", line)[1:-1] for line in "".join(tables).splitlines()]
    assert len(rows) > least
    assert [
        cells[0] for cells in rows if not re.match(r"`(test_|Test|tests/.*\.py`)|the same", cells[-1])
    ] == []


@each_page
def test_scripts_of_the_harness_start_as_the_pages_say(page):
    """Those that use others of the harness need its folder on Python's path."""
    wrong = []
    for line in "".join(indented(page)).splitlines():
        for name in re.findall(r"python (tests/harness/\w+\.py)", line):
            uses_others = (
                re.search(r"^(?:from|import) harness\b", (ROOT / name).read_text(), re.MULTILINE) is not None
            )
            if uses_others is not ("PYTHONPATH=tests " in line):
                wrong.append(line)
    assert wrong == []


def test_the_readme_is_short():
    assert len(PAGES["README.md"].splitlines()) <= 200
