"""A batch of frames to reports: where to look, detect, leave out what is ignored, classify."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace

from maskwatch.core.geometry import SAME_FACE_IOU, clip_faces, contains_centre, in_any, iou
from maskwatch.core.ports import Classifier, Detector, SupportsMoved, SupportsNearMisses
from maskwatch.core.records import (
    Box,
    Coverage,
    Detections,
    Face,
    Frame,
    FrameReport,
    Label,
    ModelKind,
    Rgb,
    Versions,
)
from maskwatch.core.selection.scene import APART_IOU
from maskwatch.pipeline.camera import AnalysisConfig, CameraModels

MAX_SHAPES = 16  # of inputs that are kept to warm up new models


@dataclass(frozen=True, slots=True)
class _Task:
    """A frame, the areas to analyse (None: everywhere), and what is copied from the previous frame."""

    frame: Frame
    areas: tuple[Box, ...] | None
    carried: Detections
    moved: tuple[Box, ...] = ()

    @property
    def look(self) -> Coverage:
        if self.areas is None:
            return Coverage.FULL
        return Coverage.PART if self.areas else Coverage.CARRIED


class Engine:
    """Analyses frames of any cameras together: each model runs once a batch, on several devices in parallel.

    `on_inference` is called after each run of a model with its kind, the seconds it took, and the number of inputs. `seen` is
    what each camera's last frame showed.
    """

    def __init__(
        self,
        cameras: Mapping[str, AnalysisConfig],
        on_inference: Callable[[ModelKind, float, int], None] | None = None,
    ) -> None:
        self._cameras = dict(cameras)
        self._on_inference = on_inference or (lambda *_: None)
        self.seen: dict[str, Detections] = {}
        self._retired: list[AnalysisConfig] = []
        self._asked: dict[tuple[int, ...], Rgb] = {}  # one detector input of each shape
        self._threads: dict[str, ThreadPoolExecutor] = {}  # of devices, where there are several

    def swap(self, models: Mapping[str, CameraModels]) -> None:
        """Use other models; the next frame is fully analysed. To be called between two batches."""
        for name, new in models.items():
            self._retired.append(self._cameras[name])
            self._cameras[name] = replace(
                self._cameras[name],
                detector=new.detector,
                classifier=new.classifier,
                gate=new.gate,
                device=new.device,
            )

    def release(self) -> None:
        """Free the models that were swapped out, which takes a while."""
        while self._retired:
            self._retired.pop()

    def versions(self) -> dict[str, Versions]:
        """The models that judge each camera now. Thread-safe."""
        return {
            c.name: Versions(c.detector.version, c.classifier.version) for c in list(self._cameras.values())
        }

    def device_of(self, camera: str) -> str:
        """The device on which the models of a camera run now."""
        return self._cameras[camera].device

    def sample_inputs(self) -> list[Rgb]:
        """One detector input per shape, to warm up new models. Thread-safe."""
        return list(self._asked.values())

    def analyse(self, frames: Sequence[Frame]) -> list[FrameReport]:
        """One report a frame, in the same order. Raises `DeviceLost` for a lost card, after all devices have finished."""
        reports: dict[int, FrameReport] = {}
        for places in self._rounds(frames):
            by_device: dict[str, list[int]] = defaultdict(list)
            for place in places:
                by_device[self._cameras[frames[place].camera].device].append(place)
            shares = {device: [frames[place] for place in own] for device, own in by_device.items()}
            for own, reported in zip(by_device.values(), self._on_each_device(shares), strict=True):
                reports.update(zip(own, reported, strict=True))
        return [reports[place] for place in range(len(frames))]

    def _on_each_device(self, shares: Mapping[str, Sequence[Frame]]) -> list[list[FrameReport]]:
        """The reports of each device's frames; several devices in parallel, each always on the same thread."""
        if len(shares) == 1:
            return [self._analysed(frames) for frames in shares.values()]
        for device in shares:
            if device not in self._threads:
                self._threads[device] = ThreadPoolExecutor(1, thread_name_prefix=f"engine {device}")
        running = [self._threads[device].submit(self._analysed, frames) for device, frames in shares.items()]
        wait(running)  # before the first error is raised: no thread may compute while models are swapped
        return [each.result() for each in running]

    def _analysed(self, frames: Sequence[Frame]) -> list[FrameReport]:
        """The reports of frames that can be analysed together, on one device."""
        tasks = [self._task(frame) for frame in frames]
        found = self._found(tasks)
        judged = self._judged(tasks, [each.faces for each in found])
        return [
            self._report(task, new, also.near_misses)
            for task, new, also in zip(tasks, judged, found, strict=True)
        ]

    def _report(self, task: _Task, new: Sequence[Face], near_misses: Sequence[Face]) -> FrameReport:
        """The report of a frame; what it shows is remembered for the next frame."""
        f, camera = task.frame, self._cameras[task.frame.camera]
        # only after the classifier, which judges a cut-off face better by the whole box
        seen = clip_faces(new, *f.size)
        faces = (*seen, *_not_again(task.carried.faces, seen))
        near = clip_faces(near_misses, *f.size)
        near = [*near, *_not_again(task.carried.near_misses, near)]
        missed = tuple(each for each in near if not _is_among(each, faces))
        self.seen[f.camera] = Detections(faces, missed)
        models = Versions(camera.detector.version, camera.classifier.version)
        return FrameReport(
            f.camera, f.source, f.seq, f.at, f.size, faces, task.look, models, missed, task.moved
        )

    def _rounds(self, frames: Sequence[Frame]) -> Iterator[list[int]]:
        """The indices of frames that can be analysed together: with a gate, a camera's frame must wait for the one before."""
        waiting = list(range(len(frames)))
        while waiting:
            gated: set[str] = set()
            now: list[int] = []
            later: list[int] = []
            for place in waiting:
                camera = frames[place].camera
                (later if camera in gated else now).append(place)
                if self._cameras[camera].gate is not None:
                    gated.add(camera)
            yield now
            waiting = later

    def _task(self, frame: Frame) -> _Task:
        gate = self._cameras[frame.camera].gate
        if gate is None:
            return _Task(frame, None, Detections(()))
        seen = self.seen.get(frame.camera, Detections(()))
        areas = gate.changed(frame, seen.faces)
        moved = self._watched(frame, gate.moved) if isinstance(gate, SupportsMoved) else ()
        if areas is None:
            return _Task(frame, None, Detections(()), moved)
        carried = (
            tuple(face for face in each if not any(contains_centre(area, face.box) for area in areas))
            for each in (seen.faces, seen.near_misses)
        )
        return _Task(frame, areas, Detections(*carried), moved)

    def _watched(self, frame: Frame, boxes: Sequence[Box]) -> tuple[Box, ...]:
        """The boxes whose centre is in no ignored polygon."""
        ignore = self._cameras[frame.camera].ignore
        return tuple(box for box in boxes if not in_any(ignore, box, frame.size))

    def _found(self, tasks: Sequence[_Task]) -> list[Detections]:
        """What is detected in the areas of each frame; one call for all cameras with the same detector."""
        asked: dict[tuple[Detector, float | None], list[tuple[int, Rgb, Box]]] = defaultdict(list)
        for place, task in enumerate(tasks):
            camera = self._cameras[task.frame.camera]
            for area in _whole(task.frame) if task.areas is None else task.areas:
                asked[camera.detector, camera.near_miss_from].append((place, *_part(task.frame, area)))
        faces: list[list[Face]] = [[] for _ in tasks]
        near_misses: list[list[Face]] = [[] for _ in tasks]
        for (detector, share), own in asked.items():
            for _, rgb, _ in own:
                if rgb.shape not in self._asked and len(self._asked) < MAX_SHAPES:
                    self._asked[rgb.shape] = rgb.copy()
            with self._timed(ModelKind.DETECTOR, len(own)):
                answers = _detected(detector, share, [rgb for _, rgb, _ in own])
            for (place, _, area), answer in zip(own, answers, strict=True):
                faces[place] += self._counted(tasks[place].frame, area, answer.faces)
                near_misses[place] += self._counted(tasks[place].frame, area, answer.near_misses)
        return [Detections(tuple(own), tuple(missed)) for own, missed in zip(faces, near_misses, strict=True)]

    def _counted(self, frame: Frame, area: Box, faces: Sequence[Face]) -> list[Face]:
        """The faces found in an area, in pixels of the frame, without those in ignored polygons."""
        ignore = self._cameras[frame.camera].ignore
        found = [replace(face, box=face.box.moved(area.x1, area.y1)) for face in faces]
        return [face for face in found if not in_any(ignore, face.box, frame.size)]

    def _judged(self, tasks: Sequence[_Task], faces: Sequence[Sequence[Face]]) -> list[list[Face]]:
        """The faces of each frame with their labels; those that are too small to judge stay unknown."""
        result = [list(each) for each in faces]
        asked: dict[Classifier, list[tuple[int, int]]] = defaultdict(list)
        for place, task in enumerate(tasks):
            camera = self._cameras[task.frame.camera]
            for index, face in enumerate(faces[place]):
                if max(face.box.width, face.box.height) >= camera.min_face_px:
                    asked[camera.classifier].append((place, index))
        for classifier, own in asked.items():
            with self._timed(ModelKind.CLASSIFIER, len(own)):
                verdicts = classifier.classify([(tasks[p].frame.rgb, faces[p][i]) for p, i in own])
            for (place, index), probability in zip(own, verdicts, strict=True):
                protected = probability >= self._cameras[tasks[place].frame.camera].protected_at
                label = Label.PROTECTED if protected else Label.UNPROTECTED
                result[place][index] = replace(faces[place][index], protected=probability, label=label)
        return result

    @contextmanager
    def _timed(self, stage: ModelKind, inputs: int) -> Iterator[None]:
        started_s = time.perf_counter()
        yield
        self._on_inference(stage, time.perf_counter() - started_s, inputs)


def _whole(frame: Frame) -> tuple[Box, ...]:
    width, height = frame.size
    return (Box(0, 0, width, height),)


def _part(frame: Frame, area: Box) -> tuple[Rgb, Box]:
    x1, y1, x2, y2 = (round(v) for v in area)
    return frame.rgb[y1:y2, x1:x2], area


def _detected(detector: Detector, share: float | None, pictures: list[Rgb]) -> list[Detections]:
    """With near misses, where they are wanted and the detector supports them."""
    if share is not None and isinstance(detector, SupportsNearMisses):
        return detector.detect_with_near_misses(pictures, share)
    return [Detections(faces) for faces in detector.detect(pictures)]


def _is_among(miss: Face, faces: Sequence[Face]) -> bool:
    """Whether a near miss lies on a face."""
    return any(iou(miss.box, face.box) >= APART_IOU or contains_centre(face.box, miss.box) for face in faces)


def _not_again(carried: Sequence[Face], new: Sequence[Face]) -> list[Face]:
    """The carried faces that were not found anew."""
    return [face for face in carried if all(iou(face.box, each.box) < SAME_FACE_IOU for each in new)]
