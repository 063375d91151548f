"""What is reckoned of a fleet's load (`harness/fleet_day.py`) follows what the forwarder does."""

import numpy as np
import pytest
from harness import fleet_day
from harness.fleet_load import COSTS


def loaded(at, event, kind, phase_s=0):
    load = fleet_day.Load.none(120)
    fleet_day.add(load, fleet_day.Writes(np.array(at), np.array(event), np.array(kind)), phase_s)
    return load


def test_a_look_copies_what_was_written_since_the_last_one_each_event_once():
    load = loaded([0.2, 0.4, 5.0, 5.1], [0, 0, 0, 1], [1, 1, 1, 0])
    assert load.rows.sum(axis=1).tolist() == [1, 2, 0, 0]
    assert np.flatnonzero(load.batches).tolist() == [1, 5, 6]
    assert load.events.tolist() == [1, 1, 0, 0]


def test_a_connection_is_kept_for_a_while_and_made_for_announcements_without_one():
    busy = loaded([55.5], [0], [0])
    assert np.flatnonzero(busy.connections).tolist() == [0, 56]
    assert np.flatnonzero(busy.open).tolist() == [0, *range(56, 66)]
    assert busy.announcements.sum() == 2  # at 0, and at 60 over the connection that is there
    assert loaded([1.5, 9.5, 19.0], [0, 1, 2], [0, 0, 0], 5).connections.sum() == 2


def test_days_have_their_people_alerts_and_outages_and_nobody_comes_at_night():
    chance = np.random.default_rng(0)
    load = fleet_day.Load.none()
    for _ in range(20):
        fleet_day.add(load, fleet_day.draw([fleet_day.BUSY, fleet_day.QUIET], chance), 0)
    assert load.events == pytest.approx([20 * 1560, 20 * 42, 20 * 42, 20 * 0.4], rel=0.5)
    assert load.rows[1].sum() == pytest.approx(3 * 20 * 42, rel=0.2)
    assert not load.rows[0, : 7 * 3600].any()
    assert load.open.max() <= 20


def test_the_costs_in_the_manual_are_used_and_all_that_is_done_costs_something():
    costs, idle = fleet_day.Costs.read(COSTS), fleet_day.Load.none(60)
    asked = fleet_day.reckon(loaded([1.5], [0], [0]), costs)
    assert asked["up"].sum() > costs.row_up["passage"] + costs.batch_up + 2 * costs.announcing_up
    assert asked["disk"] == costs.row_disk["passage"]
    assert fleet_day.reckon(idle, costs)["cpu_s"].sum() == pytest.approx(60 * costs.idle_cpu / 1000)
    assert fleet_day.returned(2000, costs) == pytest.approx(2 * fleet_day.returned(1000, costs))
