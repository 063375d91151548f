"""One camera: its stream, the faces in view, a smaller stream, and a picture of all that."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from maskwatch.app.cameras import camera_source, why_not_decoded
from maskwatch.app.check import faces, stream, sub_streams
from maskwatch.app.check.faces import FacesSeen
from maskwatch.app.check.stream import StreamSample
from maskwatch.app.replay import drawn_places
from maskwatch.config.sections import CameraConfig
from maskwatch.core.address import Address
from maskwatch.core.errors import ConfigError, ModelError, SourceError
from maskwatch.core.face_size import FACE_M, VIEW_DEG, face_px, found_from_px, reach_m
from maskwatch.core.geometry import area
from maskwatch.core.ports import SupportsIdle
from maskwatch.core.privacy import shown
from maskwatch.core.text import pluralize
from maskwatch.models.loading import Models
from maskwatch.output.check_picture import Mark, check_picture
from maskwatch.platform.files import replacing
from maskwatch.sources.hardware import choose
from maskwatch.sources.images import encoded
from maskwatch.sources.registry import address_of
from maskwatch.sources.settings import Decode

FAR_M = 5.0  # nobody in view: at a door, few are further away
MIN_ROWS = 40  # of a picture: in a lower one nothing can be written


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """`folder` is for the pictures; where `picture_required`, one that cannot be written is an error.

    `compare`: what each smallest face costs and finds, too. `view_deg` is how wide the view is taken to be.
    """

    folder: Path
    compare: bool = False
    view_deg: float = VIEW_DEG
    picture_required: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings about a camera, and its picture; None where none may or can be written."""

    lines: tuple[str, ...]
    picture: Path | None = None


def look_at(name: str, camera: CameraConfig, models: Callable[[], Models], options: CheckOptions) -> Findings:
    """Open the camera once, look for faces in it, ask it for a smaller stream, and leave its picture. Raises `SourceError`.

    Where the models fail, which is reported elsewhere, nothing is said about faces.
    """
    source = camera_source(name, camera)
    if isinstance(source, SupportsIdle):  # it may bring nothing for hours and be well
        return Findings((source.check(),))
    watched = stream.watch(source)
    address = address_of(camera.source)
    told = stream.told(watched, _transport(address, camera), camera.aspect)
    if why := why_not_decoded(camera):
        raise SourceError(f"{told}; {why}")
    lines = [told + _decoded_by(camera)]
    seen = _faces(watched, camera, models)
    lines += _about_faces(camera, seen, models, options)
    if address is not None and watched.live:
        size = watched.last.size
        smaller = sub_streams.find(address, watched.facts.size if watched.facts.codec else size)
        face = _smallest_face(seen, size[0], options)
        lines.append(sub_streams.told(address, smaller, size, face, slow=watched.is_too_slow))
    picture = None
    try:
        picture = _leave_picture(options, name, camera, seen)
    except OSError as e:
        why = f"{e.filename or options.folder}: {e.strerror or e}"
        if options.picture_required:
            raise SourceError(why) from e
        lines.append(f"no picture: {why}")
    return Findings(tuple(line for line in lines if line), picture)


def _faces(watched: StreamSample, camera: CameraConfig, models: Callable[[], Models]) -> FacesSeen | None:
    frames = [watched.first] if watched.first is watched.last else [watched.first, watched.last]
    try:
        return faces.look(frames, camera, models())
    except (ModelError, ConfigError):
        return None


def _transport(address: Address | None, camera: CameraConfig) -> str:
    """RTSP's transport, TCP or UDP; empty for other addresses, which tell theirs by themselves."""
    try:
        is_rtsp = address is not None and urlsplit(address.reveal()).scheme.lower() in {"rtsp", "rtsps"}
    except ValueError:
        return ""
    return camera.rtsp.transport.upper() if is_rtsp else ""


def _decoded_by(camera: CameraConfig) -> str:
    """The decoder that `decode: auto` stands for on this machine; empty for other values, which name it."""
    address = address_of(camera.source)
    if camera.decode is Decode.SOFTWARE:
        return ""
    if address is None or "://" not in address.reveal():
        return ", decoded in software as all footage is"
    if camera.decode is not Decode.AUTO:
        return ""
    device, why = choose(camera.decode)
    return f", decoded by {device.value}" if why is None else f", decoded in software: {why}"


def _about_faces(
    camera: CameraConfig, seen: FacesSeen | None, models: Callable[[], Models], options: CheckOptions
) -> list[str]:
    ignored = sum(area(polygon) for polygon in camera.ignore)
    parts = [f"{ignored:.0%} of the picture ignored"] if camera.ignore else []
    if seen is None:
        return ["; ".join(parts)]
    if seen.least_px is not None:
        share = seen.least_px / seen.frame.size[1]
        parts.append(f"faces from {seen.least_px:g} px, {share:.1%} of the picture's height")
    parts.append(f"finding them takes about {seen.find_ms:.0f} ms a frame")
    lines = ["; ".join(parts), faces.told(seen, options.view_deg)]
    if options.compare and (tried := faces.compare(seen.frame, camera, models())):
        lines.append(faces.compared(tried))
    return lines


def _smallest_face(seen: FacesSeen | None, width: int, options: CheckOptions) -> tuple[float, float] | None:
    if seen is None or seen.least_px is None:
        return None
    smallest = seen.widths[0] if seen.widths else face_px(FAR_M, width, options.view_deg)
    return smallest, found_from_px(seen.least_px)


def _leave_picture(
    options: CheckOptions, name: str, camera: CameraConfig, seen: FacesSeen | None
) -> Path | None:
    """Write the picture with as much of the frame as may be shown; where nothing may, an earlier one is removed. Raises `OSError`."""
    path = options.folder / f"{name}.jpg"
    frame = None
    if seen is not None:
        everything = replace(seen.report, faces=(*seen.report.faces, *seen.smaller))
        frame = shown(seen.frame, everything, camera.privacy, camera.ignore)
    if seen is None or frame is None or frame.size[1] < MIN_ROWS:
        path.unlink(missing_ok=True)
        return None
    picture = check_picture(
        frame.rgb,
        seen.report.faces,
        seen.smaller,
        places=drawn_places(camera),
        ruler=_ruler(seen, options.view_deg),
        lines=_lines(name, seen, options.view_deg),
    )
    with replacing(path) as part:
        part.touch(mode=0o600)
        part.write_bytes(encoded(picture))
    return path


def _ruler(seen: FacesSeen, view_deg: float) -> list[Mark]:
    least = found_from_px(seen.least_px or 0.0)
    marks = [Mark(least, "smallest that is found")] if least else []
    for far in faces.DISTANCES_M:
        px = face_px(far, seen.frame.size[0], view_deg)
        marks.append(Mark(px, f"{far:g} m away", px >= least))
    return marks


def _lines(name: str, seen: FacesSeen, view_deg: float) -> list[str]:
    width, height = seen.frame.size
    lines = [f"{name}: {width} x {height}, {pluralize(len(seen.widths), 'face')} in view"]
    if seen.least_px is not None:
        reach = reach_m(found_from_px(seen.least_px), width, view_deg)
        lines.append(f"With detect.min_face_px {seen.least_px:g} faces are found up to {reach:.1f} m away")
    lines.append(f"(a face {100 * FACE_M:.0f} cm wide in a view {view_deg:g}° wide)")
    return lines
