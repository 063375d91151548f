"""Metrics of a version in the shadow; without one there is no sample."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric

from maskwatch.core.records import ShadowCounts, ShadowStatus

COUNTERS: tuple[tuple[str, str, Callable[[ShadowCounts], float]], ...] = (
    ("maskwatch_shadow_frames", "Frames that both versions judged.", lambda c: c.frames),
    ("maskwatch_shadow_differing_frames", "Those that they judged differently.", lambda c: c.differing),
    ("maskwatch_shadow_relabelled_faces", "Faces with another label.", lambda c: c.relabelled),
    (
        "maskwatch_shadow_changed_decisions",
        "Frames whose ratio is under the alert's bound for one of them alone.",
        lambda c: c.decisions,
    ),
)


def of_shadow(shadow: ShadowStatus | None) -> Iterator[Metric]:
    """Counts begin anew with another version in the shadow, and beside another that serves."""
    info = InfoMetricFamily("maskwatch_shadow", "The version in the shadow, and the one beside it.")
    up = GaugeMetricFamily("maskwatch_shadow_up", "0 when the shadow run has ended, though it is wanted.")
    if shadow is not None:
        info.add_metric([], {"version": shadow.version, "serving": shadow.serving})
        up.add_metric([], shadow.problem is None)
    yield info
    yield up
    counts = {} if shadow is None else shadow.cameras
    for name, text, value in COUNTERS:
        metric = CounterMetricFamily(name, text, labels=["camera"])
        for camera, each in counts.items():
            metric.add_metric([camera], value(each))
        yield metric
    faces = CounterMetricFamily(
        "maskwatch_shadow_faces", "Faces that one of them alone found.", labels=["camera", "by"]
    )
    took = CounterMetricFamily(
        "maskwatch_shadow_seconds", "What judging these frames took.", labels=["camera", "by"]
    )
    for camera, each in counts.items():
        faces.add_metric([camera, "serving"], each.serving_only)
        faces.add_metric([camera, "candidate"], each.candidate_only)
        took.add_metric([camera, "serving"], each.serving_s)
        took.add_metric([camera, "candidate"], each.candidate_s)
    yield faces
    yield took
