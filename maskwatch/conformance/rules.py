"""What a rule must do: see `maskwatch.core.ports` for the methods."""

from collections.abc import Iterable, Sequence

from maskwatch.conformance.settings import require_sound_settings
from maskwatch.core.ports import Rule
from maskwatch.core.records import Alert, AlertKind, Box, Face, FrameReport, Label, Passage, Person
from maskwatch.rules.registry import RuleContext
from maskwatch.rules.settings import RuleSettings

CAMERA = "door"
NAME = "the rule"
START_S, LATER_S = 1000.0, 5000.0

Scene = Sequence[tuple[FrameReport, tuple[Passage, ...]]]


def seen(at: float, people: dict[int, Label], *, zones: tuple[str, ...] = ()) -> FrameReport:
    """A frame at `at` with these people by their tracks, each with a face, in the same zones."""
    faces, persons = [], []
    for place, (track, label) in enumerate(people.items()):
        box = Box(60.0 * place, 40.0, 60.0 * place + 40, 90.0)
        faces.append(Face(box, 0.99, None if label is Label.UNKNOWN else 0.5, label))
        persons.append(Person(track, box, label, face=place, zones=zones))
    return FrameReport(
        CAMERA, "clip.mp4", round(at * 10), at, (640, 480), tuple(faces), persons=tuple(persons)
    )


class RuleContract:
    """A rule gives an alert where one is due, and no other while it is in flight, nor within its cooldown.

    What it gives follows from the frames alone: the same frames give the same alerts twice. Its alerts carry its name,
    the camera, the frame's time and faces, and no frame. Where nobody is there is no alert. A delivered alert ends: at
    the latest when the camera gives no frames; then once, with the same id, and not before it began. One that failed
    does not end, and what was due is due again.
    """

    def settings(self) -> RuleSettings:
        """Its settings, with a cooldown of at least a minute."""
        raise NotImplementedError

    def make(self) -> Rule:
        """A rule as your `build` makes it from these settings and `context`."""
        raise NotImplementedError

    def scene(self, start: float) -> Scene:
        """Reports and passages of `CAMERA` from `start` on, over at most half a minute: the last one makes an alert due."""
        raise NotImplementedError

    @property
    def context(self) -> RuleContext:
        """What `make` hands to `build`: a clip's time, so that no schedule interferes."""
        return RuleContext(NAME, live=False)

    def test_its_settings_are_a_kinds(self) -> None:
        """The settings pass `require_sound_settings`, and derive from `RuleSettings`."""
        require_sound_settings(self.settings())
        assert isinstance(self.settings(), RuleSettings)

    def test_an_alert_is_given_when_it_is_due_and_only_once_in_flight(self) -> None:
        """The scene gives one alert with its last frame, and none while that is in flight."""
        rule = self.make()
        (alert,) = _alerts(rule, self.scene(START_S))
        report, _ = self.scene(START_S)[-1]
        assert alert.at == report.at
        assert _alerts(rule, self.scene(LATER_S)) == []

    def test_an_alert_says_whose_it_is(self) -> None:
        """Camera, name, sentence, time, faces; a ratio where people wear no mask; no frame, no end, a positive level."""
        rule = self.make()
        (alert,) = _alerts(rule, self.scene(START_S))
        report, _ = self.scene(START_S)[-1]
        assert rule.name == alert.rule == NAME
        assert (alert.camera, alert.say, alert.faces) == (CAMERA, self.settings().say, report.faces)
        assert alert.frame is None
        assert alert.ended_at is None
        assert 0 <= alert.unprotected <= alert.people
        assert alert.level >= 1
        assert alert.kind is not AlertKind.UNPROTECTED or alert.protected_ratio is not None

    def test_nobody_is_no_reason(self) -> None:
        """A minute of frames without anybody gives no alert."""
        assert _alerts(self.make(), [(seen(START_S + n / 2, {}), ()) for n in range(120)]) == []

    def test_after_a_delivery_it_is_silent_for_the_cooldown(self) -> None:
        """The scene gives nothing right after a delivery, and an alert again when the cooldown is over."""
        rule = self.make()
        (alert,) = _alerts(rule, self.scene(START_S))
        rule.delivered(alert.at)
        assert _alerts(rule, self.scene(alert.at + 1)) == []
        assert len(_alerts(rule, self.scene(alert.at + 60 + self.settings().cooldown_s))) == 1

    def test_what_failed_is_due_again_and_does_not_end(self) -> None:
        """After `failed` the scene gives an alert again, and nothing has ended."""
        rule = self.make()
        (alert,) = _alerts(rule, self.scene(START_S))
        rule.failed()
        rule.interrupt()
        assert rule.ended() is None
        assert len(_alerts(rule, self.scene(alert.at + 60))) == 1

    def test_a_delivered_alert_ends_when_the_camera_gives_no_frames(self) -> None:
        """Once, however often it is interrupted; the same alert, with `ended_at` not before `at`."""
        rule = self.make()
        (alert,) = _alerts(rule, self.scene(START_S))
        rule.delivered(alert.at)
        rule.interrupt()
        rule.interrupt()
        _require_end(rule, alert)

    def test_a_delivered_alert_ends_when_everybody_is_gone(self) -> None:
        """Within a minute of frames without anybody it has ended, once."""
        rule = self.make()
        (alert,) = _alerts(rule, self.scene(START_S))
        rule.delivered(alert.at)
        assert _alerts(rule, [(seen(alert.at + n / 2, {}), ()) for n in range(1, 120)]) == []
        _require_end(rule, alert)

    def test_the_same_frames_give_the_same_twice(self) -> None:
        """Alerts, and their ids."""
        first, second = (_alerts(self.make(), self.scene(START_S)) for _ in range(2))
        assert first == second
        assert [each.id for each in first] == [each.id for each in second]


def _alerts(rule: Rule, scene: Iterable[tuple[FrameReport, tuple[Passage, ...]]]) -> list[Alert]:
    given = (rule.update(report, passages) for report, passages in scene)
    return [alert for alert in given if alert is not None]


def _require_end(rule: Rule, alert: Alert) -> None:
    over = rule.ended()
    assert over is not None
    assert over.id == alert.id
    assert over.ended_at is not None
    assert over.ended_at >= alert.at
    assert rule.ended() is None
