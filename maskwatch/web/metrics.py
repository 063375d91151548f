"""`/metrics` for Prometheus. Everything is read at the scrape, which others may share; where nothing is known there is no sample."""

from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from maskwatch.core.events import EventLogStatus
from maskwatch.core.records import LATENCIES_S, CameraState, CameraStatus, EffectFigures, ModelKind, Status
from maskwatch.http.shared_answer import SharedAnswer
from maskwatch.web.service_view import ServiceView, Storage, threads
from maskwatch.web.shadow_metrics import of_shadow

FLEET_UP = "0 while the fleet is away, or its manifest is not accepted or has expired."
Numbers = tuple[tuple[str, str, Callable[[CameraStatus], float | None]], ...]

GAUGES: Numbers = (
    ("maskwatch_camera_up", "1 while the camera gives frames.", lambda c: c.state is CameraState.UP),
    ("maskwatch_camera_view_ok", "0 while the camera sees nothing useful.", lambda c: c.view is None),
    ("maskwatch_camera_fps", "Frames a second that came in lately.", lambda c: c.captured_fps),
    ("maskwatch_camera_process_fps", "Frames a second that were analysed lately.", lambda c: c.analysed_fps),
    ("maskwatch_camera_skipped_fps", "Frames a second that were dropped lately.", lambda c: c.dropped_fps),
    (
        "maskwatch_protected_ratio",
        "Protected / assessed of those in view in the last frame, 0..1.",
        lambda c: c.protected_ratio,
    ),
    (
        "maskwatch_protected_ratio_hour",
        "Protected / assessed of the people of the last hour, each once, 0..1.",
        lambda c: c.hour.protected_ratio,
    ),
    (
        "maskwatch_protected_ratio_hour_low",
        "Lower end of its 95 % interval.",
        lambda c: c.hour.interval[0] if c.hour.interval else None,
    ),
    (
        "maskwatch_protected_ratio_hour_high",
        "Upper end of its 95 % interval.",
        lambda c: c.hour.interval[1] if c.hour.interval else None,
    ),
    ("maskwatch_people", "Who could be assessed in the last frame.", lambda c: c.people),
)
COUNTERS: Numbers = (
    ("maskwatch_camera_reconnects", "How often the camera came back.", lambda c: c.reconnects),
    ("maskwatch_camera_frames", "Frames that came in.", lambda c: c.captured),
    ("maskwatch_camera_process_frames", "Frames that were analysed.", lambda c: c.analysed),
    ("maskwatch_camera_skipped_frames", "Frames that were dropped.", lambda c: c.dropped),
)


def routes(watched: ServiceView) -> list[Route]:
    """`/metrics`: the service's metrics and those of its process, in Prometheus' text format 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)  # else it asks once before there is an answer
    registry.register(ServiceCollector(watched))
    ProcessCollector(registry=registry)

    text = SharedAnswer(lambda: generate_latest(registry))

    async def metrics(_: Request) -> Response:
        return Response(await text(), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    return [Route("/metrics", metrics)]


class ServiceCollector(Collector):
    """The service's metrics for a `CollectorRegistry`."""

    def __init__(self, watched: ServiceView) -> None:
        self._watched = watched

    def collect(self) -> Iterator[Metric]:
        """All metric families, as they are now; one without a known value has no sample."""
        status, storage = self._watched.status(), self._watched.storage()
        yield from _of_cameras(status.cameras)
        yield _faces(status.cameras)
        yield _passages(status.cameras)
        yield _latency(status.cameras)
        yield from _of_models(status)
        models = InfoMetricFamily("maskwatch_model", "The models that judge.")
        for versions in dict.fromkeys(self._watched.versions().values()):
            models.add_metric([], {"detector": versions.detector, "classifier": versions.classifier})
        yield models
        alerts = CounterMetricFamily(
            "maskwatch_alerts", "Alerts, by way and how it went.", labels=["sink", "outcome"]
        )
        for key, count in status.alerts.items():
            alerts.add_metric(key, count)
        yield alerts
        yield _sinks(status)
        yield from _effect(status.cameras)
        yield from _of_queue(status, storage)
        yield from _of_events(status.events or EventLogStatus())
        yield from of_shadow(status.shadow)
        yield _gauge("maskwatch_fleet_up", FLEET_UP, "fleet not followed" not in status.notices)
        yield _gauge(
            "maskwatch_uptime_seconds", "Since the cameras were started.", status.now_s - status.started_s
        )
        yield _gauge("maskwatch_process_threads", "Threads of the process.", threads())


def _of_cameras(cameras: dict[str, CameraStatus]) -> Iterator[Metric]:
    """A metric for each of a camera's numbers."""
    for kind, each in ((GaugeMetricFamily, GAUGES), (CounterMetricFamily, COUNTERS)):
        for name, text, value in each:
            yield _by_camera(kind, name, text, {camera: value(seen) for camera, seen in cameras.items()})


def _by_camera(
    kind: type[GaugeMetricFamily | CounterMetricFamily],
    name: str,
    text: str,
    values: Mapping[str, float | None],
) -> Metric:
    metric = kind(name, text, labels=["camera"])
    for camera, value in values.items():
        if value is not None:
            metric.add_metric([camera], value)
    return metric


def _faces(cameras: dict[str, CameraStatus]) -> Metric:
    faces = CounterMetricFamily(
        "maskwatch_faces", "Faces seen, each anew in each analysed frame.", labels=["camera", "label"]
    )
    for name, camera in cameras.items():
        for label, count in camera.faces.items():
            faces.add_metric([name, label.value], count)
    return faces


def _passages(cameras: dict[str, CameraStatus]) -> Metric:
    """Each passage is in one sample: who was in several zones in that of all their names."""
    passages = CounterMetricFamily(
        "maskwatch_passages",
        "People who crossed a line or left the view.",
        labels=["camera", "zone", "line", "direction", "label"],
    )
    for name, camera in cameras.items():
        for kind, count in camera.passages.total.items():
            zones, line = ",".join(kind.zones), kind.line or ""
            passages.add_metric([name, zones, line, kind.direction.value, kind.label.value], count)
    return passages


def _latency(cameras: dict[str, CameraStatus]) -> Metric:
    metric = HistogramMetricFamily(
        "maskwatch_decision_latency_seconds", "From a frame's arrival to the decision.", labels=["camera"]
    )
    bounds = (*(str(bound) for bound in LATENCIES_S), "+Inf")
    for name, camera in cameras.items():
        buckets = list(zip(bounds, accumulate(camera.latency.counts), strict=True))
        metric.add_metric([name], buckets, camera.latency.sum_s)
    return metric


def _effect(cameras: dict[str, CameraStatus]) -> Iterator[Metric]:
    announcements = CounterMetricFamily(
        "maskwatch_announcements", "Announcements, told or withheld to compare.", labels=["camera", "outcome"]
    )
    people = CounterMetricFamily(
        "maskwatch_addressed_people",
        "People without a mask at an announcement, by whether they put one on.",
        labels=["camera", "told", "outcome"],
    )
    for name, camera in cameras.items():
        figures = EffectFigures() if camera.effect is None else camera.effect.total
        for told, counts in (("true", figures.told), ("false", figures.withheld)):
            announcements.add_metric([name, "told" if told == "true" else "withheld"], counts.announcements)
            people.add_metric([name, told, "put_on"], counts.put_on)
            people.add_metric([name, told, "not"], counts.addressed - counts.put_on - counts.unknown)
            people.add_metric([name, told, "unknown"], counts.unknown)
    yield announcements
    yield people


def _sinks(status: Status) -> Metric:
    metric = GaugeMetricFamily(
        "maskwatch_alert_sink_up",
        "0 while a camera's alerts cannot be delivered this way.",
        labels=["camera", "sink"],
    )
    for sink in status.sinks:
        for camera in sink.cameras:
            metric.add_metric([camera, sink.name], sink.problem is None)
    return metric


def _of_models(status: Status) -> Iterator[Metric]:
    for stage, text in (
        (ModelKind.DETECTOR, "What the detector takes for a picture, lately."),
        (ModelKind.CLASSIFIER, "What the classifier takes for a face, lately."),
    ):
        yield _gauge(f"maskwatch_{stage.value}_inference_speed_seconds", text, status.inference_s.get(stage))
    yield _gauge("maskwatch_device_up", "0 when the graphics card was lost.", "device" not in status.notices)


def _of_queue(status: Status, storage: Storage) -> Iterator[Metric]:
    yield _gauge("maskwatch_queue_samples", "Samples in the queue's folder.", storage.samples)
    yield _gauge("maskwatch_queue_bytes", "What they take on the disk.", storage.bytes)
    yield _gauge("maskwatch_storage_free_bytes", "What is free on the queue's disk.", storage.free_bytes)
    outcomes = CounterMetricFamily(
        "maskwatch_queue_writes", "Samples that were to be stored.", labels=["outcome"]
    )
    outcomes.add_metric(["stored"], status.queued)
    outcomes.add_metric(["failed"], status.not_queued)
    yield outcomes


def _of_events(events: EventLogStatus) -> Iterator[Metric]:
    """Of a service that keeps none, zeros: an alert on what is lost or waits then says nothing."""
    outcomes = CounterMetricFamily(
        "maskwatch_event_writes", "What was told to the database of events.", labels=["outcome"]
    )
    outcomes.add_metric(["stored"], events.stored)
    outcomes.add_metric(["lost"], events.lost)
    yield outcomes
    yield _gauge("maskwatch_events_waiting", "Events that wait to be stored.", events.waiting)
    yield _gauge("maskwatch_events_up", "0 while no events are stored.", events.problem is None)
    yield _gauge(
        "maskwatch_events_uncopied", "Events that the shared database does not have yet.", events.uncopied
    )
    copying = None if events.uncopied is None else events.copy_problem is None
    yield _gauge("maskwatch_events_copy_up", "0 while something is wrong with the copying.", copying)


def _gauge(name: str, text: str, value: float | None) -> Metric:
    metric = GaugeMetricFamily(name, text)
    if value is not None:
        metric.add_metric([], value)
    return metric
