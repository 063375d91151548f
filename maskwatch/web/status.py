"""`/api/status`, and `/` for who opens the address that the log tells: what `/metrics` tells and what each camera does, as JSON for people and their scripts."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from maskwatch import __version__
from maskwatch.core.events import EventLogStatus
from maskwatch.core.health import why_not_alive, why_not_ready
from maskwatch.core.records import (
    Announcements,
    CameraStatus,
    Direction,
    EffectFigures,
    EffectStatus,
    Estimate,
    Label,
    ModelKind,
    PassageCounts,
    PassageKind,
    ShadowCounts,
    ShadowStatus,
    SinkStatus,
    StandingAlert,
    Status,
    Versions,
)
from maskwatch.http.shared_answer import SharedAnswer
from maskwatch.platform.clock import utc_now
from maskwatch.web.service_view import ServiceView, Storage, memory_bytes, threads


def routes(watched: ServiceView, console_at: Callable[[str], str | None] = lambda _: None) -> list[Route]:
    """`/api/status`: `described` as JSON; `/` redirects to the console, or there.

    `console_at` gives the console's address on a machine by the name that it was asked by, None where there is none.
    """

    def told() -> bytes:
        return bytes(JSONResponse(described(watched.status(), watched.versions(), watched.storage())).body)

    text = SharedAnswer(told)

    async def api_status(_: Request) -> Response:
        headers = {"Cache-Control": "no-store"}
        return Response(await text(), headers=headers, media_type="application/json")

    async def start(request: Request) -> RedirectResponse:
        return RedirectResponse(console_at(request.url.hostname or "") or "/api/status")

    return [Route("/api/status", api_status), Route("/", start)]


def described(status: Status, versions: dict[str, Versions], storage: Storage) -> dict[str, object]:
    """Numbers have their unit in the name; what is not known is null."""
    alive, ready = why_not_alive(status, status.now_s), why_not_ready(status, status.now_s)
    return {
        "version": __version__,
        "alive": alive is None,
        "ready": ready is None,
        "reason": ready,
        "running_s": round(status.now_s - status.started_s, 1),
        "cameras": {
            name: _camera(camera, versions[name], status.now_s) for name, camera in status.cameras.items()
        },
        "detector_inference_s": _rounded(status.inference_s.get(ModelKind.DETECTOR), 5),
        "classifier_inference_s": _rounded(status.inference_s.get(ModelKind.CLASSIFIER), 5),
        "alerts": [
            {"sink": sink, "outcome": outcome, "count": count}
            for (sink, outcome), count in sorted(status.alerts.items())
        ],
        "sinks": [_sink(sink, status.now_s) for sink in status.sinks],
        "queue": {
            "samples": storage.samples,
            "bytes": storage.bytes,
            "free_bytes": storage.free_bytes,
            "stored": status.queued,
            "not_stored": status.not_queued,
            "problem": status.store_problem,
        },
        "events": None if status.events is None else _events(status.events),
        "models": status.models,
        "shadow": None if status.shadow is None else _shadow(status.shadow),
        "notices": list(status.notices.values()),
        "process": {"memory_bytes": memory_bytes(), "threads": threads()},
    }


def _camera(camera: CameraStatus, versions: Versions, now_s: float) -> dict[str, object]:
    state_s = now_s - camera.since_s
    low, high = camera.hour.interval or (None, None)
    return {
        "state": camera.state.value,
        "reason": camera.reason,
        "view": camera.view,
        "since": _ago(state_s),
        "state_s": round(state_s, 1),
        "last_frame_age_s": _rounded(None if camera.frame_s is None else now_s - camera.frame_s, 1),
        "fps": round(camera.captured_fps, 2),
        "analysed_fps": round(camera.analysed_fps, 2),
        "skipped_fps": round(camera.dropped_fps, 2),
        "latency_s": _rounded(camera.latency.lately_s, 3),
        "people": camera.people,
        "in_view": camera.in_view,
        "protected_ratio": _rounded(camera.protected_ratio, 4),
        "protected_ratio_hour": _rounded(camera.hour.protected_ratio, 4),
        "protected_ratio_hour_low": _rounded(low, 4),
        "protected_ratio_hour_high": _rounded(high, 4),
        "captured": camera.captured,
        "analysed": camera.analysed,
        "skipped": camera.dropped,
        "reconnects": camera.reconnects,
        "faces": {label.value: count for label, count in camera.faces.items()},
        "passages": _passages(camera.passages),
        "models": {"detector": versions.detector, "classifier": versions.classifier},
        "effect": None if camera.effect is None else _effect(camera.effect),
        "standing_alerts": [_standing(each, now_s) for each in camera.standing],
    }


def _standing(standing: StandingAlert, now_s: float) -> dict[str, object]:
    alert, state_s = standing.alert, now_s - standing.since_s
    return {
        "id": alert.id,
        "rule": alert.rule,
        "kind": alert.kind.value,
        "since": _ago(state_s),
        "state_s": round(state_s, 1),
        "decided": _ago(now_s - standing.decided_s),
        "level": alert.level,
        "quiet": alert.quiet,
        "say": alert.say,
        "people": alert.people,
        "unprotected": alert.unprotected,
        "protected_ratio": _rounded(alert.protected_ratio, 4),
        "reason": alert.reason,
    }


def _effect(effect: EffectStatus) -> dict[str, object]:
    return {"effect_s": effect.effect_s, **_came_of(effect.total), "today": _came_of(effect.today)}


def _came_of(figures: EffectFigures) -> dict[str, object]:
    return {
        **_announcements(figures.told),
        "withheld": _announcements(figures.withheld),
        "difference": _estimate(figures.difference, "difference"),
    }


def _announcements(counts: Announcements) -> dict[str, object]:
    return {
        "announcements": counts.announcements,
        "addressed": counts.addressed,
        "put_on": counts.put_on,
        "unknown": counts.unknown,
        **_estimate(counts.share, "share"),
    }


def _estimate(estimate: Estimate, name: str) -> dict[str, float | None]:
    return {
        name: _rounded(estimate.value, 4),
        "low": _rounded(estimate.low, 4),
        "high": _rounded(estimate.high, 4),
    }


def _passages(counts: PassageCounts) -> dict[str, object]:
    """By direction and label for each span, and all kinds with their zones and line."""
    spans = {"last_minute": counts.minute, "last_hour": counts.hour, "today": counts.today}
    kinds = [
        {**kind._asdict(), **{name: span.get(kind, 0) for name, span in spans.items()}, "total": total}
        for kind, total in sorted(counts.total.items(), key=str)
    ]
    return {**{name: _by_direction(span) for name, span in spans.items()}, "by_zone_and_line": kinds}


def _by_direction(counts: Mapping[PassageKind, int]) -> dict[str, dict[str, int]]:
    return {
        direction.value: {
            label.value: sum(
                n for kind, n in counts.items() if (kind.direction, kind.label) == (direction, label)
            )
            for label in Label
        }
        for direction in Direction
    }


def _sink(sink: SinkStatus, now_s: float) -> dict[str, object]:
    state_s = now_s - sink.since_s
    return {
        "sink": sink.name,
        "cameras": list(sink.cameras),
        "up": sink.problem is None,
        "reason": sink.problem,
        "since": _ago(state_s),
        "state_s": round(state_s, 1),
    }


def _events(events: EventLogStatus) -> dict[str, object]:
    """`uncopied` are those that the shared database does not have yet."""
    return {
        "stored": events.stored,
        "waiting": events.waiting,
        "lost": events.lost,
        "problem": events.problem,
        "uncopied": events.uncopied,
        "copy_problem": events.copy_problem,
    }


def _shadow(shadow: ShadowStatus) -> dict[str, object]:
    """The version that is compared with the one that serves, and what differed, by camera."""
    return {
        "version": shadow.version,
        "serving": shadow.serving,
        "since": shadow.since.isoformat(timespec="seconds"),
        "problem": shadow.problem,
        "cameras": {name: _shadowed(counts) for name, counts in shadow.cameras.items()},
    }


def _shadowed(counts: ShadowCounts) -> dict[str, object]:
    return {
        "frames": counts.frames,
        "differing": counts.differing,
        "serving_only": counts.serving_only,
        "candidate_only": counts.candidate_only,
        "relabelled": counts.relabelled,
        "decisions": counts.decisions,
        "serving_s": _rounded(counts.mean_serving_s, 4),
        "candidate_s": _rounded(counts.mean_candidate_s, 4),
    }


def _ago(seconds: float) -> str:
    return (utc_now() - timedelta(seconds=seconds)).isoformat(timespec="seconds")


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
