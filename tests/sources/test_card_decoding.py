"""Pictures that stay on the card on which they were decoded, with the processor standing in for it."""

from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from harness.card import CARD, AtOnce, OnCard, pretended_card

from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.core.errors import DeviceLost, ImageError, SourceError
from maskwatch.core.records import Face
from maskwatch.detect.pyramids import upload
from maskwatch.detect.pyramids.upload import Uploader
from maskwatch.detect.settings import Settings
from maskwatch.models.loading import Models
from maskwatch.output.demo_clip import FACE
from maskwatch.platform import cuda
from maskwatch.platform.device_frames import DeviceFrames, image_for
from maskwatch.sources import card_decoding
from maskwatch.sources.card_decoding import images_on_card, rgb_on_card
from maskwatch.sources.decoding import open_container, upright

CPU = torch.device("cpu")
BT709, UNKNOWN, BT601, BT2020 = 1, 2, 5, 9  # FFmpeg's numbers
LIMITED, FULL = 1, 2


@pytest.fixture
def card(monkeypatch):
    monkeypatch.setattr(upload, "ThreadPoolExecutor", AtOnce)
    with pretended_card(monkeypatch) as card:
        yield card


@pytest.fixture(autouse=True)
def found_again():
    yield
    cuda._lost.clear()


@pytest.fixture
def there(bare, card):
    return torch.from_numpy(bare.copy()).to(CARD)


def lent(luma, chroma, **changed):
    """A picture in a surface that the decoder uses again."""
    facts = {"format": SimpleNamespace(name="cuda"), "sw_format": SimpleNamespace(name="nv12")}
    facts |= {
        "height": luma.shape[0],
        "width": luma.shape[1],
        "rotation": 0,
        "colorspace": 1,
        "color_range": 1,
    }
    return SimpleNamespace(planes=(luma, chroma), **(facts | changed))


def surfaces(value):
    return np.full((4, 6), value, np.uint8), np.full((2, 3, 2), 128, np.uint8)


@pytest.mark.parametrize("color_range", [0, LIMITED, FULL])
@pytest.mark.parametrize("colorspace", [UNKNOWN, BT601, BT709, BT2020])
def test_the_colours_are_those_of_frames_that_the_processor_decodes(bare, colorspace, color_range):
    by_processor = av.VideoFrame.from_ndarray(bare, "rgb24").reformat(format="yuv420p")
    by_card = by_processor.reformat(format="nv12")  # the same values in other places
    for image in (by_processor, by_card):
        image.colorspace, image.color_range = colorspace, color_range
    ours, theirs = rgb_on_card(by_card, "clip").numpy().astype(int), upright(by_processor).astype(int)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 3  # FFmpeg rounds down
    assert np.abs(ours - theirs).mean() < 1.2


def test_a_surface_that_the_decoder_uses_again_changes_no_earlier_picture():
    luma, chroma = surfaces(235)
    first = rgb_on_card(lent(luma, chroma), "clip")
    luma[:] = 16
    second = rgb_on_card(lent(luma, chroma), "clip")
    assert (first == 255).all()
    assert (second == 0).all()


def test_a_surface_goes_back_only_after_it_was_read(card, monkeypatch):
    luma, chroma = surfaces(235)
    waited = []
    stream = SimpleNamespace(synchronize=lambda: waited.append(card.operations))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: stream)
    take = card_decoding.from_dlpack
    monkeypatch.setattr(card_decoding, "from_dlpack", lambda capsule: take(capsule).to(CARD))
    rgb = rgb_on_card(lent(luma, chroma), "clip")
    assert isinstance(rgb, OnCard)
    assert waited == [card.operations]


def test_a_rotated_picture_is_turned_upright():
    luma, chroma = surfaces(16)
    luma[0, 5] = 235
    rgb = rgb_on_card(lent(luma, chroma, rotation=90), "clip")
    assert rgb.shape == (6, 4, 3)
    assert rgb[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"sw_format": SimpleNamespace(name="p010le")}, "clip: a picture of 6 x 4 px in p010le is not taken"),
        ({"width": 5}, "5 x 4 px"),
        ({"height": 3}, "6 x 3 px"),
    ],
)
def test_what_cannot_be_converted_there_is_refused_with_the_reason(changed, why):
    with pytest.raises(SourceError, match=why):
        rgb_on_card(lent(*surfaces(16), **changed), "clip")


def test_a_video_that_the_card_does_not_decode_is_refused(demo_clip, monkeypatch):
    monkeypatch.setattr(card_decoding, "_opened", lambda path, _: open_container(str(path)))
    with pytest.raises(SourceError, match=r"clip\.mp4: the card does not decode its codec"):
        next(images_on_card(demo_clip, CARD))


def test_a_video_is_read_to_its_end(demo_clip, monkeypatch):
    """Decoded in software, and given as a card gives it."""
    expected = [upright(image) for image in decoded(demo_clip)]
    codec = SimpleNamespace(is_hwaccel=True)
    stream = SimpleNamespace(codec_context=codec, thread_type="FRAME", sample_aspect_ratio=1)
    monkeypatch.setattr(card_decoding, "video_stream", lambda *_: stream)
    given = SimpleNamespace(decode=lambda _: (each.reformat(format="nv12") for each in decoded(demo_clip)))
    monkeypatch.setattr(card_decoding, "_opened", lambda *_: nullcontext(given))
    pictures = list(images_on_card(demo_clip, CARD))
    assert len(pictures) == len(expected) > 100
    assert stream.thread_type == "NONE"
    for ours, theirs in zip(pictures, expected, strict=True):
        assert np.abs(ours.numpy().astype(int) - theirs).max() <= 3


def decoded(path):
    with open_container(str(path)) as container:
        yield from container.decode(video=0)


def test_a_video_with_long_pixels_is_refused(demo_clip, monkeypatch):
    codec = SimpleNamespace(is_hwaccel=True)
    stream = SimpleNamespace(codec_context=codec, thread_type="FRAME", sample_aspect_ratio=2)
    monkeypatch.setattr(card_decoding, "video_stream", lambda *_: stream)
    given = SimpleNamespace(decode=lambda _: decoded(demo_clip))
    monkeypatch.setattr(card_decoding, "_opened", lambda *_: nullcontext(given))
    with pytest.raises(SourceError, match=r"clip\.mp4: its pixels are not square"):
        next(images_on_card(demo_clip, CARD))


def test_without_a_card_the_reason_is_one_line(demo_clip, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    with pytest.raises(SourceError, match=r"^clip\.mp4: [^\n]+$"), made_up_context():
        next(images_on_card(demo_clip, CARD))


@contextmanager
def made_up_context():
    """torch has made one on the card, as far as is known here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(card_decoding.torch, "empty", lambda *_, **__: None)
        yield


# models


def largest_copy(card, monkeypatch, work):
    """Of all tensors that `work` copies between the card and the processor, the bytes of the largest."""
    sizes, waits = [0], type(card)._waits

    def noting(self, func, args, kwargs, result):
        if func.overloadpacket.__name__ in {"_to_copy", "to", "copy_"}:
            ends = (args[1], args[0]) if func.overloadpacket.__name__ == "copy_" else (args[0], result)
            if isinstance(ends[0], OnCard) != isinstance(ends[1], OnCard):
                sizes.append(ends[0].numel() * ends[0].element_size())
        return waits(self, func, args, kwargs, result)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(card), "_waits", noting)
        work()
    return max(sizes)


def test_faces_and_verdicts_are_those_of_a_frame_that_goes_up(bare, there, card):
    models = Models(CARD)
    detector, classifier = models.mtcnn(Settings()), models.classifier(ClassifySettings())
    expected = detector.detect([bare])
    assert detector.detect([there]) == expected
    assert len(expected[0]) == 1
    face = expected[0][0]
    judged = classifier.classify([(there, face)] * 3)
    assert judged == classifier.classify([(bare, face)] * 3)


def test_frames_of_both_kinds_go_through_one_call(bare, there, card):
    detector = Models(CARD).mtcnn(Settings())
    alone = detector.detect([bare])[0]
    assert detector.detect([there, bare, there]) == [alone] * 3


def test_no_picture_of_the_card_is_copied_to_find_and_judge_a_face(bare, there, card, monkeypatch):
    models = Models(CARD)
    detector, classifier = models.mtcnn(Settings()), models.classifier(ClassifySettings())

    def judged(image):
        (faces,) = detector.detect([image])
        assert classifier.classify([(image, face) for face in faces])

    judged(there)  # makes what is made once a size
    assert largest_copy(card, monkeypatch, lambda: judged(there)) < bare.nbytes / 10
    assert largest_copy(card, monkeypatch, lambda: judged(bare.copy())) == bare.nbytes


def test_the_classifier_crops_from_the_detectors_batch_or_from_one_copy_on_the_card(there, card):
    frames = DeviceFrames()
    batch = torch.stack([there, there])
    frames.keep([there], batch)
    assert frames.find(there, (0, 10), (0, 10)).batch is batch
    other = there.clone()
    first, second = (frames.find(other, (0, 10), (0, 10)) for _ in range(2))
    assert first.batch is second.batch
    assert first.batch.shape == (1, *other.shape)
    key = id(other)
    del other
    assert key not in frames._kept


def test_models_of_the_processor_take_a_copy_of_it_once(bare, there, card, monkeypatch):
    detector, classifier = Models(CPU).mtcnn(Settings()), Models(CPU).classifier(ClassifySettings())
    assert detector.detect([there]) == detector.detect([bare])
    asked = []
    down = torch.Tensor.cpu
    monkeypatch.setattr(OnCard, "cpu", lambda self: asked.append(1) or down(self), raising=False)
    face = Face(FACE, 1.0)
    assert classifier.classify([(there, face)] * 3) == classifier.classify([(bare, face)] * 3)
    assert asked == [1]


def test_a_picture_on_a_lost_card_is_told_as_a_lost_card(there, card, monkeypatch):
    def lost(*_):
        raise torch.AcceleratorError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(OnCard, "cpu", lost, raising=False)
    with pytest.raises(DeviceLost, match="cuda:0 is given up"):
        Models(CPU).mtcnn(Settings()).detect([there])
    monkeypatch.setattr(Uploader, "upload", lost)
    with pytest.raises(DeviceLost, match="cuda:0 is given up"):
        Models(CARD).mtcnn(Settings()).detect([there])


@pytest.mark.parametrize(
    "image",
    [
        torch.zeros((4, 4, 3)),
        torch.zeros((4, 4), dtype=torch.uint8),
        torch.zeros((4, 0, 3), dtype=torch.uint8),
    ],
)
def test_a_tensor_that_is_no_picture_is_refused(image):
    with pytest.raises(ImageError, match="a picture"):
        image_for(CPU, image)
