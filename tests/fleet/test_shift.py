"""Going back by how sure the models are: from counts of days, with the versions that judged."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from maskwatch.drift.confidences import BINS, Day
from maskwatch.drift.shift import Bounds
from maskwatch.fleet.shift import why_shifted

SINCE = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
TODAY, LATER = date(2026, 11, 21), date(2026, 11, 22)
BOUNDS = Bounds(0.5, 7, 300)
SURE = np.array([80, 10, 5, 3, 2, 2, 3, 5, 90, 800])
UNSURE = np.array([100, 100, 100, 100, 100, 100, 100, 100, 100, 100])


def day(ago, versions, counts, camera="door"):
    """Of so many days before the change."""
    values = np.asarray(counts, np.int64)
    assert values.shape == (BINS,)
    return Day(
        camera, (SINCE - timedelta(days=ago)).date(), versions, {"detector": values, "classifier": values}
    )


def why(days, before="old", now="new", today=TODAY):
    return why_shifted(days, {"door": before}, {"door": now}, BOUNDS, since=SINCE, today=today)


BEFORE = [day(ago, "old", SURE) for ago in range(10)]


def test_the_same_confidences_are_no_reason():
    assert why([*BEFORE, day(0, "new", SURE // 2), day(-1, "new", SURE)]) is None


def test_other_confidences_are_a_reason_once_there_are_enough_faces():
    assert why([*BEFORE, day(0, "new", UNSURE // 4)]) is None  # 250 faces
    told = why([*BEFORE, day(0, "new", UNSURE)])
    assert told.startswith("door: how sure the detector is has shifted (PSI ")
    assert told.endswith(", bound 0.50)")


def test_what_the_version_did_before_it_was_taken_and_other_cameras_do_not_count():
    assert why([*BEFORE, day(3, "new", UNSURE), day(0, "new", UNSURE, camera="yard")]) is None


def test_only_the_last_days_before_are_compared_with():
    old = [day(ago, "old", UNSURE) for ago in range(8, 30)]
    assert why([*old, *BEFORE[:8], day(0, "new", SURE)]) is None


def test_the_same_models_are_no_other():
    assert why([*BEFORE, day(0, "old", UNSURE)], now="old") is None


@pytest.mark.parametrize(
    ("found", "today", "is_told"),
    [(150, LATER, True), (250, LATER, False), (0, LATER, True), (0, TODAY, False)],
)
def test_far_fewer_faces_on_the_first_whole_day_are_a_reason(found, today, is_told):
    one_bin = np.eye(1, BINS, BINS - 1, dtype=np.int64)[0]
    new = [day(-1, "new", one_bin * found)] if found else []
    told = why([*BEFORE, *new], today=today)
    assert (told is not None) is is_told
    if told:
        assert f"{found} faces were counted on 2026-11-21, and 1000 on the quietest" in told


def test_a_camera_that_is_watched_for_a_few_days_cannot_tell_of_fewer_faces():
    assert why(BEFORE[:5]) is None
