"""What people look at."""

import av
import cv2
import numpy as np
import pytest

from maskwatch.core.records import Alert, Box
from maskwatch.output import draw as render


@pytest.fixture
def grey():
    return np.full((270, 480, 3), 128, np.uint8)


def test_boxes_are_drawn_where_the_faces_are_in_the_colour_of_their_label(grey, report):
    faces = report(
        1.5, 0.9, 0.1, None, boxes=[Box(40, 80, 90, 140), Box(180, 80, 230, 140), Box(320, 80, 370, 140)]
    )
    image = render.annotated(grey, faces)
    for face in faces.faces:
        assert tuple(image[110, int(face.box.x1)]) == render.COLOURS[face.label]
    assert image.shape[0] > grey.shape[0]  # the banner stands below, over nobody's face
    assert image[110, 150].tolist() == [128, 128, 128]
    assert (grey == 128).all()


def test_what_is_ignored_is_dark_and_the_rest_as_it_was(grey, report):
    half = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    image = render.annotated(grey, report(1.0), ignore=[half])[:270]
    assert (image[20:-20, 20:220] < 50).all()
    assert (image[:, 260:] == 128).all()
    assert (grey == 128).all()


def test_the_banner_turns_red_and_says_the_sentence_while_there_is_an_alert(grey, report):
    calm = render.annotated(grey, report(1.0, 0.1))[270:]
    alarm = render.annotated(
        grey, report(1.0, 0.1), Alert("door", 1.0, 0.0, 1, 1, "마스크를 착용해 주세요.")
    )[270:]
    assert tuple(calm[1, 1]) == render.BANNER_COLOUR
    assert tuple(alarm[1, 1]) == render.ALERT_COLOUR
    assert (alarm != np.array(render.ALERT_COLOUR, np.uint8)).any(axis=2).mean() > 0.02  # there is text on it


def test_a_face_at_the_edge_and_a_tiny_frame_can_be_drawn(report):
    for shape in ((1, 1, 3), (20, 30, 3)):
        render.annotated(np.zeros(shape, np.uint8), report(0, 0.4, boxes=[Box(-10, -10, 25, 25)]))


def test_video_plays_as_h264_with_the_times_and_colours_that_were_written(tmp_path):
    path = tmp_path / "out.mp4"
    times = [0.0, 0.04, 0.5, 0.54, 2.0]
    with render.VideoWriter(path) as video:
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
    with render.VideoWriter(tmp_path / "out.mp4") as video:
        for number, shape in enumerate([(90, 160, 3), (200, 100, 3), (40, 40, 3)]):
            video.write(np.full(shape, 200, np.uint8), float(number))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert {frame.to_ndarray(format="rgb24").shape for frame in container.decode(video=0)} == {
            (90, 160, 3)
        }


def test_a_replay_that_fails_leaves_no_half_video(tmp_path):
    with pytest.raises(ZeroDivisionError), render.VideoWriter(tmp_path / "out.mp4") as video:
        video.write(np.zeros((90, 160, 3), np.uint8), 0.0)
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_plot_is_a_picture_with_the_ratio_and_the_alert(tmp_path, report):
    reports = [report(n / 10, *([0.1] * 2 if n < 20 else [0.9] * 2)) for n in range(40)] + [report(4.1, None)]
    alert = Alert("door", 1.0, 0.0, 2, 2, "x")
    render.plot(tmp_path / "with.png", "clip", reports, [alert], 0.75)
    render.plot(tmp_path / "without.png", "clip", reports, [], 0.75)
    images = [cv2.imread(str(tmp_path / f"{name}.png")) for name in ("with", "without")]
    assert images[0].shape[1] >= 1000
    assert (images[0] != images[1]).any()
