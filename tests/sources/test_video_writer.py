"""The annotated video."""

import av
import numpy as np
import pytest

from maskwatch.sources.video_writer import VideoWriter


def test_video_plays_as_h264_with_the_times_and_colours_that_were_written(tmp_path):
    path = tmp_path / "out.mp4"
    times = [0.0, 0.04, 0.5, 0.54, 2.0]
    with VideoWriter(path) as video:
        for at in times:
            rgb = np.zeros((101, 151, 3), np.uint8)  # odd sizes, which the codec does not take
            rgb[..., 0] = 220
            video.write(rgb, at)
        assert not path.exists()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(stream)]
    assert [at for at, _ in frames] == pytest.approx(times, abs=0.002)
    assert frames[0][1].shape == (102, 152, 3)
    assert np.abs(frames[0][1][50, 50].astype(int) - (220, 0, 0)).max() < 12
    # a browser can start before it has the whole file: the index stands first
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_frames_of_other_sizes_are_fitted_into_the_first(tmp_path):
    with VideoWriter(tmp_path / "out.mp4") as video:
        for number, shape in enumerate([(90, 160, 3), (200, 100, 3), (40, 40, 3)]):
            video.write(np.full(shape, 200, np.uint8), float(number))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert {frame.to_ndarray(format="rgb24").shape for frame in container.decode(video=0)} == {
            (90, 160, 3)
        }


def test_a_replay_that_fails_leaves_no_half_video(tmp_path):
    with pytest.raises(ZeroDivisionError), VideoWriter(tmp_path / "out.mp4") as video:
        video.write(np.zeros((90, 160, 3), np.uint8), 0.0)
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
