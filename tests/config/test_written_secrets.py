"""Passwords that stand in the configuration itself are found, so that `check` can tell who may read them."""

import pytest

from maskwatch.config.load import written_secrets

SINK = "alert: {sinks: [{kind: mqtt, host: h, user: u, password: %s}]}\ncameras: {a: {source: b.mp4}}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cameras: {a: {source: 'rtsp://u:hunter2@h/s'}}", ["line 1, cameras.a.source"]),
        (
            "cameras:\n  a:\n    source: {kind: rtsp, address: b}\nweb: {token: abcdefghijklmnopq}",
            ["line 4, web.token"],
        ),
        ("cameras: {a: {source: 'rtsp://u:{MASKWATCH_PASSWORD}@h/s'}}", []),
        ("cameras: {a: {source: 'rtsp://h/s'}, b: {source: clip.mp4}}", []),
        (SINK % "hunter2", ["line 1, alert.sinks.0.password"]),
        (SINK % "'{MASKWATCH_MQTT}'", []),
        (
            "events: {url: 'postgresql://u:hunter2@h/d'}\ncameras: {a: {source: b.mp4}}",
            ["line 1, events.url"],
        ),
        (
            "console: {store: 'postgresql://u:hunter2@h/d'}\ncameras: {a: {source: b.mp4}}",
            ["line 1, console.store"],
        ),
    ],
)
def test_a_password_that_is_written_is_told_with_its_key_and_never_shown(tmp_path, text, found):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert written_secrets(path) == found
    assert "hunter2" not in "".join(found)
