"""What a browser is sent while somebody looks: over one websocket, an answer to each of its questions.

A question is JSON: `{"cameras": {NAME: [WIDTH, NUMBER]}, "seen": NUMBER, "about": NAME or null}`, the pictures wanted,
each with the width in pixels and the number of the one that is there, the number of the texts that are there, and the camera
whose day is wanted. An answer is binary: four bytes with the length of a JSON head, big-endian; the head, with `seen`,
`view` where the texts are new, `today` where that is wanted, and `pictures`, each as name, number and length; then the
JPEGs in that order. So a slow browser asks less often, and nothing waits for it.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from maskwatch.console.live.pictures import Picture, Pictures
from maskwatch.console.live.today import Today
from maskwatch.console.live.view import page_view
from maskwatch.console.live.watch import EVERY_S, Seen, Watch
from maskwatch.console.shared_call import next_slot
from maskwatch.console.texts import Texts
from maskwatch.core.errors import MALFORMED

OPEN_S = 60.0  # then the browser connects again, and is asked again who it is
PATIENCE_S = 0.4  # for pictures that are late: the others are sent without them
MAX_CAMERAS = 128  # in one question


@dataclass(frozen=True, slots=True)
class Wanted:
    """A question."""

    cameras: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    seen: int = -1
    about: str | None = None

    @classmethod
    def parsed(cls, text: str) -> "Wanted":
        """Raises `ValueError` for what is none."""
        try:
            data = json.loads(text)
            cameras = {str(name): (int(width), int(have)) for name, (width, have) in data["cameras"].items()}
            about = data.get("about")
            return cls(cameras, int(data["seen"]), None if about is None else str(about))
        except MALFORMED as e:
            raise ValueError("no question of the live page") from e


class Feed:
    """Answers all browsers that have the page open, each at most once a `tick_s`, all at the same time."""

    def __init__(
        self, watch: Watch, pictures: Pictures, today: Today, cameras: Mapping[str, object], fps: float
    ) -> None:
        self._watch = watch
        self._pictures = pictures
        self._today = today
        self._cameras = cameras
        self.tick_s = min(EVERY_S, 1 / fps)
        self._views: dict[str, tuple[int, bytes]] = {}  # by language

    async def serve(self, socket: WebSocket, language: str) -> None:
        """Until the browser goes, asks what is none, or for `OPEN_S`."""
        await socket.accept()
        until_s, tick = time.monotonic() + OPEN_S, None
        with suppress(WebSocketDisconnect, TimeoutError, ValueError, OSError):
            while (left_s := until_s - time.monotonic()) > 0:
                async with asyncio.timeout(left_s):
                    wanted = Wanted.parsed(await socket.receive_text())
                tick = await next_slot(self.tick_s, tick)
                await socket.send_bytes(await self.answer(wanted, language))
        with suppress(RuntimeError, WebSocketDisconnect, OSError):
            await socket.close()

    async def answer(self, wanted: Wanted, language: str) -> bytes:
        """What there is now."""
        seen, pictures = await asyncio.gather(self._watch(), self._new_pictures(wanted, language))
        head = [b'{"seen":%d' % seen.number]
        if seen.number != wanted.seen:
            head.append(b'"view":' + self._view(seen, language))
        if wanted.about is not None and self._knows(wanted.about):
            today = await self._today(wanted.about, language)
            head.append(b'"today":' + _json(today))
        listed = [[name, each.number, len(each.jpeg)] for name, each in pictures.items()]
        head.append(b'"pictures":' + _json(listed) + b"}")
        said = b",".join(head)
        return b"".join([len(said).to_bytes(4, "big"), said, *(each.jpeg for each in pictures.values())])

    async def _new_pictures(self, wanted: Wanted, language: str) -> dict[str, Picture]:
        """Those that the browser has not; one that is late comes with a later answer."""
        asked = {
            name: asyncio.create_task(self._pictures.get(name, width, language))
            for name, (width, _) in list(wanted.cameras.items())[:MAX_CAMERAS]
            if self._knows(name)
        }
        if asked:
            await asyncio.wait(asked.values(), timeout=PATIENCE_S)
        found = {name: task.result() for name, task in asked.items() if task.done()}
        for task in asked.values():
            task.cancel()  # of those that are late: the asking itself goes on
        return {
            name: picture
            for name, picture in found.items()
            if picture is not None and picture.number != wanted.cameras[name][1]
        }

    def _knows(self, camera: str) -> bool:
        return camera in self._cameras or camera in self._watch.last.cameras

    def _view(self, seen: Seen, language: str) -> bytes:
        number, view = self._views.get(language, (-1, b""))
        if number != seen.number:
            names = dict.fromkeys((*self._cameras, *seen.cameras))
            hides = [name for name in names if not self._pictures.may_show(name)]
            view = _json(page_view(seen, self._cameras, Texts(language), hides=hides))
            self._views[language] = seen.number, view
        return view


def _json(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
