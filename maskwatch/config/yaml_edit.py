"""Changes single values in the text of a configuration, and leaves every other byte as it is.

Where a value stands is asked of the parser that also reads the configuration, so that the two cannot differ. Written is
in flow style, on one line: `{hall: [[0.1, 0.2], [0.9, 0.2], [0.9, 1]]}`; in a JSON file as JSON. What comes out is read
again: every value must be as asked for, and every comment still there, or the change is refused.
"""

import copy
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from typing import Any

import yaml

from maskwatch.config.yaml_document import Key, TreeError, read

COMMENT = re.compile(r"(?:(?<=\s)|^)#[^\r\n]*", re.MULTILINE)
ENDLESS = 1_000_000  # columns: nothing is broken into lines


class Removal(Enum):
    """In place of a value: the key is to go."""

    REMOVE = auto()


REMOVE = Removal.REMOVE


def edited(text: str, changes: Mapping[Key, Any]) -> str:
    """The text with these values, in order; `REMOVE` takes a key or an item away, an index just past a list's end appends.

    Sections that are missing on the way are made. Raises `TreeError` with a line when the text is not read by the
    program, has anchors, aliases or merge keys, which one value may share with others, or cannot be kept otherwise.
    """
    _require_simple(text)
    wanted = read(text).value
    result = text
    for key, value in changes.items():
        _apply(wanted, key, value)
        result = _Document(result).changed(key, value)
    _require_kept(text, result, wanted)
    return result


def comments(text: str) -> list[str]:
    """Every comment of a text that can be read, in order, from its `#` on. Raises `TreeError`."""
    return [text[start:end].rstrip() for start, end in _comments(text)]


def _require_simple(text: str) -> None:
    tree = read(text)
    if tree.duplicates:
        line, key, first = tree.duplicates[0]
        raise TreeError(line, f"duplicate key {key[-1]} (first in line {first})")
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.NodeEvent) and event.anchor:
            raise TreeError(
                line, f"has an anchor or alias ({event.anchor}): what it is for can only be changed by hand"
            )
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
            raise TreeError(line, "has a merge key (<<): what it is for can only be changed by hand")


def _require_kept(before: str, after: str, wanted: Any) -> None:
    try:
        tree = read(after)
        is_kept = (
            not tree.duplicates
            and tree.value == wanted
            and Counter(comments(after)) == Counter(comments(before))
        )
    except TreeError:
        is_kept = False
    if not is_kept:
        raise TreeError(1, "is written in a way that cannot be kept; change it by hand")


def _apply(tree: Any, key: Key, value: Any) -> None:
    """The same change to what was read."""
    *way, last = key
    for place, part in enumerate(way):
        try:
            found = tree[part]
        except (KeyError, IndexError):
            found = None
        if found is None:
            found = [] if isinstance(key[place + 1], int) else {}
            _put(tree, part, found)
        tree = found
    if value is REMOVE:
        del tree[last]
    else:
        _put(tree, last, copy.deepcopy(value))


def _put(tree: Any, part: str | int, value: Any) -> None:
    if isinstance(tree, list) and part == len(tree):
        tree.append(value)
    else:
        tree[part] = value


def _comments(text: str) -> list[tuple[int, int]]:
    """Where they are: between the parser's tokens, and behind the sign of a block scalar."""
    found = []
    try:
        for before, after in pairwise(yaml.scan(text, yaml.SafeLoader)):
            start, end = before.end_mark.index, after.start_mark.index
            if isinstance(before, yaml.ScalarToken) and before.style in {"|", ">"}:
                first = before.start_mark.index
                found += [m.span() for m in COMMENT.finditer(text, first, _line_end(text, first))]
            found += [m.span() for m in COMMENT.finditer(text, start, end)]
    except yaml.YAMLError as e:
        raise TreeError(1, str(e)) from e
    return found


def _line_end(text: str, index: int) -> int:
    """Before the line's end, however it is written."""
    end = text.find("\n", index)
    end = len(text) if end < 0 else end
    return end - 1 if end > index and text[end - 1] == "\r" else end


class _Flow(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - nothing is written once for two
        return True


@dataclass(frozen=True, slots=True)
class _Entry:
    """A key and its value, or an item of a list (`key` None)."""

    key: yaml.Node | None
    value: yaml.Node

    @property
    def start(self) -> int:
        return int((self.key or self.value).start_mark.index)

    @property
    def column(self) -> int:
        return int((self.key or self.value).start_mark.column)


def _entries(node: yaml.Node) -> list[_Entry]:
    if isinstance(node, yaml.MappingNode):
        return [_Entry(key, value) for key, value in node.value]
    return [_Entry(None, item) for item in node.value] if isinstance(node, yaml.SequenceNode) else []


class _Document:
    """A text that is read, and where its values stand."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._root = yaml.compose(text, yaml.SafeLoader)
        first = text.lstrip()[:1]
        keys = [entry.key for entry in _entries(self._root)] if self._root else []
        self._is_json = first == "{" and all(isinstance(k, yaml.ScalarNode) and k.style == '"' for k in keys)
        self._newline = "\r\n" if "\r\n" in text else "\n"

    def changed(self, key: Key, value: Any) -> str:
        node, parent, entry = self._root, None, None
        for depth, part in enumerate(key):
            below = _entry(node, part) if node is not None else None
            if below is None:
                if value is REMOVE:
                    raise TreeError(1, f"has no {'.'.join(map(str, key))}")
                return self._made(node, entry, part, _wrapped(key[depth + 1 :], value))
            node, parent, entry = below.value, node, below
        assert parent is not None
        assert entry is not None
        return self._removed(parent, entry) if value is REMOVE else self._replaced(entry, value)

    def _made(self, node: yaml.Node | None, entry: _Entry | None, part: str | int, value: Any) -> str:
        """With a new entry in `node`, which `entry` holds."""
        if node is None:
            text = self._text
            return f"{text}{'' if not text or text.endswith(chr(10)) else self._newline}{self._said(part, value)}{self._newline}"
        if isinstance(node, yaml.ScalarNode):
            if entry is None or node.tag != "tag:yaml.org,2002:null":
                raise TreeError(node.start_mark.line + 1, "must hold keys and values")
            return self._replaced(entry, [value] if isinstance(part, int) else {part: value})
        said = self._said(part, value)
        return self._flow_insert(node, said) if _is_flow(node) else self._block_insert(node, said)

    def _flow_insert(self, node: yaml.Node, said: str) -> str:
        text, entries = self._text, _entries(node)
        if not entries:
            end = node.end_mark.index - 1
            return text[:end] + said + text[end:]
        last = entries[-1]
        place = self._end(last.value)
        comma = re.compile(r"\s*,").match(text, place)
        lead, place = ("", comma.end()) if comma else (",", place)
        line_end = _line_end(text, place)
        rest = text[place:line_end].strip()
        if "\n" in text[node.start_mark.index : last.start] and (not rest or rest.startswith("#")):
            new = f"{self._newline}{' ' * last.column}{said}"
            return text[:place] + lead + text[place:line_end] + new + text[line_end:]
        return f"{text[:place]}{lead} {said}{text[place:]}"

    def _block_insert(self, node: yaml.Node, said: str) -> str:
        text = self._text
        place = _line_end(text, self._end(node))
        dash = "- " if isinstance(node, yaml.SequenceNode) else ""
        return f"{text[:place]}{self._newline}{' ' * node.start_mark.column}{dash}{said}{text[place:]}"

    def _replaced(self, entry: _Entry, value: Any) -> str:
        text, node = self._text, entry.value
        start, end = node.start_mark.index, self._end(node)
        if entry.key is not None and (start == end or self._is_block(node)):
            colon = re.compile(r"\s*:").match(text, entry.key.end_mark.index)
            if colon is None:
                raise TreeError(node.start_mark.line + 1, "is written in a way that cannot be kept")
            start = colon.end()
        said = self._value(value)
        said = f" {said}" if start and text[start - 1] in ":-" else said
        return self._with_comments(start, end, said, self._line_start(entry.start), entry.column)

    def _removed(self, parent: yaml.Node, entry: _Entry) -> str:
        text, entries = self._text, _entries(parent)
        place = next(
            n for n, each in enumerate(entries) if each.value is entry.value and each.key is entry.key
        )
        after = entries[place + 1] if place + 1 < len(entries) else None
        start, end = self._start(parent, entry), self._end(entry.value)
        line = self._line_start(start)
        if _is_flow(parent) or (after and self._text[line:start].strip()):
            if after:
                end = self._start(parent, after)
            elif place:
                start = self._end(entries[place - 1].value)
            return self._with_comments(start, end, "", line, entry.column)
        if len(entries) == 1:
            return self._emptied(parent)
        end = _line_end(text, end)
        held = self._held(line, end)
        if held:
            pad = " " * parent.start_mark.column
            return text[:line] + self._newline.join(pad + each for each in held) + text[end:]
        return text[:line] + text[end:].removeprefix("\r").removeprefix("\n")

    def _emptied(self, node: yaml.Node) -> str:
        """A block of which nothing is left."""
        assert self._root is not None
        holder = _holder(self._root, node)
        if holder is None:
            raise TreeError(1, "nothing would be left")
        return self._replaced(holder, [] if isinstance(node, yaml.SequenceNode) else {})

    def _start(self, parent: yaml.Node, entry: _Entry) -> int:
        """Of an item in a block that is its dash, which may stand on a line before."""
        if entry.key is not None or _is_flow(parent):
            return entry.start
        tokens = yaml.scan(self._text, yaml.SafeLoader)
        dashes = (t.start_mark.index for t in tokens if isinstance(t, yaml.BlockEntryToken))
        return int(max(dash for dash in dashes if dash < entry.start))

    def _with_comments(self, start: int, end: int, said: str, line: int, column: int) -> str:
        """`said` in place of what is there; the comments in it get lines of their own above."""
        above = "".join(f"{' ' * column}{each}{self._newline}" for each in self._held(start, end))
        return self._text[:line] + above + self._text[line:start] + said + self._text[end:]

    def _held(self, start: int, end: int) -> list[str]:
        return [self._text[a:b].rstrip() for a, b in _comments(self._text) if start <= a < end]

    def _end(self, node: yaml.Node) -> int:
        """Where it ends; the parser says of blocks where the next begins."""
        if isinstance(node, yaml.ScalarNode):
            start, end = node.start_mark.index, node.end_mark.index
            return start + len(self._text[start:end].rstrip()) if node.style in {"|", ">"} else int(end)
        return int(node.end_mark.index) if _is_flow(node) else self._end(_entries(node)[-1].value)

    def _is_block(self, node: yaml.Node) -> bool:
        return node.style in {"|", ">"} if isinstance(node, yaml.ScalarNode) else not _is_flow(node)

    def _line_start(self, index: int) -> int:
        return self._text.rfind("\n", 0, index) + 1

    def _said(self, part: str | int, value: Any) -> str:
        """A key with its value, or an item."""
        if isinstance(part, int):
            return self._value(value)
        if self._is_json:
            return json.dumps({part: value}, ensure_ascii=False)[1:-1]
        return _dumped({part: value})[1:-1]

    def _value(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=False) if self._is_json else _dumped([value])[1:-1]


def _is_flow(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def _dumped(value: Any) -> str:
    said = yaml.dump(
        value, Dumper=_Flow, default_flow_style=True, width=ENDLESS, allow_unicode=True, sort_keys=False
    )
    return str(said).strip()


def _entry(node: yaml.Node, part: str | int) -> _Entry | None:
    if isinstance(node, yaml.MappingNode):
        return next(
            (each for each in _entries(node) if each.key is not None and each.key.value == part), None
        )
    entries = _entries(node)
    return entries[part] if isinstance(part, int) and part < len(entries) else None


def _holder(root: yaml.Node, node: yaml.Node) -> _Entry | None:
    """The entry whose value a node is."""
    for each in _entries(root):
        found = each if each.value is node else _holder(each.value, node)
        if found is not None:
            return found
    return None


def _wrapped(way: Key, value: Any) -> Any:
    for part in reversed(way):
        value = [value] if isinstance(part, int) else {part: value}
    return value
