"""`/api/queue/export`: samples and their labels as a zip file that streams, as `maskwatch queue export` writes it."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from maskwatch.core.errors import DataError
from maskwatch.datasets.formats.entries import zipped
from maskwatch.samples.exports import FORMS, SampleFilter, exported, moment
from maskwatch.samples.store import Queue

ASKED = {"format", "since", "until", "camera", "all"}


def routes(store: Queue) -> list[Route]:
    """GET with `format`, `since`, `until`, `camera`, and `all` for what nobody has labelled, too."""

    def export(request: Request) -> Response:
        query = dict(request.query_params)
        try:
            form, wanted = _asked(query)
        except ValueError as e:
            return JSONResponse({"error": str(e)}, status_code=400)
        try:
            pieces = zipped(exported(store, wanted, form))
        except DataError as e:
            return JSONResponse({"error": str(e)}, status_code=404)
        headers = {
            "Content-Disposition": f'attachment; filename="queue-{form}.zip"',
            "Cache-Control": "no-store",
        }
        return StreamingResponse(pieces, media_type="application/zip", headers=headers)

    return [Route("/api/queue/export", export, methods=["GET"])]


def _asked(query: dict[str, str]) -> tuple[str, SampleFilter]:
    """Raises `ValueError` with the parameter that is wrong."""
    unknown = sorted(query.keys() - ASKED)
    if unknown:
        raise ValueError(f"{unknown[0]}: is unknown; known are {', '.join(sorted(ASKED))}")
    form, everything = query.get("format", "coco"), query.get("all", "false")
    if form not in FORMS:
        raise ValueError(f"format: must be one of {', '.join(FORMS)}")
    if everything not in {"true", "false"}:
        raise ValueError("all: must be true or false")
    moments = {}
    for name, end in (("since", False), ("until", True)):
        try:
            moments[name] = moment(query[name], end=end) if name in query else None
        except ValueError as e:
            raise ValueError(f"{name}: must be a day like 2026-11-01") from e
    labelled = None if everything == "true" else True
    return form, SampleFilter(moments["since"], moments["until"], query.get("camera"), labelled)
