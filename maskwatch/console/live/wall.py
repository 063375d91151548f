"""The cameras as an element of the page; what it does in the browser stands in `wall.js`."""

from nicegui import ui

from maskwatch.console.texts import Texts

BASE = "/live"
TEXTS = (
    "title",
    "lost",
    "service",
    "empty",
    "no_camera",
    "back",
    "full_screen",
    "picture",
    "waiting",
)


class Wall(ui.element, component="wall.js"):
    """All cameras, or one of them large; `queue` is where the queue is, for who may see it."""

    def __init__(self, t: Texts, *, camera: str = "", queue: str = "") -> None:
        super().__init__()
        self._props.update(
            base=BASE, camera=camera, queue=queue, texts={key: t(f"live.{key}") for key in TEXTS}
        )
