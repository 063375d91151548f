"""Builds the servers of a running pipeline: the web server, and the private one for the console."""

import logging
from collections.abc import Callable
from functools import lru_cache

from starlette.routing import BaseRoute

from maskwatch.app.cameras import analyst, camera_privacy
from maskwatch.config.load import Config
from maskwatch.core.address import is_loopback
from maskwatch.core.errors import ConfigError
from maskwatch.core.records import FrameReport, Rgb
from maskwatch.models.loading import load_version, pick_device
from maskwatch.models.registry import SHIPPED, Registry
from maskwatch.pipeline.pipeline import Pipeline
from maskwatch.platform import unix_socket
from maskwatch.web import health, metrics, models, predict, private, status
from maskwatch.web import queue as queue_web
from maskwatch.web.application import make_app
from maskwatch.web.server import Listener, PrivateListener, WebServer
from maskwatch.web.service_view import ConfigInForce, ServiceView, StorageMeter

log = logging.getLogger(__name__)


def private_server(
    config: Config, pipeline: Pipeline, before: WebServer | None, in_force: ConfigInForce | None = None
) -> WebServer | None:
    """What answers the console about `pipeline` and the configuration; None where there is to be none, or no folder for it."""
    if not config.console.enabled:
        return None
    old = before.listener if before else None
    try:
        listener = PrivateListener(
            config.events.dir / unix_socket.SERVICE, old if isinstance(old, PrivateListener) else None
        )
    except ConfigError as e:  # a full disk, say: cameras are watched all the same
        log.error("%s; the console cannot show the cameras", e)
        pipeline.board.set_notice("console", "the console cannot show the cameras")
        return None
    app = private.private_app(
        _service_view(config, pipeline), pipeline.latest, camera_privacy(config), in_force
    )
    return WebServer(listener, app, pipeline.fail)


def web_server(config: Config, pipeline: Pipeline, listener: Listener | None) -> WebServer | None:
    """What answers for `pipeline`, whose cameras it ends with itself when it dies."""
    if listener is None:
        return None
    app = make_app(web_routes(config, pipeline), token=config.web.token_text)
    return WebServer(listener, app, pipeline.fail)


def web_routes(config: Config, pipeline: Pipeline) -> list[BaseRoute]:
    """All that is answered over HTTP. Each module of `maskwatch.web` gives its own part."""
    watched = _service_view(config, pipeline)

    def console_at(host: str) -> str | None:
        settings = config.console
        is_reached = is_loopback(host) or not is_loopback(settings.host)
        return settings.url_at(host) if settings.enabled and settings.port and is_reached else None

    about = [*health.routes(watched.status), *status.routes(watched, console_at), *metrics.routes(watched)]
    versions = models.routes(Registry(config.models.dir), pipeline.board.snapshot)
    pictures = predict.routes(_serving_analyst(config, pipeline))
    return [*about, *queue_web.routes(config.queue.dir), *versions, *pictures]


def _serving_analyst(config: Config, pipeline: Pipeline) -> Callable[[Rgb], FrameReport]:
    """Judges single pictures by the version that serves, with models of its own: the engine's are its thread's.

    They are loaded when a picture comes, and again when another version serves.
    """
    registry = Registry(config.models.dir)

    @lru_cache(maxsize=1)
    def analyst_of(version: str) -> Callable[[Rgb], FrameReport]:
        return analyst(config.defaults, load_version(registry, version, pick_device(config.device)))

    def analyse(rgb: Rgb) -> FrameReport:
        serving = pipeline.board.snapshot().models or SHIPPED
        return analyst_of(serving)(rgb)

    return analyse


def _service_view(config: Config, pipeline: Pipeline) -> ServiceView:
    return ServiceView(pipeline.board.snapshot, pipeline.versions, StorageMeter(config.queue.dir))
