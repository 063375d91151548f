"""What a caller can call says what it does."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "maskwatch"


def named(room):
    """`(place, method or None, documented)` of every public class, function and method of a room."""
    for path in sorted((ROOT / room).rglob("*.py")):
        yield from _named(ast.parse(path.read_text()).body, str(path.relative_to(ROOT)), in_class=False)


def _named(body, place, *, in_class):
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
            continue
        told = ast.get_docstring(node) is not None
        yield f"{place}:{node.name}", node.name if in_class else None, told
        if isinstance(node, ast.ClassDef):
            yield from _named(node.body, f"{place}:{node.name}", in_class=True)


@pytest.mark.parametrize("room", ["core", "pipeline", "detect", "classify"])
def test_every_public_name_has_a_docstring(room):
    """A method that fills a port or another class's place may leave it to that."""
    found = list(named(room))
    told = {method for _, method, documented in (*found, *named("core")) if documented}
    assert len(found) > 5
    assert [place for place, method, documented in found if not documented and method not in told] == []
