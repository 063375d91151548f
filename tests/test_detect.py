"""The cascade against the package whose weights it uses, and what it promises by itself."""

import cv2
import numpy as np
import pytest
import torch

from maskwatch.core.errors import ModelError
from maskwatch.core.geometry import iou
from maskwatch.core.records import Box
from maskwatch.demo import FACE
from maskwatch.detect import boxes, crops, pyramid, weights
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.settings import Settings

CPU = torch.device("cpu")
PUBLISHED = Settings(crops="published", thresholds=(0.6, 0.7, 0.7))


@pytest.fixture(scope="module")
def networks():
    return weights.load_stock(CPU)


@pytest.fixture(scope="module")
def detector(networks):
    return Mtcnn(networks, Settings(), CPU, "stock")


@pytest.fixture(scope="module")
def crowd(bare, masked):
    """Faces of many sizes in one picture, some cut by its edge."""
    picture = np.full((540, 960, 3), 120, np.uint8)
    left = 0
    for number, side in enumerate((300, 200, 140, 100, 70, 50, 36)):
        person = cv2.resize(masked if number % 3 == 2 else bare, (side, side), interpolation=cv2.INTER_AREA)
        picture[20 * number : 20 * number + side, left : left + side] = person
        left += side
    picture[400:540, 900:] = cv2.resize(bare, (200, 200))[:140, :60]
    return picture


def agreement(ours, theirs):
    """How many of each have a counterpart with IoU of at least 0.9: (theirs found, ours confirmed)."""
    found = sum(any(iou(Box(*t), o) >= 0.9 for o in ours) for t in theirs)
    return found, sum(any(iou(Box(*t), o) >= 0.9 for t in theirs) for o in ours)


@pytest.fixture(scope="module")
def reference():
    """facenet-pytorch itself, which needs the torchvision that fits the installed torch."""
    try:
        from facenet_pytorch import MTCNN
    except (ImportError, RuntimeError) as e:
        pytest.skip(f"facenet_pytorch does not import beside this torch: {e}")
    return MTCNN(keep_all=True, min_face_size=20, thresholds=[0.6, 0.7, 0.7], device="cpu")


def test_published_crops_give_the_published_boxes(networks, reference, crowd, bare):
    ours = Mtcnn(networks, PUBLISHED, CPU, "stock")
    for picture in (crowd, bare, crowd[:333, 5:707]):
        theirs, scores = reference.detect(picture)
        faces = ours.detect([picture])[0]
        assert len(theirs) >= 1
        assert agreement([face.box for face in faces], theirs) == (len(theirs), len(theirs))
        assert sorted(face.score for face in faces) == pytest.approx(sorted(scores), abs=1e-3)


def test_published_crops_give_the_published_boxes_on_street_photographs(networks, reference, shared):
    """98.5 % of the boxes, each way, on a fixed twentieth of the pictures."""
    ours = Mtcnn(networks, PUBLISHED, CPU, "stock")
    found = confirmed = mine = published = 0
    for path in sorted((shared / "data/faces/images").iterdir())[::20]:
        rgb = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        theirs = reference.detect(rgb)[0]
        theirs = [] if theirs is None else theirs
        faces = [face.box for face in ours.detect([rgb])[0]]
        hits = agreement(faces, theirs)
        found, confirmed = found + hits[0], confirmed + hits[1]
        mine, published = mine + len(faces), published + len(theirs)
    assert published > 50
    assert found / published >= 0.985
    assert confirmed / mine >= 0.985


def test_finds_the_face_where_it_is(detector, bare):
    (face,) = detector.detect([bare])[0]
    assert face.score > 0.99
    assert iou(face.box, FACE) > 0.6


def test_finds_faces_of_many_sizes_once_each(detector, crowd):
    faces = detector.detect([crowd])[0]
    assert sum(face.box.x1 < 300 for face in faces) == 1
    assert {round(face.box.width / 20) for face in faces} >= {1, 2}
    assert all(iou(a.box, b.box) < 0.4 for a in faces for b in faces if a is not b)


def test_a_batch_of_frames_of_any_sizes_gives_what_single_frames_give(detector, crowd, bare):
    frames = [crowd, bare, np.zeros((30, 50, 3), np.uint8), bare[:400], crowd]
    batched = detector.detect(frames)
    for frame, faces in zip(frames, batched, strict=True):
        alone = detector.detect([frame])[0]
        assert len(alone) == len(faces)
        for a, b in zip(alone, faces, strict=True):
            assert tuple(a.box) == pytest.approx(tuple(b.box), abs=0.01)
            assert a.score == pytest.approx(b.score, abs=1e-4)


@pytest.mark.parametrize("shape", [(1, 1, 3), (11, 300, 3), (19, 19, 3), (300, 20, 3)])
def test_a_frame_too_small_for_a_face_has_none(detector, shape):
    assert detector.detect([np.full(shape, 77, np.uint8)]) == [()]


def test_no_frames_no_faces(detector):
    assert detector.detect([]) == []


def test_a_larger_smallest_face_leaves_small_faces_out(networks, crowd):
    smallest = [
        min(f.box.height for f in Mtcnn(networks, Settings(min_face_px=px), CPU, "stock").detect([crowd])[0])
        for px in (20, 80)
    ]
    assert smallest[0] < 30
    assert smallest[1] > 40


def test_colour_order_matters_so_frames_must_be_rgb(detector, crowd):
    right = sum(face.score for face in detector.detect([crowd])[0])
    wrong = sum(face.score for face in detector.detect([np.ascontiguousarray(crowd[..., ::-1])])[0])
    assert right > wrong


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
def test_cuda_finds_what_the_processor_finds(networks, detector, crowd):
    cuda = torch.device("cuda")
    there = Mtcnn(weights.load_stock(cuda), Settings(), cuda, "stock").detect([crowd])[0]
    here = detector.detect([crowd])[0]
    assert agreement([f.box for f in there], [f.box for f in here]) == (len(here), len(there))


def test_pyramid_starts_at_the_smallest_face_and_ends_at_one_window():
    scales = pyramid.scales(960, 540, min_face_px=20)
    assert scales[0] == 12 / 20
    assert 540 * scales[-1] >= 12 > 540 * scales[-1] * pyramid.FACTOR


def test_suppression_keeps_the_best_of_each_group():
    found = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [0, 0, 10, 10], [50, 50, 60, 60]], np.float32)
    scores = np.array([0.7, 0.9, 0.8, 0.6], np.float32)
    groups = np.array([0, 0, 1, 0])
    assert sorted(boxes.nms(found, scores, groups, 0.5)) == [1, 2, 3]
    inner = np.array([[0, 0, 100, 100], [40, 40, 60, 60]], np.float32)
    one_frame = np.zeros(2, np.int64)
    assert len(boxes.nms(inner, scores[:2], one_frame, 0.5)) == 2
    assert list(boxes.nms_by_smaller(inner, scores[:2], one_frame, 0.7)) == [1]


def test_crops_of_a_gradient_keep_its_values_at_fractions_of_a_pixel():
    ramp = np.repeat(np.tile(np.arange(200, dtype=np.uint8), (200, 1))[..., None], 3, axis=2)
    box = np.array([50.3, 60.0, 98.3, 108.0], np.float32)
    picture = crops.exact(ramp, box, 24)
    assert picture.shape == (24, 24, 3)
    # 49 pixels from 48.8: the first of 24 bins has its centre 1.02 further; pixel i covers [i, i + 1)
    assert picture[0, 0, 0] == pytest.approx(48.8 + 49 / 48 - 0.5, abs=0.01)
    assert np.allclose(np.diff(picture[5, :, 1]), 49 / 24, atol=0.03)  # pixels are steps, not points


def test_a_crop_beyond_the_frame_goes_on_with_its_edge_and_one_outside_is_none(bare):
    picture = crops.exact(bare, np.array([-30, -30, 30, 30], np.float32), 24)
    assert np.ptp(picture[:6, :6].reshape(-1, 3), axis=0).max() <= 6
    assert crops.exact(bare, np.array([-50, 10, -5, 55], np.float32), 24) is None
    assert crops.published(bare, np.array([-50, 10, -5, 55], np.float32), 24) is None


def test_a_damaged_weight_file_is_named(tmp_path, monkeypatch):
    for name in ("pnet.pt", "rnet.pt", "onet.pt"):
        (tmp_path / name).write_bytes(b"not weights")
    monkeypatch.setattr(weights, "_folder", lambda: tmp_path)
    with pytest.raises(ModelError, match=r"pnet\.pt: cannot be read"):
        weights.load_stock(CPU)
