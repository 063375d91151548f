"""Footage of people who walk by, as bright squares, and models that know them without any weights."""

from dataclasses import dataclass
from types import SimpleNamespace

import av
import numpy as np

from maskwatch.app.archive import analysis
from maskwatch.app.archive.analysis import AnalysisSetup
from maskwatch.app.footage import ReplayPlan
from maskwatch.config import load as configuration
from maskwatch.core.address import Address
from maskwatch.core.records import Box, Face

FRAMES, FPS = 700, 5
WIDTH, HEIGHT = 320, 240


def scene(number, *, corner=True):
    """A wall on which people walk by, one in 40 s, as bright squares; every second is brighter, which the stub takes for a mask."""
    rgb = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    rgb[::8] = 70
    walker, step = divmod(number, 40 * FPS)
    x = int(step * 3) - 10
    if 0 <= x < WIDTH - 40:
        rgb[80:120, x : x + 40] = 250 if walker % 2 else 200
    if corner and number % 97 < 12:
        rgb[160:200, 220:260] = 200
    return rgb


class Squares:
    """Finds bright squares, and says that the brighter ones wear a mask."""

    version = "squares"

    def detect(self, frames):
        return [tuple(self._found(rgb)) for rgb in frames]

    def _found(self, rgb):
        bright = rgb[..., 1] > 150
        for above, part in ((0, bright[:140]), (140, bright[140:])):
            rows, columns = np.nonzero(part)
            if len(rows) > 300:
                box = (columns.min(), above + rows.min(), columns.max() + 1, above + rows.max() + 1)
                yield Face(Box(*map(float, box)), 0.9)

    def classify(self, faces):
        return [self._masked(rgb, face.box) for rgb, face in faces]

    def _masked(self, rgb, box):
        x, y = map(int, box.centre)
        return 0.95 if rgb[min(y, rgb.shape[0] - 1), min(x, rgb.shape[1] - 1), 1] > 225 else 0.3


MODELS = SimpleNamespace(
    detector=lambda _: Squares(),
    classifier=lambda _: Squares(),
    second_look=lambda _: None,
    device="cpu",
    versions=lambda *_: {"detector": "squares", "classifier": "squares"},
)


def write_clip(path, frames=FRAMES, *, corner=True, **options):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"g": "40", **options})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(frames):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(scene(number, corner=corner), format="rgb24"))
            )
        container.mux(stream.encode(None))
    return path


def planned(clip, folder, *, queue=True, **changes):
    settings = configuration.default()
    store = settings.queue.model_copy(update={"dir": folder / "queue", "second_look_share": 0.0})
    return ReplayPlan(
        "door", Address(str(clip)), settings.defaults.model_copy(update=changes), store if queue else None
    )


@dataclass(frozen=True)
class StubWork:
    """The work of an archive's workers, with the stub's models in whatever process."""

    work: AnalysisSetup

    def __call__(self):
        analysis.serving_models = lambda *_: MODELS
        return self.work()
