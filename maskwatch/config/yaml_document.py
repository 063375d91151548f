"""A YAML text as a tree with line numbers. What a configuration has no use for is refused.

That is: duplicate keys, keys that are not strings, tags of other types, and aliases that expand without bound.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from maskwatch.core.errors import ConfigError

Key = tuple[str | int, ...]

# what would end a system call, a line of the log or the terminal's state; and halves of characters
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
MAX_BYTES = 256_000  # of a file
MAX_VALUES = 20_000  # a few lines of aliases of aliases stand for billions
MAX_SIGNS = (
    3 * MAX_VALUES
)  # commas, colons and line ends, without which no value stands: to parse takes longest
DEEPEST = 16
_TAG = "tag:yaml.org,2002:"
_MERGE, _TEXT, _DATE = f"{_TAG}merge", f"{_TAG}str", f"{_TAG}timestamp"
_TAGS = {f"{_TAG}{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null", "merge")}


class TreeError(Exception):
    """The text is no such tree; `line` counts from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


@dataclass
class Tree:
    """`value` consists of dicts with string keys, lists and scalars; `lines` has the line of each key.

    `duplicates` has the line, the key and the first line of each duplicate key.
    """

    value: Any = None
    lines: dict[Key, int] = field(default_factory=dict)
    duplicates: list[tuple[int, Key, int]] = field(default_factory=list)

    def line(self, key: Key) -> int:
        """The line of the key, or of the nearest part around it that is in the text; 0 for none."""
        return next((self.lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self.lines), 0)

    def at(self, key: Key) -> Any:
        """The value at the key; an empty dict where there is none."""
        value = self.value
        for part in key:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return {}
        return value


def text_of(path: Path) -> str:
    """The text of a configuration file. Raises `ConfigError` when it cannot be read, is too large, or is not UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ConfigError(f"{path}: is larger than {MAX_BYTES // 1000} kB; it is no configuration")
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path}: {e.strerror if isinstance(e, OSError) else 'is not UTF-8'}") from e


def read(text: str) -> Tree:
    """The tree of a text; an empty text is an empty dict. Raises `TreeError`."""
    tree = Tree({})
    if sum(map(text.count, ",:\n")) > MAX_SIGNS:
        raise TreeError(1, f"stands for more than {MAX_VALUES} values")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is not None and node.tag != f"{_TAG}null":
            _walk(node, (), tree)
            tree.value = loader.construct_document(node)
    except yaml.reader.ReaderError as e:
        line = text.count("\n", 0, e.position) + 1
        raise TreeError(line, f"is not YAML (character #x{e.character:04x}: {e.reason})") from e
    except yaml.MarkedYAMLError as e:
        raise TreeError(e.problem_mark.line + 1 if e.problem_mark else 1, str(e.problem or e.context)) from e
    except RecursionError as e:  # in the parser, before there is anything to walk
        raise TreeError(1, "is nested too deeply") from e
    return tree


class _Loader(yaml.SafeLoader):
    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - as PyYAML has it
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError) as e:
            # PyYAML lets what an explicit tag does not fit (`!!bool x`, `!!int ""`) escape as it comes
            kind = node.tag.removeprefix(_TAG)
            raise yaml.constructor.ConstructorError(None, None, f"is no {kind}", node.start_mark) from e


def _walk(node: yaml.Node, key: Key, tree: Tree) -> None:
    """Note the line of each key, and the duplicate keys, of which YAML would use the last."""
    line = node.start_mark.line + 1
    if len(key) > DEEPEST:
        raise TreeError(line, "is nested too deeply")
    if len(tree.lines) > MAX_VALUES:
        raise TreeError(line, f"stands for more than {MAX_VALUES} values")
    if node.tag == _DATE:
        node.tag = _TEXT  # no value is a date, but a sentence may look like one
    if node.tag not in _TAGS:
        raise TreeError(line, f"{node.tag.replace(_TAG, '!!')} has no place in a configuration")
    if isinstance(node, yaml.MappingNode):
        for key_node, value in node.value:
            inner = (*key, _word(key_node))
            if inner in tree.lines:
                tree.duplicates.append((key_node.start_mark.line + 1, inner, tree.lines[inner]))
            tree.lines[inner] = key_node.start_mark.line + 1
            _walk(value, inner, tree)
    elif isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            tree.lines[*key, place] = item.start_mark.line + 1
            _walk(item, (*key, place), tree)


def _word(node: yaml.Node) -> str:
    """A key as it is written: a camera may be called `no`, `012` or `1.0`, which would be another value."""
    if not isinstance(node, yaml.ScalarNode) or CONTROL.search(node.value):
        raise TreeError(node.start_mark.line + 1, "a key must be a plain word")
    if node.tag != _MERGE:
        node.tag = _TEXT
    return str(node.value)


def printable(text: str) -> str:
    """On one line, and without what a terminal would obey."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def overridden(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """`base` with `own` over it, value by value; a section that names its kind stands for itself."""
    result = dict(base)
    for key, value in own.items():
        inherited = result.get(key)
        both = isinstance(inherited, dict) and isinstance(value, dict) and "kind" not in value
        result[key] = overridden(inherited, value) if both else value  # type: ignore[arg-type]
    return result


def holds(own: Any, key: Key) -> bool:
    """Whether a camera's own section says what stands at the key, or something around it in place of what it inherits.

    A section that names its kind stands for itself.
    """
    for part in key:
        if not isinstance(own, dict) or "kind" in own:
            return True
        if part not in own:
            return False
        own = own[part]
    return True
