"""`dataset check`, `dataset convert` and `queue export` as people run them."""

import json

import cv2
import numpy as np
import pytest

from maskwatch.output.demo_clip import FACE


@pytest.fixture
def faces(tmp_path, bare, masked):
    """A COCO set of the portrait, bare and masked; one of the masked ones is labelled the other way round."""
    images, annotations = [], []
    for number in range(6):
        rgb = (bare, masked)[number % 2]
        path = tmp_path / "set/images/door 1" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        bright = np.clip(rgb.astype(int) + 6 * number, 0, 255).astype(np.uint8)
        path.write_bytes(cv2.imencode(".jpg", bright[..., ::-1])[1].tobytes())
        images.append(
            {"id": number, "file_name": f"door 1/{number}.jpg", "part": ("train", "test")[number == 5]}
        )
        x1, y1, x2, y2 = map(float, FACE)
        kind = 0 if number == 3 else number % 2
        annotations.append({"image_id": number, "category_id": kind, "bbox": [x1, y1, x2 - x1, y2 - y1]})
    names = [{"id": 0, "name": "bare"}, {"id": 1, "name": "mask"}]
    text = {"images": images, "annotations": annotations, "categories": names}
    (tmp_path / "set/annotations.json").write_text(json.dumps(text))
    return tmp_path / "set"


def test_the_check_tells_leaks_and_the_label_that_is_wrong_and_draws_it(faces, tmp_path, maskwatch):
    html, sheet, told = (tmp_path / name for name in ("report.html", "doubts.png", "told.json"))
    done = maskwatch("dataset", "check", faces, "--html", html, "--sheet", sheet, "--json", told)
    assert done.returncode == 1, done.stderr
    facts = json.loads(told.read_text())
    assert {each["kind"] for each in facts["faults"]} == {"split", "few"}
    assert [each["image"] for each in facts["faults"] if each["kind"] == "split"] == ["door 1/5.jpg"]
    judged = [each for each in facts["doubts"] if each["kind"] == "judged"]
    assert [each["image"].rpartition("/")[2] for each in judged] == ["3.jpg"]
    assert judged[0]["label"] == "unprotected"
    assert cv2.imread(str(sheet)).shape[0] > 200
    assert "data:image/jpeg" in html.read_text()
    assert "Labelled otherwise than it looks" in done.stdout
    assert "door 1/3.jpg" in done.stdout
    assert oct(html.stat().st_mode & 0o777) == oct(sheet.stat().st_mode & 0o777)


def test_a_check_without_models_prints_json_and_draws_nothing(faces, tmp_path, maskwatch):
    done = maskwatch("dataset", "check", faces, "--no-models", "--json", "-")
    assert done.returncode == 1
    facts = json.loads(done.stdout)
    assert "doubts" not in facts
    assert {each["class"] for each in facts["faces"]} == {"bare", "mask"}
    refused = maskwatch("dataset", "check", faces, "--no-models", "--sheet", tmp_path / "a.png")
    assert refused.returncode == 2
    assert not (tmp_path / "a.png").exists()


def test_a_set_in_order_passes(tmp_path, maskwatch):
    for part in ("train", "validation", "test"):
        for label in ("mask", "no_mask"):
            for number in range(20):
                seed = [len(part), len(label), number]
                rgb = np.random.default_rng(seed).integers(0, 255, (9, 9, 3)).astype(np.uint8)
                path = tmp_path / "set" / part / label / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(cv2.imencode(".png", cv2.resize(rgb, (64, 64)))[1].tobytes())
    done = maskwatch("dataset", "check", tmp_path / "set", "--no-models")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing is wrong." in done.stdout


def test_a_set_is_converted_for_label_studio_and_without_folders(faces, tmp_path, maskwatch):
    out = tmp_path / "out"
    done = maskwatch("dataset", "convert", faces, out, "--format", "label_studio", "--flat")
    assert done.returncode == 0, done.stderr
    tasks = json.loads((out / "tasks.json").read_text())
    assert next(task["data"]["image"].rpartition("=")[2] for task in tasks) == "images/door%201_0.jpg"
    assert (out / "images/door 1_0.jpg").is_file()
    assert {task["data"]["part"] for task in tasks} == {"train", "test"}
