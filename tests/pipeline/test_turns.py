"""Which frames go together: no deadline, and no more at once than a device is quick with."""

import pytest
from harness.scheduling import CARD, PROCESSOR, QUICK_CARD, simulate

from maskwatch.pipeline.turns import MAX_ON_CARD, MAX_ON_PROCESSOR, Turns


def test_who_had_no_turn_for_longest_is_next():
    names = [f"camera {n}" for n in range(10)]
    turns = Turns(names)
    taken = [turns.next(names, lambda _: "cpu") for _ in range(5)]
    assert [len(each) for each in taken] == [MAX_ON_PROCESSOR] * 5
    assert {name: sum(name in each for each in taken) for name in names} == dict.fromkeys(names, 2)
    assert turns.next([names[3], names[7]], lambda _: "cpu") == [names[3], names[7]]


def test_each_device_has_its_own_limit():
    names = [f"camera {n}" for n in range(100)]
    devices = {name: ("cpu", "cuda:0", "cuda:1")[n % 3] for n, name in enumerate(names)}
    chosen = Turns(names).next(names, devices.__getitem__)
    counts = {device: sum(devices[name] == device for name in chosen) for device in set(devices.values())}
    assert counts == {"cpu": MAX_ON_PROCESSOR, "cuda:0": MAX_ON_CARD, "cuda:1": MAX_ON_CARD}


@pytest.mark.parametrize(
    ("measured", "fps"), [(PROCESSOR, 5), (CARD, 15), (QUICK_CARD, 15)], ids=["a", "b", "c"]
)
@pytest.mark.parametrize("cameras", [1, 8])
def test_a_deadline_makes_nothing_sooner_and_hardly_more(measured, fps, cameras):
    at_once = simulate(measured, cameras=cameras, fps=fps, seconds=20)
    for wait_ms in (10, 30):
        waited = simulate(measured, cameras=cameras, fps=fps, seconds=20, wait_ms=wait_ms)
        assert waited.p95_ms >= 0.97 * at_once.p95_ms
        assert waited.analysed <= 1.03 * at_once.analysed


def test_on_a_processor_that_is_asked_too_much_a_limit_makes_decisions_sooner_and_costs_no_frames():
    free = simulate(PROCESSOR, cameras=64, fps=5, seconds=60)
    limited = simulate(PROCESSOR, cameras=64, fps=5, seconds=60, most=MAX_ON_PROCESSOR)
    assert limited.p95_ms < free.p95_ms / 10
    assert limited.analysed >= free.analysed
