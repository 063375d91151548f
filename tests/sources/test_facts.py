"""What sources tell of the stream that they decode."""

import numpy as np
import pytest

from maskwatch.core.address import Address
from maskwatch.sources.facts import SQUEEZED, StreamFacts, aspect_name
from maskwatch.sources.registry import open_source


def read(path, count=40):
    source = open_source("door", Address(str(path)))
    frames = source.frames()
    for _, _ in zip(range(count), frames, strict=False):
        pass
    frames.close()
    return source.facts


def test_a_file_tells_codec_size_and_rate(write_video):
    facts = read(write_video("clip.mp4", [np.full((48, 64, 3), grey, np.uint8) for grey in range(30)]))
    assert (facts.codec, facts.size) == ("H.264", (64, 48))
    assert facts.fps == pytest.approx(10, rel=0.02)
    assert facts.told_fps == pytest.approx(10)


def noted(times, keys=()):
    facts = StreamFacts()
    for time in times:
        facts.note_image(time, is_key=time in keys)
    return facts


def test_the_rate_is_that_of_the_streams_own_clock():
    assert noted([0, 0.5, 1.0, 1.5], keys=[0, 1.0]).fps == 2
    assert noted([0, 0.5, 1.0, 1.5], keys=[0, 1.0]).key_every_s == 1.0
    assert noted([7]).fps is None
    assert noted([None, None]).fps is None
    assert noted([5000, 5000.5, 3, 3.25, 3.5]).fps == 4  # the clock was set


@pytest.mark.parametrize(
    ("aspect", "name"), [(16 / 9, "16:9"), (1024 / 576, "16:9"), (4 / 3, "4:3"), (2.39, "2.39")]
)
def test_an_aspect_is_named_as_the_configuration_takes_it(aspect, name):
    assert aspect_name(aspect) == name


def test_only_sizes_whose_pixels_cannot_be_square_are_taken_for_squeezed():
    for (width, height), meant in SQUEEZED.items():
        across, down = map(int, meant.split(":"))
        assert abs(width / height / (across / down) - 1) > 0.05
