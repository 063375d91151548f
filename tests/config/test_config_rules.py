"""The `alert` section's rules: what they inherit, what is refused with its key, and what is made of them."""

import re
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from maskwatch.app.cameras import alert_sentences
from maskwatch.app.rules import camera_rules
from maskwatch.config.json_schema import json_schema
from maskwatch.config.load import parse
from maskwatch.conformance.rules import seen
from maskwatch.core.errors import ConfigError
from maskwatch.core.records import Label


def read(alert, more=""):
    return parse(f"cameras: {{door: {{source: 'usb:0'}}}}\nalert: {alert}\n{more}", "c", {}).cameras["door"]


def problems(text):
    with pytest.raises(ConfigError) as caught:
        parse(text, "c", {})
    return str(caught.value).splitlines()


def test_without_rules_there_is_the_one_of_earlier_releases():
    camera = read("{protected_ratio: 0.5, min_people: 2, for_s: 3, cooldown_s: 4, say: Mask!}")
    (rule,) = camera.alert.rule_settings().values()
    assert (rule.kind, rule.min_people, rule.for_s, rule.cooldown_s, rule.say) == ("protected_ratio", 2, 3, 4, "Mask!")  # fmt: skip
    (made,) = camera_rules(camera, live=True)
    assert made.name == "protected_ratio"
    alerts = []
    for at, people in [(0, "BM"), (4, "BM"), (5, "BBM"), (8, "BBM"), (9, "B")]:
        labels = {
            n: Label.UNPROTECTED if each == "B" else Label.PROTECTED for n, each in enumerate(people, 1)
        }
        alerts.append(made.update(seen(1e9 + at, labels)))
    assert [alert and alert.at - 1e9 for alert in alerts] == [None, None, None, 8.0, None]


def test_a_rule_takes_from_the_section_what_it_does_not_say():
    rules = read(
        "{for_s: 7, say: all, quiet: {hours: ['22:00-06:00']}, when: in_view, protected_ratio: 0.6, "
        "rules: [protected_ratio, {kind: without_mask, for_s: 2}, {kind: occupancy, say: full, quiet: {}, min_people: 9}]}"
    ).alert.rule_settings()
    assert list(rules) == ["protected_ratio", "without_mask", "occupancy"]
    ratio, bare, crowd = rules.values()
    assert [(r.for_s, r.say, r.min_people) for r in (ratio, bare, crowd)] == [(7, "all", 1), (2, "all", 1), (7, "full", 9)]  # fmt: skip
    assert [bool(r.quiet.hours) for r in (ratio, bare, crowd)] == [True, True, False]
    assert crowd.protected_ratio is None  # which of a crowd is asked only where it is said


def test_rules_of_one_kind_have_names_of_their_own():
    rules = "[occupancy, {kind: occupancy, min_people: 5}, {kind: occupancy, name: hall}, {kind: without_mask, name: hall}]"
    assert list(read(f"{{rules: {rules}}}").alert.rule_settings()) == [
        "occupancy",
        "occupancy 2",
        "hall",
        "hall 2",
    ]


def test_a_camera_has_rules_of_its_own_or_none():
    text = "cameras: {a: {source: 'usb:0'}, b: {source: 'usb:1', alert: {rules: []}}}\nalert: {rules: [without_mask]}"
    cameras = parse(text, "c", {}).cameras
    assert [[rule.name for rule in camera_rules(each, live=True)] for each in cameras.values()] == [["without_mask"], []]  # fmt: skip


def test_every_sentence_of_every_rule_is_known():
    camera = read(
        "{say: one, rules: [protected_ratio, without_mask, {kind: occupancy, say: two}], "
        "escalation: {after: 2, say: three}, say_dead: '{camera} is gone'}"
    )
    assert alert_sentences("door", camera) == ("one", "three", "two", "door is gone")


def test_sinks_of_escalations_are_checked_with_the_others_and_speak_as_the_section_says():
    alert = read(
        "{sinks: [log], voice: {voice: ko}, escalation: {after: 1, sinks: [log, {kind: voice, volume: 0.5}]}}"
    ).alert
    assert [sink.kind for sink in alert.sink_settings()] == ["log"]
    log, voice = alert.all_sink_settings()
    assert (log.kind, voice.voice, voice.volume) == ("log", "ko", 0.5)


def test_schedules_are_of_live_cameras_in_the_zone_that_is_named():
    camera = read(
        "{timezone: Asia/Seoul, schedule: {days: [mon], hours: ['08:00-18:00'], holidays: [2026-12-25]}}"
    )
    (live,), (clip,) = (camera_rules(camera, live=live) for live in (True, False))
    schedule = live._timing.schedule
    assert (schedule.days, schedule.hours, schedule.zone) == (frozenset({0}), ((480, 1080),), ZoneInfo("Asia/Seoul"))  # fmt: skip
    assert [day.isoformat() for day in schedule.holidays] == ["2026-12-25"]
    assert clip._timing.schedule is None
    assert read("{}").alert.timezone is None


@pytest.mark.parametrize(
    ("alert", "told"),
    [
        ("{rules: [occupanzy]}", "alert.rules.0: must be occupancy, protected_ratio or without_mask, got 'occupanzy'; did you mean occupancy?"),
        ("{rules: [{kind: occupancy, peple: 3}]}", "alert.rules.0.peple: unknown key; did you mean min_people?"),
        ("{rules: [{kind: occupancy, min_peopel: 3}]}", "alert.rules.0.min_peopel: unknown key; did you mean min_people?"),
        ("{rules: [{kind: occupancy, when: leaving}]}", "alert.rules.0.when: unknown key"),
        ("{rules: [{min_people: 3}]}", "alert.rules.0.kind: is missing"),
        ("{rules: [{kind: protected_ratio, clear_ratio: 0.5}]}", "alert.rules.0.clear_ratio: must be at least alert.protected_ratio (0.75), got 0.5"),
        ("{rules: [{kind: protected_ratio, protected_ratio: 0.9, clear_ratio: 0.8}]}", "alert.rules.0: clear_ratio must be at least protected_ratio (0.9), got 0.8"),
        ("{when: leaving}", "alert.when: leaving needs lines, and there are none"),
        ("{rules: [{kind: without_mask, when: entering}]}", "alert.rules.0.when: entering needs lines, and there are none"),
        ("{rules: [{kind: occupancy, zone: hall}]}", "alert.rules.0.zone: is no zone of the camera; there are no zones"),
        ("{timezone: Europe/Berln}", "alert.timezone: must be a time zone, Europe/Berlin say, got 'Europe/Berln'"),
        ("{timezone: ../etc/passwd}", "alert.timezone: must be a time zone, Europe/Berlin say, got '../etc/passwd'"),
        ("{schedule: {hours: ['8-18']}}", "alert.schedule.hours.0: must be two times of day, 08:00-18:30 say, got '8-18'"),
        ("{schedule: {hours: ['08:00-08:00']}}", "alert.schedule.hours.0: must begin and end at different times; all day is 00:00-24:00, got '08:00-08:00'"),
        ("{schedule: {hours: ['08:00-25:00']}}", "alert.schedule.hours.0: must be two times of day, 08:00-18:30 say, got '08:00-25:00'"),
        ("{schedule: {days: [monday]}}", "alert.schedule.days.0: must be 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun', got 'monday'"),
        ("{schedule: {days: []}}", "alert.schedule.days: must name a day at least"),
        ("{schedule: {holidays: [20261225]}}", "alert.schedule.holidays.0: must be a day, 2026-12-25 say, got 20261225"),
        ("{schedule: {holidays: [2026-13-25]}}", "alert.schedule.holidays.0: "),
        ("{quiet: {holidays: [2026-12-25]}}", "alert.quiet.holidays: unknown key; did you mean days?"),
        ("{escalation: {after: 3}}", "alert.escalation.after: needs a sentence (say) or sinks of its own, got 3"),
        ("{escalation: {say: Louder.}}", "alert.escalation.say: needs the number of alerts in vain after which it is so (after), got 'Louder.'"),
        ("{escalation: {within_s: 60, sinks: [log]}}", "alert.escalation.sinks: needs the number of alerts in vain after which it is so (after)"),
        ("{schedule: {hours: '07:00-20:00'}}", "alert.schedule.hours: must be a list, got '07:00-20:00'"),
        ("{escalation: {after: 0, say: x}}", "alert.escalation.after: must be at least 1, got 0"),
        ("{escalation: {after: 3, sinks: [log, log]}}", "alert.escalation.sinks: log is named twice"),
        ("{rules: [{kind: occupancy, escalation: {after: 1, sinks: [vioce]}}]}", "alert.rules.0.escalation.sinks.0: must be camera_speaker, log, mqtt, notify, voice or webhook, got 'vioce'; did you mean voice?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_key(alert, told):
    (problem,) = problems(f"cameras: {{door: {{source: 'usb:0'}}}}\nalert: {alert}")
    said = re.sub(r"^c:\d+: (cameras\.door\.)?", "", problem)
    assert said.startswith(told) if told.endswith(": ") else said == told


def test_a_line_that_one_camera_lacks_is_told_of_that_camera():
    text = "cameras:\n  a: {source: 'usb:0'}\n  b:\n    source: usb:1\n    alert: {rules: [{kind: without_mask, when: leaving}]}"
    assert problems(text) == [
        "c:5: cameras.b.alert.rules.0.when: leaving needs lines, and there are none, got 'leaving'"
    ]


def test_a_replay_without_the_line_that_a_rule_asks_for_is_refused(write_video):
    from maskwatch.app.footage import ReplayPlan, replay_pipeline
    from maskwatch.core.address import Address

    defaults = parse("alert: {when: leaving}", "c", {}).defaults
    clip = write_video("clip.mp4", [np.zeros((48, 64, 3), np.uint8)])
    plan = ReplayPlan("replay", Address(str(clip)), defaults, None)
    with pytest.raises(ConfigError, match=r"alert\.when: leaving needs lines, and there are none; --camera"):
        replay_pipeline(plan, None, print)


def test_the_schema_knows_the_rules_and_their_keys():
    from jsonschema import Draft202012Validator

    editor = Draft202012Validator(json_schema())
    good = {
        "alert": {
            "rules": [
                "without_mask",
                {"kind": "protected_ratio", "clear_ratio": 0.9, "when": "leaving"},
                {"kind": "occupancy", "zone": "hall", "quiet": {"hours": ["22:00-06:00"]}},
            ],
            "schedule": {"days": ["mon"], "hours": ["00:00-24:00"], "holidays": ["2026-12-25"]},
            "escalation": {"after": 3, "say": "x", "sinks": ["log", {"kind": "voice", "volume": 0.5}]},
            "timezone": "Europe/Berlin",
        }
    }
    assert list(editor.iter_errors(good)) == []
    for wrong in (
        {"rules": ["no"]},
        {"rules": [{"kind": "occupancy", "when": "leaving"}]},
        {"schedule": {"hours": ["8-18"]}},
        {"schedule": {"days": ["monday"]}},
        {"escalation": {"after": 0}},
    ):
        assert list(editor.iter_errors({"alert": wrong})), wrong


def test_rules_may_ask_for_the_lines_and_zones_that_a_camera_has():
    text = (
        "cameras:\n  a:\n    source: usb:0\n    zones: {hall: [[0, 0], [0.5, 0], [0.5, 1]]}\n"
        "    lines: {door: {from: [0.5, 0], to: [0.5, 1], leaving: left}}\n"
        "    alert: {when: leaving, rules: [protected_ratio, {kind: occupancy, zone: hall}]}"
    )
    camera = parse(text, "c", {}).cameras["a"]
    ratio, crowd = camera.alert.rule_settings().values()
    assert (ratio.when, crowd.zone) == ("leaving", "hall")
    with pytest.raises(ConfigError, match=r"zone: is no zone of the camera; zones has hall"):
        parse(text.replace("zone: hall", "zone: yard"), "c", {})


@pytest.mark.parametrize(
    ("quiet", "holds"),
    [("{days: [sun]}", True), ("{hours: []}", None), ("{}", None), ("{hours: ['00:00-24:00']}", True)],
)
def test_quiet_days_are_quiet_all_day_and_what_names_neither_day_nor_hour_is_never(quiet, holds):
    (rule,) = camera_rules(read(f"{{timezone: UTC, quiet: {quiet}}}"), live=True)
    schedule = rule._timing.quiet
    sunday, monday = 1_767_571_200.0 - 86_400, 1_767_571_200.0 + 43_200  # 4 January 2026, and noon of the 5th
    assert (None if schedule is None else schedule.holds(sunday)) == holds
    assert schedule is None or schedule.holds(monday) == (quiet != "{days: [sun]}")
