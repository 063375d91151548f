"""Can people be told: each alert sink, tried."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from maskwatch.core.errors import MaskwatchError

if TYPE_CHECKING:
    from maskwatch.config.sections import CameraConfig
    from maskwatch.plugins import KindSettings


def sink_check(
    name: str, camera: "CameraConfig", settings: "KindSettings", *, aloud: bool
) -> Callable[[], str] | None:
    """How to try a sink; None for one that cannot be tried."""
    from maskwatch.app.cameras import make_sink
    from maskwatch.core.ports import SupportsCheck

    try:
        sink = make_sink(settings, Path())
    except MaskwatchError:
        return lambda: make_sink(settings, Path()).name  # says in its row what is wrong
    return (
        partial(_try_sink, name, camera, settings, aloud=aloud) if isinstance(sink, SupportsCheck) else None
    )


def _try_sink(name: str, camera: "CameraConfig", settings: "KindSettings", *, aloud: bool) -> str:
    """Everything anew: a sentence that was rendered long ago says nothing of today's speech engine."""
    from tempfile import TemporaryDirectory

    from maskwatch.app.cameras import alert_sentences, make_sink
    from maskwatch.core.ports import SupportsCheck

    with TemporaryDirectory() as folder:
        sink = make_sink(settings, Path(folder))
        assert isinstance(sink, SupportsCheck)
        return sink.check(alert_sentences(name, camera), aloud=aloud)
