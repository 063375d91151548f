"""What an alert sink must do: see `maskwatch.core.ports` for the methods."""

import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from maskwatch.conformance.settings import require_sound_settings
from maskwatch.core.errors import AlertError
from maskwatch.core.ports import AlertSink, SupportsEnded
from maskwatch.core.records import Alert, AlertKind, Box, Face, Frame, Label
from maskwatch.plugins import KindSettings

PATIENCE_S = 60.0


def unprotected(*, picture: bool = True) -> Alert:
    """As the rule of the protected ratio makes it. In a replay and for `check`, there may be no frame."""
    frame = Frame("door", "rtsp://h/s", 7, 12.0, np.full((48, 64, 3), 90, np.uint8)) if picture else None
    face = Face(Box(8, 8, 30, 36), 0.9, 0.1, Label.UNPROTECTED)
    return Alert("door", 12.0, 0.25, 4, 3, "Please wear your mask.", faces=(face,), frame=frame)


def offline() -> Alert:
    """As the rule of the dead camera makes it: no ratio, no people, no frame."""
    say = "Camera 정문 is offline."
    return Alert("정문", 1.8e9, None, 0, 0, say, AlertKind.CAMERA_DEAD, "no answer in time")


def blind() -> Alert:
    """As the rule of the camera's view makes it: there may be a frame, and nobody is in it."""
    say = "Camera door sees nothing useful."
    return Alert("door", 12.0, None, 0, 0, say, AlertKind.CAMERA_VIEW, "covered", quiet=True)


def crowded() -> Alert:
    """As a rule of occupancy makes it: nobody need be assessed, and then there is no ratio."""
    say = "Please wait outside."
    return Alert("door", 12.0, None, 9, 0, say, AlertKind.OCCUPANCY, rule="hall", tracks=(1, 2), level=2)


class AlertContract:
    """A sink's `deliver` returns when people were told, and raises `AlertError` when they were not.

    It takes alerts of every kind, with or without a frame, one after the other, on a thread that is not the one that
    made it; it gives up by itself when it takes too long. An error's message starts with the sink's name. Making a
    sink tells nobody. If it has `ended`, that holds for it, too.
    """

    def settings(self) -> KindSettings:
        """Its settings."""
        raise NotImplementedError

    def make(self, tmp_path: Path) -> AlertSink:
        """A sink that works, as your `build` makes it."""
        raise NotImplementedError

    def make_broken(self, tmp_path: Path) -> AlertSink | None:
        """One that reaches nobody; None where there is no such thing."""
        raise NotImplementedError

    def told(self, tmp_path: Path) -> Sequence[object]:
        """What reached people until now, one thing an alert."""
        raise NotImplementedError

    def test_its_settings_are_a_kinds(self) -> None:
        """The settings pass `require_sound_settings`."""
        require_sound_settings(self.settings())

    def test_it_is_called_by_its_kind(self, tmp_path: Path) -> None:
        """The sink's `name` is the kind of its settings."""
        assert self.make(tmp_path).name == self.settings().kind

    def test_making_it_tells_nobody(self, tmp_path: Path) -> None:
        """`make` alone delivers nothing."""
        self.make(tmp_path)
        assert len(self.told(tmp_path)) == 0

    def test_every_alert_is_told(self, tmp_path: Path) -> None:
        """Once `deliver` returns, people were told, also without a frame or a ratio, and of an offline camera."""
        sink = self.make(tmp_path)
        for count, alert in enumerate(
            (unprotected(), offline(), blind(), crowded(), unprotected(picture=False)), 1
        ):
            sink.deliver(alert)
            assert len(self.told(tmp_path)) == count

    def test_it_works_on_a_thread_that_did_not_make_it(self, tmp_path: Path) -> None:
        """A sink made on one thread delivers on another."""
        sink = self.make(tmp_path)
        thread = Thread(target=sink.deliver, args=(unprotected(),))
        thread.start()
        thread.join(PATIENCE_S)
        assert len(self.told(tmp_path)) == 1

    def test_what_reaches_nobody_is_an_error_that_names_it_in_time(self, tmp_path: Path) -> None:
        """A broken sink raises `AlertError` each time, its name first; two deliveries take less than 60 s."""
        sink = self.make_broken(tmp_path)
        if sink is None:
            return
        started_s = time.monotonic()
        for _ in range(2):
            _require_failure(sink)
        assert time.monotonic() - started_s < PATIENCE_S

    def test_it_can_be_told_that_an_alert_is_over(self, tmp_path: Path) -> None:
        """A sink with `ended` takes a delivered alert back without an error."""
        sink, alert = self.make(tmp_path), unprotected(picture=False)
        sink.deliver(alert)
        if isinstance(sink, SupportsEnded):
            sink.ended(Alert("door", 12.0, 0.25, 4, 3, alert.say, ended_at=20.0))


def _require_failure(sink: AlertSink) -> None:
    with pytest.raises(AlertError) as caught:
        sink.deliver(unprotected())
    assert str(caught.value).startswith(sink.name)
