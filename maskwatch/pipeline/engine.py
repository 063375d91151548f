"""A batch of frames to reports: detect, leave out what is ignored, classify."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from maskwatch.core.geometry import contains
from maskwatch.core.ports import Classifier, Detector
from maskwatch.core.records import Face, Frame, FrameReport, Label
from maskwatch.pipeline.camera import Camera


class Engine:
    """Analyses frames of any cameras together: each model is asked once a batch."""

    def __init__(self, cameras: Mapping[str, Camera]) -> None:
        self._cameras = cameras

    def analyse(self, frames: Sequence[Frame]) -> list[FrameReport]:
        """One report a frame, in the same order."""
        faces = self._found(frames)
        judged = self._judged(frames, faces)
        return [
            FrameReport(f.camera, f.source, f.seq, f.at, f.size, tuple(each))
            for f, each in zip(frames, judged, strict=True)
        ]

    def _found(self, frames: Sequence[Frame]) -> list[list[Face]]:
        places: dict[Detector, list[int]] = defaultdict(list)
        for place, frame in enumerate(frames):
            places[self._cameras[frame.camera].detector].append(place)
        result: list[list[Face]] = [[] for _ in frames]
        for detector, own in places.items():
            for place, faces in zip(own, detector.detect([frames[p].rgb for p in own]), strict=True):
                result[place] = [face for face in faces if not self._is_ignored(frames[place], face)]
        return result

    def _is_ignored(self, frame: Frame, face: Face) -> bool:
        width, height = frame.size
        x, y = face.box.centre
        return any(contains(area, x / width, y / height) for area in self._cameras[frame.camera].ignore)

    def _judged(self, frames: Sequence[Frame], faces: list[list[Face]]) -> list[list[Face]]:
        result = [list(each) for each in faces]
        asked: dict[Classifier, list[tuple[int, int]]] = defaultdict(list)
        for place, frame in enumerate(frames):
            camera = self._cameras[frame.camera]
            for index, face in enumerate(faces[place]):
                if max(face.box.width, face.box.height) >= camera.judge_from_px:
                    asked[camera.classifier].append((place, index))
        for classifier, own in asked.items():
            answers = classifier.classify([(frames[p].rgb, faces[p][i]) for p, i in own])
            for (place, index), probability in zip(own, answers, strict=True):
                protected = probability >= self._cameras[frames[place].camera].protected_at
                label = Label.PROTECTED if protected else Label.UNPROTECTED
                result[place][index] = replace(faces[place][index], protected=probability, label=label)
        return result
