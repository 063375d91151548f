"""`maskwatch bench compare`: which face detector for this footage?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskwatch.cli.measuring import deliver, shown
from maskwatch.cli.terminal import errors, progress, tell_problems
from maskwatch.core.errors import ConfigError, MaskwatchError
from maskwatch.evaluation.split_choice import SplitChoice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from maskwatch.bench.compare import Picture
    from maskwatch.core.ports import Detector
    from maskwatch.datasets.records import LabelledImage


def compare(
    footage: Annotated[
        Path | None, typer.Option(help="A video, a picture or a folder of pictures, without labels.")
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="Labelled pictures with boxes; give it again for more.")
    ] = None,
    part: Annotated[SplitChoice, typer.Option("--part", help="Which part of them.")] = SplitChoice.TEST,
    detectors: Annotated[
        str,
        typer.Option(
            help="With commas between: mtcnn (ours; mtcnn:FILE and mtcnn:stock take other weights), facenet-pytorch, "
            "centerface, yunet:FILE.onnx, haar or haar:FILE.xml, hog, cnn:FILE.dat."
        ),
    ] = "mtcnn,facenet-pytorch,centerface,hog",
    min_face: Annotated[
        float,
        typer.Option(min=8, help="The smallest face to look for, in pixels, for those that can be told."),
    ] = 20,
    frames: Annotated[int, typer.Option(min=1, help="Of the footage, at most, from its beginning on.")] = 100,
    every: Annotated[int, typer.Option(min=1, help="Of the footage each so-many-th frame.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    html: Annotated[Path | None, typer.Option(help="Write the report with its pictures here.")] = None,
    as_json: Annotated[Path | None, typer.Option("--json", help="Write the figures here; - prints.")] = None,
) -> None:
    """Ours and the detectors of others on your own footage and labelled pictures: time, faces, recall and precision."""
    from maskwatch.bench import compare as comparing
    from maskwatch.core.text import pluralize

    if footage is None and not data:
        raise ConfigError("bench compare: needs --footage or --data to look at")
    if footage is not None and data:
        raise ConfigError("bench compare: takes --footage or --data, not both")
    chosen = _detectors([name.strip() for name in detectors.split(",")], min_face, device)
    if data:
        from maskwatch.evaluation.measure import chosen_images

        material = chosen_images(data, shown(part, None, conditions=False), with_boxes=True)
        about = f"{material.name}, {part} part"
        total, pictures = len(material.images), _labelled(material.images)
    else:
        assert footage is not None
        about = f"{footage.name}, every frame" if every == 1 else f"{footage.name}, every {every}th frame"
        total, pictures = frames, _of_footage(footage, frames, every)
    with progress(f"comparing {pluralize(len(chosen), 'detector')}", total) as advance:
        report = comparing.compare(
            chosen, _counted(pictures, advance), about=about, shown_every=max(1, total // comparing.PICTURES)
        )
    deliver(report, html, as_json)


def _detectors(names: list[str], min_face_px: float, device: str) -> "dict[str, Detector]":
    """Those that can run; of the others it is told why they cannot. Raises `ConfigError` when none is left."""
    from maskwatch.bench.face_detectors import face_detector
    from maskwatch.models.loading import pick_device

    chosen: dict[str, Detector] = {}
    for name in names:
        try:
            chosen[name] = face_detector(name, min_face_px, pick_device(device))
        except ConfigError:
            raise
        except MaskwatchError as e:
            errors.print(f"left out: {e}", markup=False, soft_wrap=True)
    if not chosen:
        raise ConfigError("--detectors: none of them can run here")
    return chosen


def _labelled(images: "tuple[LabelledImage, ...]") -> "Iterator[Picture]":
    from maskwatch.bench.compare import Picture
    from maskwatch.sources.images import read_rgb

    for image in images:
        yield Picture(image.key, read_rgb(image.path), image)


def _of_footage(footage: Path, frames: int, every: int) -> "Iterator[Picture]":
    """Raises `SourceError` when there is none; what breaks off is told, and counts as far as it goes."""
    from itertools import islice

    from maskwatch.bench.compare import Picture
    from maskwatch.core.address import Address
    from maskwatch.core.errors import SourceError
    from maskwatch.sources.registry import open_source

    source = open_source("bench", Address(str(footage)))
    seen = 0
    stream = source.frames()
    try:
        for frame in islice(stream, 0, frames * every, every):
            seen += 1
            yield Picture(f"{frame.at:.2f} s", frame.rgb)
    except SourceError as e:
        if not seen:
            raise
        tell_problems([str(e)])
    finally:
        stream.close()
    if not seen:
        raise SourceError(f"{footage}: holds no frame")


def _counted(pictures: "Iterator[Picture]", advance: "Callable[[], None]") -> "Iterator[Picture]":
    for picture in pictures:
        yield picture
        advance()
