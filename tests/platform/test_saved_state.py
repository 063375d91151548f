"""What a program knows, in a file and back: all of it, what is one object stays one, and no file runs anything."""

import json
import os
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.core.people import People
from maskwatch.core.records import Box, Face, Label
from maskwatch.core.selection.known_faces import KnownFaces
from maskwatch.platform.saved_state import load, save

CORE = ["maskwatch.core"]


def again(folder, state, packages=CORE):
    save(folder / "state", state)
    return load(folder / "state", packages)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
KEYS = PLAIN | st.tuples(st.integers(), st.text()) | st.frozensets(st.integers(), max_size=3)
STATES = st.recursive(
    PLAIN | st.binary(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.sets(KEYS, max_size=4)
        | st.tuples(st.lists(inner, max_size=4), st.integers(0, 9)).map(lambda pair: deque(*pair))
    ),
    max_leaves=12,
)


@given(STATES)
def test_what_python_is_made_of_comes_back_as_it_was(tmp_path_factory, state):
    found = again(tmp_path_factory.mktemp("state"), state)
    assert found == state
    assert type(found) is type(state)


@pytest.mark.parametrize(
    "state",
    [
        Counter("abba"),
        OrderedDict([("b", 1), ("a", 2)]),
        defaultdict(list, {1: [2]}),
        deque([1, 2, 3], maxlen=3),
        array("d", [0.1, float("inf")]),
        datetime(2026, 11, 27, 1, 2, 3, 456, UTC),
        timedelta(days=-1, microseconds=7),
        np.float32(0.1),
        np.int64(2**62),
        float("-inf"),
        Face(Box(1, 2, 3, 4), 0.5, None, Label.UNKNOWN),
        Label.UNPROTECTED,
    ],
    ids=lambda state: type(state).__name__,
)
def test_others_come_back_as_they_were(tmp_path, state):
    found = again(tmp_path, state)
    assert type(found) is type(state)
    assert repr(found) == repr(state)
    assert found == state


@pytest.mark.parametrize("kind", ["u1", "i2", "<f4", ">f8", "?", "c16"])
def test_arrays_come_back_with_type_shape_and_bits(tmp_path, kind):
    whole = np.arange(24).reshape(2, 3, 4).astype(kind)
    for state in (whole, whole[:, ::2].T, whole[:0]):
        found = again(tmp_path, state)
        assert (found.dtype, found.shape) == (state.dtype, state.shape)
        assert np.array_equal(found, state)
        found.flags.writeable = True


def test_what_is_one_object_stays_one_also_in_a_circle(tmp_path):
    face, ring = Face(Box(1, 2, 3, 4), 0.5, None, Label.UNKNOWN), []
    ring.append({"ring": ring})
    one, other, (inner,) = again(tmp_path, [face, {"it": face}, ring])
    assert one == face
    assert other["it"] is one
    assert inner["ring"][0] is inner


def test_keys_and_what_they_stand_for_are_told_apart(tmp_path):
    key, value = (1, 2), [(3, 4)]
    found = again(tmp_path, [{key: value}, key, value])
    assert found == [{key: value}, key, value]
    assert found[0][key] is found[2]


def test_objects_with_attributes_and_those_with_slots_go_on(tmp_path):
    known = KnownFaces()
    (track,) = known.update(1.0, [Face(Box(10, 10, 50, 50), 0.9, None, Label.UNKNOWN)])
    found, same = again(tmp_path, (known, track))
    (followed,) = found.update(1.1, [Face(Box(11, 10, 51, 50), 0.9, None, Label.UNKNOWN)])
    assert followed.queued_predictions is same.queued_predictions
    assert isinstance(found, KnownFaces)


class Malicious:
    def __reduce__(self):
        return os.system, ("touch hacked",)


REFUSED = {
    "reduced to a call": Malicious(),
    "built-in": print,
    "function": save,
    "lambda": lambda: None,
    "default of a lambda": defaultdict(lambda: 1),
    "array of objects": np.array([object()]),
}


@pytest.mark.parametrize("state", REFUSED.values(), ids=REFUSED.keys())
def test_what_would_run_or_cannot_be_kept_is_refused_when_it_is_saved(tmp_path, state):
    with pytest.raises(TypeError):
        save(tmp_path / "state", {"a": state})
    assert not (tmp_path / "state").exists()


HOSTILE = [
    b"",
    b"\x80\x05K\x01.",
    b"[1]",
    b'{"is": "same", "as": 7}',
    b'{"is": "object"}',
    b'{"is": "nothing"}',
    b'{"is": "ndarray", "type": "O", "shape": [1], "data": "AAAAAAAAAAA="}',
    b'{"is": "ndarray", "type": "<f8", "shape": [100000000000], "data": ""}',
    b'{"is": "default", "factory": "eval", "pairs": []}',
    b'{"is": "dict", "pairs": [[{"is": "list", "items": []}, 1]]}',
    b"[" * 100_000,
    *(
        json.dumps({"is": "object", "of": of, "with": [], "items": [], "pairs": [], "state": None}).encode()
        for of in (
            "os:system",
            "builtins:eval",
            "pathlib:Path",
            "maskwatch.platform.files:write_atomically",
            "maskwatch.core.geometry:iou",
            "maskwatch.core.people:People.update",
            "maskwatch.core.records:np",
            "maskwatch.core.records",
            "maskwatch.corels:x",
            "",
        )
    ),
]


@pytest.mark.parametrize("data", HOSTILE, ids=lambda data: data[:60].decode(errors="replace"))
def test_a_file_of_anything_else_is_told_and_runs_nothing(tmp_path, data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("state").write_bytes(data)
    with pytest.raises(ValueError, match="state: is not what was saved"):
        load(Path("state"), CORE)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_only_the_named_packages_are_taken(tmp_path):
    save(tmp_path / "state", Face(Box(1, 2, 3, 4), 0.5, None, Label.UNKNOWN))
    with pytest.raises(ValueError, match="is not taken from a file"):
        load(tmp_path / "state", ["maskwatch.core.people"])
    assert People.__module__.startswith("maskwatch.core")
