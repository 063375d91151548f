"""Files and documents spoiled at random: every input is made from a seed and a number alone."""

import json
import string

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

ESCAPE = "\x1b[31m\x1b]0;owned\x07"
NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
WORDS = [ESCAPE.encode(), b"\0" * 16, b"\xff" * 16, b"%s%n", b"\r\n", b"../../", b"\xed\xa0\x80", b"9" * 400]
DEEP = "@deep@"  # in a document: replaced by lists in lists
MAX_GROWN = 3_000_000


def mutated(data, random, words=()):
    """The bytes with one to eight faults: bits, cuts, numbers at their limits, pieces twice or elsewhere, words."""
    data = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 1, 2, 3, 8))):
        _spoil(data, random, [*WORDS, *words])
    return bytes(data[:MAX_GROWN])


def _spoil(data, random, words):
    place = random.randrange(len(data) + 1)
    if random.random() < 0.5:  # what a format says of itself stands at its beginning
        place = min(place, random.randrange(256))
    length = min(1 << random.randrange(12), max(0, len(data) - place))
    match random.randrange(12):
        case 0:
            del data[random.randrange(len(data) + 1) :]
        case 1:
            del data[place : place + length]
        case 2 | 3 | 10 | 11:
            for _ in range(random.choice((1, 1, 4, 32))):
                if data:
                    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        case 4 | 5:
            size = random.choice((1, 2, 4, 8))
            number = random.choice(NUMBERS) % (1 << 8 * size)
            data[place : place + size] = number.to_bytes(size, random.choice(("big", "little")))
        case 6:
            data[place:place] = data[place : place + length] * random.choice((1, 1, 50))
        case 7:
            word = random.choice(words)
            data[place : place + random.choice((0, len(word)))] = word
        case 8:
            data[place : place + length] = random.randbytes(length)
        case _:
            other = random.randrange(len(data) + 1)
            data[place : place + length] = data[other : other + length]


NAMES = ["../../../../etc/passwd", "/etc/passwd", "C:\\x.jpg", "a" * 300, "a/" * 200, ".", "..", "\0", "*.jpg", "[", "~", "con:"]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 2**31, 2**63, 10**400, -(10**400), 1e308, 5e-324, -0.0, 0.5]),
    st.sampled_from([float("nan"), float("inf"), -float("inf")]),
    st.integers(),
    st.floats(),
    st.sampled_from([ESCAPE, f"a\n{ESCAPE}\nmaskwatch: all is well", "\u202egnp.x", "\ud800", "a" * 70_000, DEEP, *NAMES]),
    st.text(max_size=20),
    st.text(string.printable, max_size=20),
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4), max_leaves=8
)


def spoiled(document):
    """A strategy for a document of which one to four values were taken away, doubled, or are something else."""
    return st.lists(st.tuples(st.integers(0), st.sampled_from("rrrrdtw"), VALUES), min_size=1, max_size=4).map(
        lambda changes: _changed(document, changes)
    )


def _changed(document, changes):
    whole = [json.loads(json.dumps(document))]
    for number, how, value in changes:
        places = list(_places(whole))
        holder, key = places[number % len(places)]
        if how == "d" and holder is not whole:
            del holder[key]
        elif how == "t" and isinstance(holder, list) and holder is not whole:
            holder += [holder[key]] * 3
        elif how == "w":
            holder[key] = [holder[key]]
        else:
            holder[key] = value
    return whole[0]


def _places(value):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


def as_json(value):
    """JSON with what Python's own allows besides: NaN, and halves of characters."""
    text = json.dumps(value, indent=1)
    return text.replace(f'"{DEEP}"', "[" * 100_000 + "]" * 100_000).encode()


def drawn(strategy, count, name):
    """`count` examples of a strategy, always the same ones for a name."""
    found = []

    @seed(name)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=False,
    )
    @given(strategy)
    def collect(value):
        found.append(value)

    collect()
    return found or [None]
