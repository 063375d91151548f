"""`POST /api/predict`, by a real server on loopback: pictures in, JSON out."""

import json
import socket
import threading
import time
from dataclasses import asdict

import cv2
import httpx
import numpy as np
import pytest
from harness.service import Service
from harness.web import BEARER, TOKEN, serving

import maskwatch
from maskwatch.app.compose import live_pipeline
from maskwatch.app.servers import web_routes
from maskwatch.config.load import parse
from maskwatch.core.errors import ModelError
from maskwatch.core.records import Box, Decision, Face, Frame, FrameReport, Label, Versions
from maskwatch.models.loading import Models, pick_device
from maskwatch.models.registry import CLASSIFIER, DETECTOR, SHIPPED, Registry, Version, shipped_files
from maskwatch.output.json_lines import as_json
from maskwatch.platform.clock import utc_now
from maskwatch.sources.images import decoded, encoded
from maskwatch.web import predict

FACES = (Face(Box(1, 2, 3.26, 4), 0.98765, 0.12345, Label.UNPROTECTED), Face(Box(0, 0, 9, 9), 0.7))
JPEG, PNG = {"Content-Type": "image/jpeg"}, {"Content-Type": "image/png"}


def seen(rgb):
    height, width = rgb.shape[:2]
    return FrameReport(
        "camera", "picture", 0, 0.0, (width, height), FACES, models=Versions("detector@1", "classifier@2")
    )


@pytest.fixture(scope="module")
def picture(bare):
    return encoded(bare, ".jpg")


def no_body(*_):
    pytest.fail("it was looked at")


# what is answered


@pytest.mark.parametrize(("suffix", "headers"), [(".jpg", JPEG), (".png", PNG)])
def test_a_picture_is_answered_as_a_line_of_a_report(bare, suffix, headers):
    with serving(predict.routes(seen)) as client:
        answer = client.post("/api/predict", content=encoded(bare, suffix), headers=headers)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    told = answer.json()
    line = as_json(Decision(Frame("camera", "picture", 0, 0.0, bare), seen(bare)))
    assert told == {key: json.loads(json.dumps(line[key])) for key in told}
    assert list(told) == ["size", "models", "faces", "protected_ratio"]
    assert (told["size"], told["protected_ratio"]) == ([512, 600], 0.0)
    assert told["faces"][0] == {
        "box": [1.0, 2.0, 3.3, 4.0],
        "score": 0.988,
        "protected": 0.123,
        "label": "unprotected",
    }


def test_the_picture_is_seen_in_its_own_colours_and_upright(bare):
    got = []
    with serving(predict.routes(lambda rgb: (got.append(rgb), seen(rgb))[1])) as client:
        client.post("/api/predict", content=encoded(bare, ".png"), headers=PNG)
    assert np.array_equal(got[0], bare)


def wide_png(width, height):
    """The head of a PNG that says that it is so large, and nothing behind it."""
    whole = cv2.imencode(".png", np.zeros((2, 2, 3), np.uint8))[1].tobytes()
    return whole[:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + whole[24:]


@pytest.mark.parametrize(
    ("content", "headers", "code", "told"),
    [
        (b"x", {}, 415, "Content-Type"),
        (b"x", {"Content-Type": "application/json"}, 415, "Content-Type"),
        (b"x", {"Content-Type": "multipart/form-data; boundary=x"}, 415, "Content-Type"),
        (b"", JPEG, 422, "no JPEG or PNG"),
        (b"GIF89a", JPEG, 422, "no JPEG or PNG"),
        (b"\xff\xd8\xff" + b"x" * 500, JPEG, 422, "the body: is not a picture"),
        (wide_png(30_000, 30_000), PNG, 422, "the body: "),
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(content, headers, code, told):
    with serving(predict.routes(no_body)) as client:
        answer = client.post("/api/predict", content=content, headers=headers)
    assert answer.status_code == code
    assert told in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_models_that_cannot_be_loaded_are_told(picture):
    def broken(_):
        raise ModelError("classifier.safetensors: is damaged")

    with serving(predict.routes(broken)) as client:
        answer = client.post("/api/predict", content=picture, headers=JPEG)
        assert (answer.status_code, answer.json()) == (503, {"error": "classifier.safetensors: is damaged"})


# who may ask, for how much


def test_a_page_of_another_site_may_not_ask(picture):
    with serving(predict.routes(seen)) as client:
        own = str(client.base_url).rstrip("/")
        for origin, code in ((own, 200), ("http://evil.example", 403), ("null", 403)):
            sent = client.post("/api/predict", content=picture, headers=JPEG | {"Origin": origin})
            assert sent.status_code == code
        rebound = client.post("/api/predict", content=picture, headers=JPEG | {"Host": "evil.example"})
        assert rebound.status_code == 400
        assert client.get("/api/predict").status_code == 405


def test_with_a_token_it_is_asked_for(picture):
    with serving(predict.routes(seen), token=TOKEN) as client:
        assert client.post("/api/predict", content=picture, headers=JPEG).status_code == 401
        assert client.post("/api/predict", content=picture, headers=JPEG | BEARER).status_code == 200


def until_answered(client, asked):
    """The bytes sent before the answer came, and the answer's first line."""
    address = client.base_url.host, client.base_url.port
    sent = 0
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(asked)
        connection.settimeout(0.05)
        for _ in range(2000):
            try:
                return sent, connection.recv(100).split(b"\r\n")[0]
            except TimeoutError:
                pass
            try:
                connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                sent += 0x10000
            except (BrokenPipeError, ConnectionResetError):
                continue
            except TimeoutError:  # nobody reads any more
                continue
    raise AssertionError("no answer")


def test_a_body_that_is_too_large_is_refused_before_it_is_sent():
    head = b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
    announced = head + f"Content-Length: {predict.MAX_BYTES + 1}\r\n\r\n".encode()
    with serving(predict.routes(no_body)) as client:
        sent, answer = until_answered(client, announced)
    assert (sent, answer[:12]) == (0, b"HTTP/1.1 413")


def test_a_body_without_a_length_is_cut_off_at_the_limit(monkeypatch):
    monkeypatch.setattr(predict, "MAX_BYTES", 1_000_000)
    head = b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
    with serving(predict.routes(no_body)) as client:
        sent, answer = until_answered(client, head + b"Transfer-Encoding: chunked\r\n\r\n")
        assert answer[:12] == b"HTTP/1.1 413"
        assert 1_000_000 < sent < 3_000_000
        assert client.post("/api/predict", content=b"x", headers=JPEG).status_code == 422  # it goes on


def test_a_body_that_does_not_come_leaves_its_place(monkeypatch, picture):
    monkeypatch.setattr(predict, "BODY_S", 0.2)
    monkeypatch.setattr(predict, "AT_ONCE", 1)
    head = b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n"
    with serving(predict.routes(seen)) as client:
        address = client.base_url.host, client.base_url.port
        with socket.create_connection(address, timeout=20) as connection:
            connection.sendall(head)
            assert connection.recv(100).startswith(b"HTTP/1.1 408")
        assert client.post("/api/predict", content=picture, headers=JPEG).status_code == 200


def test_who_hangs_up_leaves_its_place_and_no_error(monkeypatch, picture):
    monkeypatch.setattr(predict, "AT_ONCE", 1)
    head = b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n"
    with serving(predict.routes(seen)) as client:
        address = client.base_url.host, client.base_url.port
        with socket.create_connection(address, timeout=20) as connection:
            connection.sendall(head + b"\xff\xd8\xff")
        deadline = time.monotonic() + 5
        while client.post("/api/predict", content=picture, headers=JPEG).status_code != 200:
            assert time.monotonic() < deadline


def test_one_is_looked_at_one_waits_and_others_come_again_later(picture):
    """And whoever asks for something else is answered meanwhile."""
    begun, go_on, under_way, most = threading.Semaphore(0), threading.Event(), [], []

    def slow(rgb):
        under_way.append(1)
        most.append(len(under_way))
        begun.release()
        assert go_on.wait(20)
        under_way.pop()
        return seen(rgb)

    codes = []
    with serving(predict.routes(slow)) as client:

        def ask():
            codes.append(client.post("/api/predict", content=picture, headers=JPEG).status_code)

        askers = [threading.Thread(target=ask) for _ in range(predict.AT_ONCE)]
        for asker in askers:
            asker.start()
        assert begun.acquire(timeout=10)
        deadline = time.monotonic() + 10
        while True:  # until the second has taken its place
            refused = client.post("/api/predict", content=b"", headers=JPEG)
            if refused.status_code == 503:
                break
            assert time.monotonic() < deadline
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/none").status_code == 404  # the server answers
        go_on.set()
        for asker in askers:
            asker.join(20)
        ask()
    assert codes == [200] * (predict.AT_ONCE + 1)
    assert max(most) == 1


# as the service composes it


@pytest.fixture(scope="module")
def judged(picture):
    """What the Python interface sees in the same picture."""
    analyzer = maskwatch.Analyzer(
        maskwatch.load_detector(device="cpu"), maskwatch.load_classifier(device="cpu")
    )
    report = analyzer.predict(decoded(picture, "picture"))
    assert report.people == 1
    return json.loads(json.dumps(as_json(Decision(Frame("c", "s", 0, 0.0, decoded(picture, "p")), report))))


@pytest.fixture
def settings(demo_clip, tmp_path):
    return {
        "device": "cpu",
        "models": {"dir": str(tmp_path / "models")},
        "queue": {"dir": str(tmp_path / "queue")},
        "web": {"port": 0},
        "alert": {"sinks": ["log"]},
        "cameras": {"door": {"source": str(demo_clip)}},
    }


def test_the_services_application_answers_as_the_python_interface(settings, picture, judged):
    config = parse(json.dumps(settings), "test", {})
    pipeline = live_pipeline(config, dict.fromkeys(config.cameras, Models(pick_device("cpu"))))
    with serving(web_routes(config, pipeline)) as client:
        told = client.post("/api/predict", content=picture, headers=JPEG).json()
    assert told == {key: judged[key] for key in told}


def test_another_version_that_serves_answers_the_next_picture(settings, picture, tmp_path):
    config = parse(json.dumps(settings), "test", {})
    registry, files = Registry(config.models.dir), shipped_files()
    own = maskwatch.load_classifier(files.classifier)
    registry.add({DETECTOR: files.detector, CLASSIFIER: files.classifier}, Version("one", None, utc_now()))
    pipeline = live_pipeline(config, dict.fromkeys(config.cameras, Models(pick_device("cpu"))))
    with serving(web_routes(config, pipeline)) as client:
        for version, code in (("", 200), ("one", 200), ("two", 503), (SHIPPED, 200)):
            pipeline.board.set_models(version)
            answer = client.post("/api/predict", content=picture, headers=JPEG)
            assert answer.status_code == code, answer.text
            told = answer.json()
        assert told["models"] == asdict(Versions(maskwatch.load_detector().version, own.version))


def test_the_running_service_answers_and_goes_on_watching(settings, picture, judged, tmp_path):
    with Service(settings, tmp_path / "service") as service:
        service.until_logged("answers at")
        url = f"{service.url()}/api/predict"
        told = httpx.post(url, content=picture, headers=JPEG, timeout=60, trust_env=False)
        assert told.status_code == 200, told.text
        assert told.json() == {key: judged[key] for key in told.json()}
        refused = httpx.post(url, content=picture, headers=JPEG | {"Origin": "http://x"}, trust_env=False)
        assert refused.status_code == 403
        service.until(lambda: service.status().analysed("door") > 3)
        assert service.terminate() == 0
    assert "ERROR" not in service.log
