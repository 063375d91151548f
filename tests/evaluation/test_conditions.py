"""Pictures under other conditions: each is what its name says, and the same each time."""

import cv2
import numpy as np
import pytest

from maskwatch.evaluation import conditions
from maskwatch.evaluation.conditions import CONDITIONS, under


@pytest.fixture(scope="module")
def portrait(bare):
    return np.ascontiguousarray(cv2.resize(bare, (256, 300), interpolation=cv2.INTER_AREA))


def grain(rgb):
    """How much neighbours differ that a smoothed picture has alike."""
    smooth = cv2.GaussianBlur(rgb, (0, 0), 1.5).astype(np.float64)
    return (rgb - smooth).std()


def slope(rgb, axis):
    return np.abs(np.diff(rgb.astype(np.float64), axis=axis)).mean()


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_depends_on_the_key_and_itself_alone_and_leaves_the_picture_be(name, portrait):
    before = portrait.copy()
    made = under(name, "a.jpg", portrait)
    assert (made.shape, made.dtype) == (portrait.shape, np.uint8)
    assert np.array_equal(portrait, before)
    assert not np.array_equal(made, portrait)
    assert np.array_equal(made, under(name, "a.jpg", portrait))
    others = [under(name, f"{n}.jpg", portrait) for n in range(3)]
    assert not all(np.array_equal(made, other) for other in others)


def test_without_a_condition_the_picture_stays_as_it_is(portrait):
    assert under(None, "a.jpg", portrait) is portrait


def test_grey_has_no_colour_and_darker_corners(portrait):
    flat = np.full_like(portrait, 120)
    made = under("grey", "a", flat)
    assert np.ptp(made, axis=2).max() == 0
    assert made[130:170, 110:150].mean() > made[:20, :20].mean() + 20
    white = under("grey", "a", portrait) == 255
    assert white.mean() > (portrait == 255).mean()  # blown


def test_dark_has_less_light_and_a_worse_signal_for_it(portrait):
    flat = np.full_like(portrait, 120)
    made = under("dark", "a", flat).astype(np.float64)
    assert 15 < made.mean() < 70
    assert made.std() / made.mean() > 0.05


def test_the_noise_is_that_of_counted_electrons_and_of_reading_them():
    light = np.full((400, 400, 3), 0.01, np.float32)
    made = conditions._sensed(light, 1500, np.random.default_rng(0))  # white: 1,000 electrons
    assert made.mean() * 1000 == pytest.approx(10, rel=0.01)
    assert made.std() * 1000 == pytest.approx(np.sqrt(10 + conditions.READ_NOISE_E**2), rel=0.02)


def test_noisy_is_grainier_and_as_bright(portrait):
    made = under("noisy", "a", portrait)
    assert grain(made) > 1.3 * grain(portrait)
    assert conditions._linear(made).mean() == pytest.approx(conditions._linear(portrait).mean(), rel=0.05)


def test_compressed_looks_alike_but_lost_detail(portrait):
    made = under("compressed", "a", portrait).astype(np.float64)
    assert 2 < np.abs(made - portrait).mean() < 15
    assert abs(made.mean() - portrait.mean()) < 3


def test_backlit_lowers_the_contrast_and_is_bright_somewhere(portrait):
    made = conditions._linear(under("backlit", "a", portrait))
    assert made.std() < 0.6 * conditions._linear(portrait).std()
    black = under("backlit", "a", np.zeros_like(portrait)).astype(np.float64)
    assert black.max() > black.min() + 50


def test_motion_blurs_along_its_way_and_defocus_all_around(portrait):
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8)
    moved, blurred = under("motion blur", "a", noise), under("defocus", "a", noise)
    across, down = (slope(moved, axis) / slope(noise, axis) for axis in (1, 0))
    assert across < 0.6 * down
    assert across < 0.6
    across, down = (slope(blurred, axis) / slope(noise, axis) for axis in (1, 0))
    assert max(across, down) < 0.6
    assert across == pytest.approx(down, rel=0.2)


@pytest.mark.parametrize("name", ["motion blur", "defocus"])
def test_blur_takes_no_light_away(name, portrait):
    made = conditions._linear(under(name, "a", portrait))
    assert made.mean() == pytest.approx(conditions._linear(portrait).mean(), rel=0.01)


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_smallest_picture_survives(name):
    assert under(name, "a", np.full((1, 1, 3), 200, np.uint8)).shape == (1, 1, 3)
