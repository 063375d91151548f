"""What is done to the service during a soak, and how it is taken back."""

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.cameras import Clip

BROKEN = "cameras: ["


@dataclass(frozen=True)
class Fault:
    """`camera` is the one that is made sick, None where it is another part."""

    name: str
    begin: Callable[[], None]
    end: Callable[[], None]
    camera: str | None = None


@dataclass(frozen=True)
class Scene:
    """What can be broken. `disk` is the small file system of the queue, None where none could be mounted."""

    service: object
    cameras: dict
    clips: dict
    config: dict
    player: Path
    disk: Path | None
    queue: Path


def dealt(scene, seed):
    """Faults without end: each kind once, in a random order, then all again in another."""
    chance = random.Random(seed)
    while True:
        deck = [*_of_cameras(scene, chance), *_of_the_service(scene), *_of_the_disk(scene)]
        chance.shuffle(deck)
        yield from deck


def _of_cameras(scene, chance):
    names = list(scene.cameras)

    def fault(name, begin, end=None):
        """On a camera that chance picks; it ends by serving the usual clip again."""
        chosen = chance.choice(names)
        camera, usual = scene.cameras[chosen], scene.clips[chosen]
        undo = (lambda: end(camera)) if end else (lambda: camera.serve(usual))
        return Fault(name, lambda: begin(camera, usual), undo, chosen)

    return [
        fault("killed", lambda camera, _: camera.gone()),
        fault("frozen", lambda camera, _: camera.freeze(), lambda camera: camera.thaw()),
        fault("other size", lambda camera, _: camera.serve(Clip(width=320, height=180))),
        fault("other codec", lambda camera, _: camera.serve(Clip(codec="h265", width=640, height=360))),
        fault("password refused", lambda camera, usual: camera.serve(usual, password="another")),
        fault("silent", lambda camera, _: camera.silent()),
        fault("garbage", lambda camera, usual: camera.mangle(usual, "garbage", chance.random())),
        fault("truncated", lambda camera, usual: camera.mangle(usual, "truncated", chance.random())),
    ]


def _of_the_service(scene):
    service, good = scene.service, scene.config

    def read(config):
        """Have the configuration read again; a good one and a broken one are told of differently."""

        def begin():
            mark = service.change_stamp()
            service.write(config)
            service.reload()
            told = "the old one stays" if config is BROKEN else "the configuration is reloaded"
            service.until_logged(told, after=mark)

        return begin

    def voice(mode):
        return lambda: scene.player.write_text(mode)

    return [
        Fault("reload", read(good), lambda: None),
        Fault("broken reload", read(BROKEN), lambda: service.write(good)),
        Fault("voice fails", voice("fail"), voice("play")),
        Fault("voice hangs", voice("hang"), voice("play")),
    ]


def _of_the_disk(scene):
    if scene.disk is None:
        return []
    filler, aside = scene.disk / "filler", scene.disk / "aside"

    def fill():
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65536))

    def put_away():
        scene.queue.rename(aside)

    def put_back():
        """What was stored meanwhile stays too: the folders are joined."""
        for path in sorted(p for p in aside.rglob("*") if p.is_file()):
            target = scene.queue / path.relative_to(aside)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        for path in sorted(aside.rglob("*"), reverse=True):
            path.rmdir()
        aside.rmdir()

    return [
        Fault("disk full", fill, lambda: filler.unlink(missing_ok=True)),
        Fault("queue removed", put_away, put_back),
    ]
