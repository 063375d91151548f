"""A recorder's archive as one camera's footage: thousands of files, in order, with the times of their names."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.sources.clips import ClipSource, began_at, is_clip
from maskwatch.sources.images import ImageSource
from maskwatch.sources.registry import open_source

GREY = [np.full((48, 64, 3), 60 + 20 * n, np.uint8) for n in range(5)]


@pytest.fixture
def archive(write_video, tmp_path):
    """Make a folder of clips of five frames, half a second each, by their names."""

    def make(*names):
        folder = tmp_path / "nvr"
        for number, name in enumerate(names):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_video(f"{number}.mp4", GREY).rename(path)
        return folder

    return make


def frames_of(folder, **settings):
    return list(open_source("door", Address(str(folder)), **settings).frames())


@pytest.mark.parametrize(
    ("name", "began"),
    [
        ("a/2026-11-26_13-45-30.mp4", (2026, 11, 26, 13, 45, 30)),
        ("20261126134530.dav", (2026, 11, 26, 13, 45, 30)),
        ("entrance-2026-11-26T13:45:30-main.mkv", (2026, 11, 26, 13, 45, 30)),
        ("RecM01_20261126_134530_134600_0.mp4", (2026, 11, 26, 13, 45, 30)),
        ("recordings/2026-11-26/13/entrance/45.30.mp4", (2026, 11, 26, 13, 45, 30)),
        ("2026-11-26/13/45.30.mp4", (2026, 11, 26, 13, 45, 30)),
        ("00.10.ts", None),
        ("20269926134530.mp4", None),
        ("2026-02-31_10-00-00.mp4", None),
        ("clip 12.mp4", None),
    ],
)
def test_a_name_tells_when_its_clip_began(name, began):
    assert began_at(Path(name)) == (None if began is None else datetime(*began, tzinfo=UTC).timestamp())


def test_clips_come_in_natural_order_as_one(archive):
    folder = archive("10/b.mp4", "9/a2.mp4", "9/a11.mp4")
    frames = frames_of(folder)
    assert list(dict.fromkeys(frame.source for frame in frames)) == ["9/a2.mp4", "9/a11.mp4", "10/b.mp4"]
    assert [frame.seq for frame in frames] == list(range(15))
    times = [frame.at for frame in frames]
    assert times[0] == 0
    assert np.diff(times).min() > 0
    assert times[-1] == pytest.approx(3 * 0.4 + 2 * 0.04, abs=0.01)


def test_pauses_that_names_tell_are_kept_and_long_ones_are_not(archive, caplog):
    folder = archive("2026-11-26_10-00-00.mp4", "2026-11-26_10-00-20.mp4", "2026-11-26_18-00-00.mp4")
    with caplog.at_level(logging.INFO):
        times = [frame.at for frame in frames_of(folder)]
    assert times[5] == pytest.approx(20, abs=0.01)
    assert times[10] == pytest.approx(20.4 + 0.04, abs=0.01)
    assert "1 pause of more than 60 s" in caplog.text


def test_clips_that_overlap_go_on(archive):
    folder = archive("2026-11-26_10-00-00.mp4", "2026-11-26_10-00-00b.mp4")
    times = [frame.at for frame in frames_of(folder)]
    assert np.diff(times).min() > 0


def test_a_broken_clip_is_told_and_left_out(archive, caplog):
    folder = archive("1.mp4", "3.mp4")
    (folder / "2.mp4").write_bytes(b"no video")
    assert len(frames_of(folder)) == 10
    assert "2.mp4: is no video" in caplog.text
    for path in folder.glob("*.mp4"):
        path.write_bytes(b"")
    with pytest.raises(SourceError, match="none of 3 clips"):
        frames_of(folder)


def test_fewer_frames_a_second_are_counted_over_all_clips(archive):
    folder = archive("1.mp4", "2.mp4", "3.mp4")
    times = [frame.at for frame in frames_of(folder, fps=5)]
    assert np.diff(times).min() >= 0.19


def test_a_folder_of_pictures_is_one_and_a_glob_of_videos_is_clips(archive, tmp_path):
    import cv2

    folder = archive("1.mp4")
    assert type(open_source("door", Address(str(folder)))) is ClipSource
    assert type(open_source("door", Address(f"{folder}/*.mp4"))) is ClipSource
    (folder / "door.GIF").touch()
    assert is_clip(folder / "door.GIF")
    (folder / "door.GIF").unlink()
    assert [frame.source for frame in frames_of(f"{folder}/*.mp4")] == ["1.mp4"] * 5
    cv2.imwrite(str(folder / "a.png"), GREY[0])
    assert type(open_source("door", Address(str(folder)))) is ImageSource


def test_how_many_frames_will_come_is_told_for_few_clips(archive):
    folder = archive("1.mp4", "2.mp4")
    assert open_source("door", Address(str(folder))).expected() == 10
