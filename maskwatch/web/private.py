"""What the console alone asks the service: over a Unix socket that other users' processes cannot open.

It is not guarded further. Pictures leave here as far as the camera's privacy allows, and are drawn on elsewhere: what
people look at costs the service an encoded JPEG, made once a frame and width.
"""

import os
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import cv2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from maskwatch.core.privacy import CameraPrivacy, Privacy, shown
from maskwatch.core.records import Decision, FrameReport
from maskwatch.core.report_json import packed, to_json
from maskwatch.pipeline.latest import Latest
from maskwatch.web.service_view import ConfigInForce, ServiceView
from maskwatch.web.status import described

MIN_WIDTH, MAX_WIDTH = 80, 3840  # px
QUALITY = 80
WAIT_S = 1.5  # for a frame of a camera at which nobody looked before


def private_app(
    watched: ServiceView,
    latest: Latest,
    cameras: Mapping[str, CameraPrivacy],
    in_force: ConfigInForce | None = None,
) -> Starlette:
    """`/status`, with the configuration in force; `/frame/CAMERA?width=` the last frame, its report before it;
    `/minute/CAMERA?after=`, the reports after the one of that time; POST `/reload`.

    A camera that has not given a frame, and one of which no picture may be shown, answer 404 and a reason.
    """
    pictures = _Pictures(latest, cameras)

    def status(_: Request) -> JSONResponse:
        told = described(watched.status(), watched.versions(), watched.storage())
        return JSONResponse(told | {"config": None if in_force is None else asdict(in_force)})

    def frame(request: Request) -> Response:
        width = request.query_params.get("width", "")
        return pictures.answer(request.path_params["camera"], int(width) if width.isdecimal() else 960)

    def minute(request: Request) -> JSONResponse:
        camera = request.path_params["camera"]
        if camera not in cameras or cameras[camera].privacy is Privacy.AGGREGATE:
            return _missing("nothing of a single person may be shown")
        reports = _after(latest.reports(camera), request.query_params.get("after"))
        return JSONResponse([to_json(report) for report in reports])

    def reload(_: Request) -> JSONResponse:
        os.kill(os.getpid(), signal.SIGHUP)
        return JSONResponse({}, status_code=202)

    return Starlette(
        routes=[
            Route("/status", status),
            Route("/frame/{camera}", frame),
            Route("/minute/{camera}", minute),
            Route("/reload", reload, methods=["POST"]),
        ]
    )


class _Pictures:
    """Encodes a camera's last frame, once for all who ask for the same."""

    def __init__(self, latest: Latest, cameras: Mapping[str, CameraPrivacy]) -> None:
        self._latest = latest
        self._cameras = cameras
        self._lock = threading.Lock()
        self._made: dict[tuple[str, int], tuple[int, bytes]] = {}

    def answer(self, camera: str, width: int) -> Response:
        if camera not in self._cameras:
            return _missing("is no camera")
        if self._cameras[camera].privacy is Privacy.AGGREGATE:
            return _missing("no picture of this camera may be shown (privacy: aggregate)")
        decision = self._latest.decision(camera, WAIT_S)
        if decision is None:
            return _missing("gives no frames now")
        width = min(max(width, MIN_WIDTH), MAX_WIDTH, decision.frame.size[0])
        with self._lock:
            seq, body = self._made.get((camera, width), (-1, b""))
            if seq != decision.frame.seq:
                body = _packed(decision, self._cameras[camera], width)
                self._made[camera, width] = (decision.frame.seq, body)
        return Response(body, media_type="application/octet-stream")


def _after(reports: Sequence[FrameReport], at: str | None) -> Sequence[FrameReport]:
    """Those after the one that is known already; all where it is gone."""
    place = next((n for n in range(len(reports), 0, -1) if repr(reports[n - 1].at) == at), 0)
    return reports[place:]


def _packed(decision: Decision, about: CameraPrivacy, width: int) -> bytes:
    frame = shown(decision.frame, decision.report, about.privacy, about.ignore)
    assert frame is not None  # it is not aggregate
    height = max(1, round(frame.size[1] * width / frame.size[0]))
    small = cv2.resize(frame.rgb, (width, height), interpolation=cv2.INTER_AREA)
    ok, jpeg = cv2.imencode(
        ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    assert ok
    return packed(decision.report, bytes(jpeg))


def _missing(why: str) -> JSONResponse:
    return JSONResponse({"error": why}, status_code=404)
