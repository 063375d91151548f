"""What tests of a fleet need: versions with real weights, a view full of faces, a holdout, and days of counts."""

from datetime import timedelta

import cv2
import numpy as np
import torch

from maskwatch.classify.network import load_network, save_network
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.core.records import Box, Frame, FrameReport, Versions
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.datasets.records import Split
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.drift.confidences import Confidences, named
from maskwatch.learning.archive import Archive
from maskwatch.learning.split import SampleHashes, SplitAssignment
from maskwatch.models.loading import Models
from maskwatch.models.registry import CLASSIFIER, DETECTOR, Version, shipped_files
from maskwatch.output import demo_clip as demo
from maskwatch.platform.clock import utc_now
from maskwatch.samples.annotations import Annotation

COLUMNS, ROWS, FACE_PX = 4, 3, 96


def almost_the_same(network):
    """Other weights, the same verdicts."""
    network.dense[-1].bias += 1e-4


def opposite(network):
    """Masked for bare, and bare for masked: it passes every test of whether it computes."""
    network.dense[-1].weight.neg_()
    network.dense[-1].bias.neg_()


def register(registry, name, folder, change):
    """The shipped models with a changed classifier."""
    folder.mkdir(parents=True, exist_ok=True)
    network, shape, _ = load_network(shipped_files().classifier, torch.device("cpu"))
    change(network)
    save_network(network, shape, folder / f"{name}.safetensors", {})
    files = {DETECTOR: shipped_files().detector, CLASSIFIER: folder / f"{name}.safetensors"}
    registry.add(files, Version(name, None, utc_now()))


def crowd():
    """Twelve bare faces in rows: `(RGB, boxes)`."""
    face = cv2.resize(demo.portrait(), (FACE_PX, round(FACE_PX * 600 / 512)), interpolation=cv2.INTER_AREA)
    height, width = face.shape[:2]
    rgb = np.full((ROWS * (height + 16), COLUMNS * (width + 16), 3), 120, np.uint8)
    boxes = []
    scale = FACE_PX / 512
    for place in range(COLUMNS * ROWS):
        top, left = (
            8 + offset * step
            for offset, step in zip(divmod(place, COLUMNS), (height + 16, width + 16), strict=True)
        )
        rgb[top : top + height, left : left + width] = face
        x1, y1, x2, y2 = (float(value) * scale for value in demo.FACE)
        boxes.append(Box(left + x1, top + y1, left + x2, top + y2))
    return rgb, boxes


def hold_out(archive, count):
    """Labelled samples of the crowd, all held out."""
    rgb, boxes = crowd()
    store = Archive(archive)
    assigned = {}
    for number in range(count):
        report = FrameReport("door", f"{number}.png", number, 0.0, (rgb.shape[1], rgb.shape[0]), ())
        name = store.samples.add(Frame("door", f"{number}.png", number, 0.0, rgb), report, ("detector",))
        labels = [Annotation(box, AnnotationLabel.UNPROTECTED) for box in boxes]
        store.samples.label(name, labels, "kim", based_on=None)
        assigned[name] = SplitAssignment("door", Split.TEST, SampleHashes(number, number))
    store.save_assignments(assigned)


def count_days_before(drift, files, analyse, days=3, frames=40):
    """What drift would have counted of the crowd on the days before today, as `files` judge it: for cameras named door."""
    models = Models(torch.device("cpu"), files)
    versions = Versions(**models.versions(DetectSettings(), ClassifySettings()))
    rgb, _ = crowd()
    report = analyse(rgb)
    for ago in range(1, days + 1):
        counted = Confidences(drift, 365, lambda ago=ago: utc_now() - timedelta(days=ago))
        for number in range(frames):
            counted.add(
                FrameReport(
                    "door", "clip.mp4", number, 20.0 * number, report.size, report.faces, models=versions
                )
            )
        counted.save()
    return named(versions)
