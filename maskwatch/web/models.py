"""`/api/models`: the versions of the models, which of them serves, and which is in the shadow."""

import json
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from maskwatch.core.errors import MALFORMED, ModelError
from maskwatch.core.records import Status
from maskwatch.http.body import OversizeError, read_body
from maskwatch.models.registry import SHIPPED, Registry

CURRENT = "/api/models/current"
MAX_BODY = 64_000  # bytes


def routes(registry: Registry, snapshot: Callable[[], Status]) -> list[Route]:
    """GET tells what is wanted and what serves, PUT `{"version": …}` promotes; the service follows within 2 s.

    409 when the version's files are not whole or there is none of that name; 400 for another body, 413 for a longer one.
    """

    async def get_all(_: Request) -> JSONResponse:
        return await run_in_threadpool(_answer, lambda: _listed(registry), 500)

    async def get_current(_: Request) -> JSONResponse:
        return await run_in_threadpool(_answer, lambda: _current(registry, snapshot()), 500)

    async def put_current(request: Request) -> JSONResponse:
        try:
            body = await read_body(request, MAX_BODY)
        except OversizeError:
            return JSONResponse({"error": f"the body must have at most {MAX_BODY} bytes"}, status_code=413)
        try:
            version = json.loads(body)["version"]
        except MALFORMED:
            version = None
        if not isinstance(version, str):
            return JSONResponse({"error": 'the body must be {"version": "NAME"}'}, status_code=400)

        def promoted() -> dict[str, object]:
            registry.promote(version)
            return _current(registry, snapshot())

        return await run_in_threadpool(_answer, promoted, 409)

    return [
        Route("/api/models", get_all),
        Route(CURRENT, get_current, methods=["GET"]),
        Route(CURRENT, put_current, methods=["PUT"]),
    ]


def _answer(ask: Callable[[], dict[str, object]], code: int) -> JSONResponse:
    headers = {"Cache-Control": "no-store"}
    try:
        return JSONResponse(ask(), headers=headers)
    except ModelError as e:
        return JSONResponse({"error": str(e)}, status_code=code, headers=headers)


def _current(registry: Registry, status: Status) -> dict[str, object]:
    """`notice` is why what is wanted does not serve."""
    return {
        "version": registry.state().serving,
        "serving": status.models,
        "notice": status.notices.get("models"),
    }


def _listed(registry: Registry) -> dict[str, object]:
    state = registry.state()
    candidate = None if state.shadow is None else state.shadow.version
    return {
        "versions": [
            {
                "version": version.id,
                "current": version.id == state.serving,
                "shadow": version.id == candidate,
                "parent": version.parent,
                "made_at": version.made_at.isoformat(),
                "samples": len(version.samples),
                "figures": dict(version.figures),
                "files": dict(version.files),
            }
            for version in [registry.version(SHIPPED), *registry.versions()]
        ]
    }
