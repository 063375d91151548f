"""What a caller can call says what it does, and what a docstring names is there."""

import ast
import builtins
import re
from pathlib import Path

import pytest

from maskwatch.config.sections import Globals

PROJECT = Path(__file__).parents[2]
ROOT = PROJECT / "maskwatch"
MODULES = sorted(ROOT.rglob("*.py"))


def named(room):
    """`(place, method or None, documented)` of every public class, function and method of a room."""
    for path in sorted((ROOT / room).rglob("*.py")):
        yield from _named(ast.parse(path.read_text()).body, str(path.relative_to(ROOT)), in_class=False)


def _named(body, place, *, in_class):
    for node in body:
        if not isinstance(
            node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        ) or node.name.startswith("_"):
            continue
        told = ast.get_docstring(node) is not None
        yield f"{place}:{node.name}", node.name if in_class else None, told
        if isinstance(node, ast.ClassDef):
            yield from _named(node.body, f"{place}:{node.name}", in_class=True)


@pytest.mark.parametrize(
    "room", sorted(path.name for path in ROOT.iterdir() if (path / "__init__.py").exists())
)
def test_every_public_name_has_a_docstring(room):
    """A method that fills a port or another class's place may leave it to that."""
    found = list(named(room))
    told = {method for _, method, documented in (*found, *named("core")) if documented and method}
    assert found
    assert [place for place, method, documented in found if not documented and method not in told] == []


FILES = {"csv", "jpg", "js", "json", "names", "txt", "xml", "yaml"}
OF_OTHERS = {"detect_face.py", "KeyboardEvent.key"}  # facenet-pytorch's, a browser's


def docstrings(tree):
    """Those of definitions, and the strings that stand under names."""
    return [
        node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]


def bound(tree):
    """The names of definitions, arguments, variables and imports."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name


NAMES = {name for path in MODULES for name in bound(ast.parse(path.read_text()))} | set(dir(builtins))


def has_file(path, name):
    """Beside the module, from the package's root or the project's; of a name that no package lists, anywhere."""
    if any((folder / name).is_file() for folder in (path.parent, ROOT, PROJECT)):
        return True
    return path.name != "__init__.py" and any(str(each).endswith(f"/{name}") for each in MODULES)


def is_there(folder, dotted):
    """Whether a module below `folder` is so called, or has what the rest of the name says."""
    first, _, rest = dotted.partition(".")
    inside, module = folder / first, folder / f"{first}.py"
    if not rest:
        return inside.is_dir() or module.is_file()
    if inside.is_dir():
        return is_there(inside, rest) or defines(inside / "__init__.py", rest)
    return module.is_file() and defines(module, rest)


def defines(module, dotted):
    return set(dotted.split(".")) <= set(bound(ast.parse(module.read_text())))


def missing(path, tree):
    """The names in a module's docstrings that name nothing."""
    text = "\n".join(docstrings(tree))
    own = set(bound(tree))
    for name in re.findall(r"\b[\w/]+\.py\b", text):
        if not has_file(path, name):
            yield name
    for dotted in re.findall(r"`([A-Za-z_]\w*(?:\.\w+)+)`", text):
        first, last = dotted.split(".")[0], dotted.split(".")[-1]
        if last in FILES | {"py"}:
            continue
        if first == "maskwatch":
            found = is_there(PROJECT, dotted) or defines(ROOT / "__init__.py", dotted.split(".")[1])
        elif first in Globals.model_fields and last in re.findall(r"\w+", str(Globals.model_json_schema())):
            found = True
        elif first in own:
            found = last in NAMES
        else:
            found = is_there(ROOT, dotted) or is_there(path.parent, dotted)
        if not found:
            yield dotted
    yield from (
        name for name in re.findall(r"`([A-Z]\w*[a-z][A-Z]\w*|[A-Z]+_[A-Z_]+)`", text) if name not in NAMES
    )


def test_what_docstrings_name_is_there():
    found = {
        (str(path.relative_to(ROOT)), name)
        for path in MODULES
        for name in missing(path, ast.parse(path.read_text()))
        if name not in OF_OTHERS
    }
    assert not found


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("see rule.py, `part` and `sets.py`", ["rule.py"]),
        ("by `dataset.split`, `datasets.sets`, `datasets.sets.named` and `datasets.sets.unnamed`", ["dataset.split", "datasets.sets.unnamed"]),
        ("`alert.say`, `prepared.csv`, `maskwatch.core.ports.Source` or `maskwatch.core.part`", ["maskwatch.core.part"]),
        ("raises `PictureError` over `MAX_PROBLEMS`, or `OSError`", ["PictureError"]),
    ],
)  # fmt: skip
def test_a_name_of_nothing_is_told(text, names):
    tree = ast.parse(repr(text))
    assert list(missing(ROOT / "datasets" / "records.py", tree)) == names
