"""The service as systemd sees it: the notify socket, signals, and a real camera."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import wave
from contextlib import contextmanager

import httpx
import numpy as np
import pytest


class Running:
    """`maskwatch run` as a process, with systemd's end of the notify socket."""

    def __init__(self, config, folder, environment):
        self.address = folder / "notify.sock"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.address))
        self.socket.settimeout(0.2)
        self.log_path = folder / "log.txt"
        self.heard = []
        with self.log_path.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "maskwatch", "run", "-c", str(config)],
                stderr=log,
                env=os.environ
                | {"NOTIFY_SOCKET": str(self.address), "XDG_CACHE_HOME": str(folder)}
                | environment,
            )

    @property
    def log(self):
        return self.log_path.read_text()

    def listen(self):
        try:
            while True:
                self.heard += self.socket.recv(4096).decode().split("\n")
        except TimeoutError:
            pass

    def wait_for(self, what, timeout_s=60):
        """Wait until it was heard over the socket or stands in the log; gives how long it took."""
        start = time.monotonic()
        while time.monotonic() - start < timeout_s:
            self.listen()
            if any(what in line for line in self.heard) or what in self.log:
                return time.monotonic() - start
            assert self.process.poll() is None, self.log
        raise AssertionError(f"{what!r} did not come: {self.heard[-5:]}\n{self.log}")

    def wait_for_again(self, what, timeout_s):
        """Wait until it stands in the log once more than now; gives how long it took."""
        count, start = self.log.count(what), time.monotonic()
        while self.log.count(what) == count:
            assert time.monotonic() - start < timeout_s, self.log
            self.listen()
        return time.monotonic() - start

    def terminate(self):
        """SIGTERM; gives the exit code and how long it took."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        self.listen()
        return code, time.monotonic() - start


@pytest.fixture
def service(tmp_path):
    running = []

    @contextmanager
    def start(config, **environment):
        path = tmp_path / "config.yaml"
        path.write_text(config)
        one = Running(path, tmp_path, environment)
        running.append(one)
        yield one

    yield start
    for one in running:
        one.process.kill()
        one.process.wait()
        one.socket.close()


def footage(clip, queue, **alert):
    """A configuration with footage for a camera."""
    return json.dumps(
        {
            "cameras": {"door": {"source": str(clip)}},
            "alert": {"sinks": ["log"]} | alert,
            "queue": {"dir": str(queue)},
            "drift": {"dir": str(queue.parent / "drift")},
            "device": "cpu",
            "web": {"port": 0},
            "console": {"enabled": False},
        }
    )


def test_tells_systemd_that_it_is_ready_alive_and_stopping_and_ends_within_five_seconds(
    service, demo_clip, tmp_path
):
    with service(footage(demo_clip, tmp_path / "queue"), WATCHDOG_USEC="1500000") as running:
        running.wait_for("READY=1")
        running.wait_for("STATUS=1 of 1 camera up", timeout_s=20)
        while running.heard.count("WATCHDOG=1") < 2:
            running.wait_for("WATCHDOG=1")
            assert "STOPPING=1" not in running.heard
        code, seconds = running.terminate()
    assert code == 0
    assert seconds < 5
    assert "STOPPING=1" in running.heard


def test_footage_that_ends_ends_the_service_well(service, demo_clip, tmp_path):
    settings = json.loads(footage(demo_clip, tmp_path / "queue"))
    settings["queue"] |= {"classifier_band": [0, 1]}  # so that something is stored
    with service(json.dumps(settings)) as running:
        assert running.process.wait(timeout=60) == 0
        running.listen()
    assert "people wear no mask" in running.log
    assert running.log.index("door: ended") < running.log.index("nothing is left to watch: stopping")
    stored = [path for path in (tmp_path / "queue").rglob("*") if path.suffix in {".jpg", ".json"}]
    assert stored
    assert all(path.stat().st_mode & 0o077 == 0 for path in stored)  # pictures of people are nobody else's


def test_a_stuck_engine_feeds_no_watchdog(service, tmp_path, monkeypatch):
    """The feeding side alone: a pipeline whose engine does not come round."""
    from maskwatch.app import service as module
    from maskwatch.pipeline.status_board import Board

    told = []
    monkeypatch.setattr(module, "notify", lambda *lines: told.extend(lines))
    monkeypatch.setenv("WATCHDOG_USEC", "600000")

    class StuckPipeline:
        board = Board(["door"])

    parts = module.RunningParts(StuckPipeline())

    class Engine:
        def __init__(self, until):
            self.until = until

        def is_alive(self):
            return time.monotonic() < self.until

    watch = module.Service(lambda _: parts)._watch
    watch(parts, Engine(time.monotonic() + 2.5))
    fed = told.count("WATCHDOG=1")
    assert 1 <= fed <= 4  # only while the last round was fresh
    watch(parts, Engine(time.monotonic() + 1))
    assert told.count("WATCHDOG=1") == fed


def test_reload_takes_a_new_configuration_and_refuses_a_wrong_one_with_the_reason(
    service, demo_clip, tmp_path
):
    with service(footage(demo_clip, tmp_path / "queue")) as running:
        running.wait_for("door: up")
        path = tmp_path / "config.yaml"
        good = path.read_text()
        path.write_text(good.replace('"sinks"', '"sinkz"'))
        running.process.send_signal(signal.SIGHUP)
        running.wait_for("not reloaded, the old one stays")
        assert "alert.sinkz: unknown key; did you mean sinks?" in running.log
        path.write_text(good.replace('"door"', '"gate"'))
        running.process.send_signal(signal.SIGHUP)
        running.wait_for("gate: up")
        assert running.terminate()[0] == 0


def test_a_wrong_configuration_is_exit_code_two_with_file_line_and_key(tmp_path, maskwatch):
    path = tmp_path / "config.yaml"
    path.write_text("cameras:\n  door:\n    source: a.mp4\n    fps: -5\n")
    done = maskwatch("run", "-c", path)
    assert done.returncode == 2
    assert done.stderr == f"maskwatch: {path}:4: cameras.door.fps: must be above 0, got -5\n"


def test_two_cameras_one_killed_for_ten_seconds_and_an_alert_that_is_heard(
    service, rtsp_camera, loudspeaker, tmp_path
):
    door, hall = rtsp_camera("viewer:s3cret-pw"), rtsp_camera()
    config = {
        "cameras": {
            "door": {"source": door.url.replace("s3cret-pw", "{MASKWATCH_DOOR}")},
            "hall": {"source": hall.url, "alert": {"sinks": ["log"]}},
        },
        "alert": {"sinks": ["log", "voice"], "say": "Please wear your mask."},
        "queue": {"dir": str(tmp_path / "queue")},
        "drift": {"dir": str(tmp_path / "drift")},
        "fps": 2,
        "web": {"port": 0},
        "console": {"enabled": False},
    }
    with service(json.dumps(config), MASKWATCH_DOOR="s3cret-pw") as running:
        running.wait_for("door: up")
        running.wait_for("hall: up")
        running.wait_for("door: 2 of 2 people wear no mask")
        running.wait_for("STATUS=2 of 2 cameras up")
        door.kill()
        running.wait_for("door: down", timeout_s=10)
        time.sleep(10)
        before = analysed(running)
        running.wait_for("STATUS=1 of 2 cameras up, down: door")
        door.start()
        back = running.wait_for_again("door: up", timeout_s=8)
        code, seconds = running.terminate()
    assert back < 5
    assert analysed(running) > before
    assert (code, running.log.count("door: down")) == (0, 1)
    assert seconds < 5
    assert running.log.count("hall: up") == 1
    assert "hall: down" not in running.log
    assert "s3cret-pw" not in running.log + "".join(running.heard)
    assert rms(loudspeaker) > 0.02


def analysed(running):
    """How many frames the last status line told."""
    status = [line for line in running.heard if "frames analysed" in line][-1]
    return int(status.split(" frames analysed")[0].rsplit(" ", 1)[-1])


def rms(path):
    """Root mean square of a WAV as a share of full scale."""
    with wave.open(str(path)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
    return float(np.sqrt(np.mean((samples / 32768.0) ** 2)))


# the web


def asked(url, path, **headers):
    """The code and the text of an answer."""
    answer = httpx.get(f"{url}{path}", headers=headers, trust_env=False, timeout=20)
    return answer.status_code, answer.text


def at(running):
    """The newest address that the log tells."""
    return re.findall(r"answers at (http://\S+)", running.log)[-1]


def wait_for_answer(running, path, code, timeout_s):
    """Wait until it is answered so; hears the notify socket meanwhile, which else fills and stops the service."""
    deadline = time.monotonic() + timeout_s
    while asked(at(running), path)[0] != code:
        assert time.monotonic() < deadline, running.log
        running.listen()


def test_health_metrics_status_and_a_dead_camera_without_its_password_anywhere(
    service, maskwatch, write_video, bare, tmp_path
):
    clip = write_video("slow.mp4", [bare] * 30, at=range(30))
    address = "rtsp://viewer:s3cret-pw@127.0.0.1:1/live?user=a&password=s3cret-pw"
    config = json.loads(footage(clip, tmp_path / "queue", dead_after_s=2))
    config["cameras"]["gate"] = {"source": address.replace("s3cret-pw", "{MASKWATCH_GATE}")}
    with service(json.dumps(config), MASKWATCH_GATE="s3cret-pw") as running:
        running.wait_for("door: up")
        running.wait_for("gate: is offline: rtsp://127.0.0.1:1/…: Connection refused")
        running.wait_for("people wear no mask")
        url = at(running)
        assert asked(url, "/healthz") == (200, '{"ok":true,"reason":null}')
        assert asked(url, "/readyz")[0] == 200
        _, metrics = asked(url, "/metrics")
        told = json.loads(asked(url, "/api/status")[1])
        shown = maskwatch("status", "--url", url)
        assert (shown.returncode, shown.stderr) == (0, "")
        running.wait_for("STATUS=1 of 2 cameras up, down: gate")
        wait_for_answer(running, "/readyz", 503, timeout_s=90)  # the clip has ended, the other is still away
        assert asked(url, "/healthz")[0] == 200
        later = maskwatch("status", "--url", url)
        running.listen()
        code, _ = running.terminate()
    door, gate = told["cameras"]["door"], told["cameras"]["gate"]
    assert (door["state"], gate["state"], gate["last_frame_age_s"]) == ("up", "down", None)
    assert door["faces"]["unprotected"] > 0
    assert door["latency_s"] > 0.001
    assert told["detector_inference_s"] > 0.001
    assert 'maskwatch_camera_up{camera="gate"} 0.0' in metrics
    assert 'maskwatch_camera_up{camera="door"} 1.0' in metrics
    assert f'detector="{door["models"]["detector"]}"' in metrics
    assert running.log.count("gate: is offline") == 1
    assert all(word in shown.stdout for word in ("door", "gate", "down", "Connection refused"))
    assert (later.returncode, later.stderr) == (1, f"maskwatch: {url}: no camera is up\n")
    assert code == 0
    everything = (
        running.log + "".join(running.heard) + metrics + json.dumps(told) + shown.stdout + later.stdout
    )
    assert "s3cret" not in everything


def test_reload_moves_the_web_to_another_port_and_refuses_a_taken_one(service, demo_clip, tmp_path):
    config = json.loads(footage(demo_clip, tmp_path / "queue"))
    config["cameras"]["gate"] = {"source": "rtsp://127.0.0.1:1/"}  # goes on when the clip has ended
    with service(json.dumps(config)) as running, socket.create_server(("127.0.0.1", 0)) as other:
        running.wait_for("watching")
        path, first, taken = tmp_path / "config.yaml", at(running), other.getsockname()[1]
        path.write_text(json.dumps(config | {"web": {"port": taken}}))
        running.process.send_signal(signal.SIGHUP)
        running.wait_for("not reloaded, the old one stays")
        assert f"web.port: cannot listen on 127.0.0.1 port {taken}: Address already in use" in running.log
        assert asked(first, "/healthz")[0] == 200
        path.write_text(json.dumps(config))
        running.process.send_signal(signal.SIGHUP)
        running.wait_for_again("answers at", timeout_s=30)
        assert at(running) == first  # the same settings, the same port
        assert asked(first, "/healthz")[0] == 200
        other.close()
        token = "a-token-of-24-characters"
        path.write_text(json.dumps(config | {"web": {"port": taken, "token": token}}))
        running.process.send_signal(signal.SIGHUP)
        running.wait_for_again("answers at", timeout_s=30)
        assert at(running) == f"http://127.0.0.1:{taken}"
        assert asked(at(running), "/metrics")[0] == 401
        assert asked(at(running), "/metrics", Authorization=f"Bearer {token}")[0] == 200
        with pytest.raises(httpx.ConnectError):
            asked(first, "/healthz")
        path.write_text(json.dumps(config | {"web": {"enabled": False}}))
        running.process.send_signal(signal.SIGHUP)
        running.wait_for_again("watching", timeout_s=30)
        with pytest.raises(httpx.ConnectError):
            asked(f"http://127.0.0.1:{taken}", "/healthz")
        assert running.terminate()[0] == 0
    assert token not in running.log


def test_a_taken_port_ends_the_start_with_one_line_that_names_the_key(maskwatch, demo_clip, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config = json.loads(footage(demo_clip, tmp_path / "queue")) | {"web": {"port": port}}
        path = tmp_path / "config.yaml"
        path.write_text(json.dumps(config))
        done = maskwatch("run", "-c", path)
    assert done.returncode == 2
    assert (
        done.stderr
        == f"maskwatch: web.port: cannot listen on 127.0.0.1 port {port}: Address already in use\n"
    )
