"""What strangers may put before the program gives a result or one clear error, in little memory and time (`child.py` says how much)."""

import pytest

from fuzz.run import table, taken

QUICK = {
    "pictures": 40,
    "videos": 44,
    "data sets": 48,
    "archives": 30,
    "weights": 10,
    "configurations": 40,
    "stores": 50,
    "requests": 40,
    "cameras": 10,
    "brokers": 6,
    "answers": 30,
}
ALL = {
    "pictures": 3000,
    "videos": 3400,
    "data sets": 1200,
    "archives": 250,
    "weights": 60,
    "configurations": 400,
    "stores": 400,
    "requests": 250,
    "cameras": 60,
    "brokers": 30,
    "answers": 1000,
}


def require_no_fault(counts, folder):
    found = taken(counts, folder)
    print(f"\n{table(found)}")
    assert len(found) == sum(counts.values())
    bad = [
        f"{each.kind} {each.number}: {each.outcome}: {each.text}"
        for each in found
        if each.outcome not in {"result", "error"}
    ]
    assert not bad, "\n\n".join(bad[:20])


def test_a_few_hundred_hostile_inputs_do_no_harm(tmp_path):
    require_no_fault(QUICK, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_ten_thousand_hostile_inputs_do_no_harm(tmp_path):
    require_no_fault(ALL, tmp_path)
