"""What a detector and a classifier must do: see `maskwatch.core.ports` for the methods."""

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np
import pytest

from maskwatch.conformance.settings import require_sound_settings
from maskwatch.core.errors import ImageError
from maskwatch.core.geometry import iou
from maskwatch.core.ports import Classifier, Detector
from maskwatch.core.records import Box, Face, Label, Rgb
from maskwatch.plugins import KindSettings

NO_RGB: tuple[Any, ...] = (
    np.zeros((40, 40), np.uint8),
    np.zeros((40, 40, 4), np.uint8),
    np.zeros((40, 40, 3), np.float32),
    np.zeros((0, 40, 3), np.uint8),
    None,
)


class DetectorContract:
    """A detector answers with one tuple of faces a frame, in the order of the frames, the best face first.

    Frames are RGB of any sizes, down to one pixel, and may be read-only views into larger ones; they are left as they
    are. Boxes are in the frame's own pixels, with a right and bottom corner beyond the left and top one; scores are
    0..1; the faces are not classified. The same frame gives the same faces, whatever it is asked about with.
    What is no RGB picture is an `ImageError`. `version` tells one set of weights from another.

    With the motion gate, what it is asked about is the part of a camera's frame that changed: one that goes by the
    place in the whole frame needs `motion: {gate: false}`.
    """

    def make(self) -> Detector:
        """A detector as your `build` makes it."""
        raise NotImplementedError

    def settings(self) -> KindSettings:
        """Its settings."""
        raise NotImplementedError

    def sample(self) -> tuple[Rgb, Box]:
        """A picture with one face that it finds, of at least 64 x 64 px, and where that is."""
        raise NotImplementedError

    def test_its_settings_are_a_kinds(self) -> None:
        """The settings pass `require_sound_settings`."""
        require_sound_settings(self.settings())

    def test_it_finds_the_face(self) -> None:
        """A box overlaps the sample's ground truth with an IoU above 0.3."""
        rgb, box = self.sample()
        (faces,) = self.make().detect([rgb])
        assert max((iou(face.box, box) for face in faces), default=0.0) > 0.3

    def test_faces_are_boxes_with_scores_and_without_a_label(self) -> None:
        """Boxes are finite and not empty, scores are 0..1 in descending order, and no face is classified."""
        (faces,) = self.make().detect([self.sample()[0]])
        for face in faces:
            assert all(map(isfinite, face.box))
            assert face.box.x1 < face.box.x2
            assert face.box.y1 < face.box.y2
            assert 0 <= face.score <= 1
            assert (face.protected, face.label) == (None, Label.UNKNOWN)
        assert all(first.score >= second.score for first, second in pairwise(faces))

    def test_each_frame_is_answered_in_its_place_whatever_stands_beside_it(self) -> None:
        """A batch of mixed sizes gives the faces of each frame alone: boxes to 0.5 px, scores to 0.01."""
        detector, (rgb, _) = self.make(), self.sample()
        frames = [rgb, np.zeros_like(rgb), rgb[:-7, :-3], np.zeros((1, 1, 3), np.uint8), rgb]
        together = detector.detect(frames)
        assert len(together) == len(frames)
        assert together[3] == ()
        for frame, faces in zip(frames, together, strict=True):
            (alone,) = detector.detect([frame])
            assert len(alone) == len(faces)
            for one, other in zip(alone, faces, strict=True):
                assert max(abs(a - b) for a, b in zip(one.box, other.box, strict=True)) < 0.5
                assert abs(one.score - other.score) < 0.01

    def test_a_read_only_view_is_as_good_as_a_frame_of_its_own(self) -> None:
        """A read-only view into a larger array gives the same faces, and the array stays as it was."""
        rgb, _ = self.sample()
        height, width = rgb.shape[:2]
        wider = np.zeros((height + 9, width + 5, 3), np.uint8)
        wider[4 : 4 + height, 2 : 2 + width] = rgb
        wider.flags.writeable = False
        before = wider.copy()
        detector = self.make()
        assert detector.detect([wider[4 : 4 + height, 2 : 2 + width]]) == detector.detect([rgb])
        assert np.array_equal(wider, before)

    def test_no_frame_gives_no_answer(self) -> None:
        """An empty batch returns an empty list."""
        assert self.make().detect([]) == []

    def test_what_is_no_picture_is_refused(self) -> None:
        """`ImageError` for grey or RGBA images, for floats, for an empty image and for None."""
        detector = self.make()
        for wrong in NO_RGB:
            with pytest.raises(ImageError):
                detector.detect([wrong])

    def test_it_says_its_version(self) -> None:
        """`version` is a text, not empty, and the same for two detectors of the same settings."""
        first, second = self.make().version, self.make().version
        assert isinstance(first, str)
        assert first == second != ""


class ClassifierContract:
    """A classifier answers with one probability (0..1) a face, in the order of the faces: that a mask covers it.

    A face's box may reach beyond the frame, or lie outside of it; the frame may be a read-only view, and is left as
    it is. The same face gives the same probability (to 0.02), whatever it is asked about with. What is no RGB picture is
    an `ImageError`. `version` tells one set of weights from another.
    """

    def make(self) -> Classifier:
        """A classifier as your `build` makes it."""
        raise NotImplementedError

    def settings(self) -> KindSettings:
        """Its settings."""
        raise NotImplementedError

    def samples(self) -> Sequence[tuple[Rgb, Face, bool]]:
        """Pictures with a face each, and whether it is protected: as many as it judges rightly; one of each at least."""
        raise NotImplementedError

    def test_its_settings_are_a_kinds(self) -> None:
        """The settings pass `require_sound_settings`."""
        require_sound_settings(self.settings())

    def test_it_tells_protected_faces_from_others(self) -> None:
        """Every sample is on the right side of 0.5, and the samples have both classes."""
        samples = self.samples()
        judged = self.make().classify([(rgb, face) for rgb, face, _ in samples])
        assert {protected for *_, protected in samples} == {True, False}
        assert [probability >= 0.5 for probability in judged] == [protected for *_, protected in samples]

    def test_each_face_is_answered_in_its_place_whatever_stands_beside_it(self) -> None:
        """A batch gives the probability (a float, 0..1) of each face alone, to 0.02."""
        classifier, samples = self.make(), [(rgb, face) for rgb, face, _ in self.samples()] * 3
        together = classifier.classify(samples)
        assert len(together) == len(samples)
        for sample, probability in zip(samples, together, strict=True):
            assert isinstance(probability, float)
            assert 0 <= probability <= 1
            assert abs(classifier.classify([sample])[0] - probability) < 0.02

    def test_a_box_may_lie_anywhere(self) -> None:
        """A box over the edge, outside, over the whole frame or within one pixel gets a probability."""
        rgb, *_ = self.samples()[0]
        height, width = rgb.shape[:2]
        boxes = [
            Box(-20, -20, 30, 30),
            Box(width - 5, height - 5, width + 50, height + 40),
            Box(-90, -90, -50, -50),
            Box(0, 0, width, height),
            Box(3.2, 3.2, 3.9, 3.9),
        ]
        judged = self.make().classify([(rgb, Face(box, 0.9)) for box in boxes])
        assert all(0 <= probability <= 1 for probability in judged)

    def test_frames_are_left_as_they_are(self) -> None:
        """A read-only frame is taken, and not changed."""
        rgb, face, _ = self.samples()[0]
        kept = rgb.copy()
        kept.flags.writeable = False
        self.make().classify([(kept, face)])
        assert np.array_equal(kept, rgb)

    def test_no_face_gives_no_answer(self) -> None:
        """An empty batch returns an empty list."""
        assert self.make().classify([]) == []

    def test_what_is_no_picture_is_refused(self) -> None:
        """`ImageError` for grey or RGBA images, for floats, for an empty image and for None."""
        classifier = self.make()
        for wrong in NO_RGB:
            with pytest.raises(ImageError):
                classifier.classify([(wrong, Face(Box(0, 0, 20, 20), 0.9))])

    def test_it_says_its_version(self) -> None:
        """`version` is a text, not empty, and the same for two classifiers of the same settings."""
        first, second = self.make().version, self.make().version
        assert isinstance(first, str)
        assert first == second != ""
