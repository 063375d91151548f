"""How wide faces are by the geometry of a view."""

import pytest

from maskwatch.core.face_size import face_px, reach_m


def test_a_face_is_half_as_wide_twice_as_far_away():
    # 90° wide: 2 m away the picture shows 4 m, of which a face has 0.16
    assert face_px(2, 1920) == pytest.approx(1920 * 0.16 / 4)
    assert face_px(4, 1920) == pytest.approx(face_px(2, 1920) / 2)
    assert face_px(2, 1920, view_deg=60) > face_px(2, 1920, view_deg=110)


def test_how_far_a_width_reaches_is_where_a_face_has_it():
    assert face_px(reach_m(20, 1280, 70), 1280, 70) == pytest.approx(20)
