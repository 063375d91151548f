"""The command line as a person uses it: every command in a process of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from harness.cameras import Clip
from harness.footage import cut_off


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def demo_files(tmp_path_factory, maskwatch):

    folder = tmp_path_factory.mktemp("demo")
    done = maskwatch("demo", folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def replay_demo(demo_clip, tmp_path_factory, maskwatch):
    """Replay the clip with a queue that takes what is unsure; gives the report's lines and the queue."""
    config = tmp_path_factory.mktemp("replayed") / "config.yaml"
    config.write_text(
        f"cameras: {{정문: {{source: {demo_clip}}}}}\nqueue: {{classifier_band: [0.0, 1.0]}}\nalert: {{cooldown_s: 2}}\n"
    )

    def run(name):
        report, queue = config.with_name(f"{name}.jsonl"), config.with_name(name)
        options = ("-c", config, "--camera", "정문", "--report", report, "--queue", queue)
        done = maskwatch("replay", demo_clip, *options)
        assert done.returncode == 0, done.stderr
        return lines(report), queue

    return run


@pytest.fixture(scope="module")
def replayed(replay_demo):
    return replay_demo("first")


def test_demo_finds_two_people_and_alerts_once_and_leaves_video_report_and_plot(demo_files):
    folder, said = demo_files
    rows = lines(folder / "report.jsonl")
    assert len(rows) == 135
    # bare for three seconds, then one with a mask, then both; the changes take a frame
    for start, end, protected in ((0, 2.9, 0), (3.1, 5.9, 1), (6.1, 9, 2)):
        scene = [row for row in rows if start <= row["at"] <= end]
        right = [
            r
            for r in scene
            if sorted(f["label"] for f in r["faces"]).count("protected") == protected and len(r["faces"]) == 2
        ]
        assert len(right) / len(scene) >= 0.9
    assert [row["at"] for row in rows if row["alert"]] == [pytest.approx(1.0, abs=0.07)]
    assert "alert at 1.00 s: 2 of 2 without a mask" in said
    with av.open(str(folder / "annotated.mp4")) as container:
        assert container.streams.video[0].frames == 135
    assert cv2.imread(str(folder / "plot.png")) is not None


def test_the_readme_says_what_the_demo_prints(demo_files):
    folder, said = demo_files
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    shown = readme.split("If it worked, the last lines are:")[1].split("The second sets")[0]
    printed = re.sub(rf"wrote\s+{re.escape(str(folder))}", "wrote demo", said)
    assert [line.strip() for line in shown.strip().splitlines()] == printed.splitlines()


def test_report_has_the_documented_fields(demo_files):
    row = lines(demo_files[0] / "report.jsonl")[20]
    assert list(row) == [
        "camera",
        "source",
        "seq",
        "at",
        "size",
        "look",
        "models",
        "faces",
        "protected_ratio",
        "raw_ratio",
        "persons",
        "passages",
        "alert",
        "queued",
    ]
    assert (row["camera"], row["source"], row["seq"], row["size"]) == ("demo", "clip.mp4", 20, [960, 540])
    assert list(row["faces"][0]) == ["box", "score", "protected", "label"]
    assert list(row["persons"][0]) == ["track", "box", "label", "protected", "age_s", "face", "zones"]
    assert [(p["track"], p["label"], p["age_s"]) for p in row["persons"]] == [
        (track, "unprotected", round(row["at"], 1)) for track in (1, 2)
    ]


def test_replay_gives_the_same_report_twice_and_queues_what_is_unsure(replayed, replay_demo):
    reports = [[dict(row) for row in report] for report, _ in (replayed, replay_demo("again"))]
    queued = [[row.pop("queued") for row in report] for report in reports]
    assert reports[0] == reports[1]
    # bare, then half: at 1 s, and each time two seconds after the delivery
    assert [round(row["at"]) for row in reports[0] if row["alert"]] == [1, 3, 5]
    assert [bool(q) for q in queued[0]] == [bool(q) for q in queued[1]]
    assert 1 <= sum(bool(q) for q in queued[0]) < 135 / 4  # near-identical neighbours are not kept
    stored = sorted(path.stem for path in replayed[1].glob("정문/*/*.json"))
    assert stored == sorted(q for q in queued[0] if q)


def test_queue_list_and_show(replayed, tmp_path, maskwatch):
    config = tmp_path / "config.yaml"
    config.write_text(f"queue: {{classifier_band: [0.0, 1.0], dir: {tmp_path / 'queue'}}}\n")
    shutil.copytree(replayed[1], tmp_path / "queue")
    listed = maskwatch("queue", "list", "-c", config)
    ids = [path.stem for path in (tmp_path / "queue").glob("*/*/*.json")]
    assert ids
    assert all(sample in listed.stdout for sample in ids)
    assert f"{len(ids)} samples" in listed.stdout
    image = tmp_path / "picture.png"
    shown = maskwatch("queue", "show", ids[0], "-c", config, "-o", image)
    assert shown.returncode == 0, shown.stderr
    assert cv2.imread(str(image)).shape[1] == 960
    viewer, seen = tmp_path / "bin" / "xdg-open", tmp_path / "seen"
    viewer.parent.mkdir()
    viewer.write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    viewer.chmod(0o755)
    there = {"PATH": f"{viewer.parent}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    assert maskwatch("queue", "show", ids[0], "-c", config, env=there).stdout.count("wrote") == 1
    assert not seen.exists()
    maskwatch("queue", "show", ids[0], "-c", config, env={"DISPLAY": ":9", **there})
    assert seen.read_text() == f"{tmp_path / ids[0]}.png\n"
    missing = maskwatch("queue", "show", "nothing", "-c", config)
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
    assert "no sample 'nothing'" in missing.stderr


def test_replay_of_fewer_frames_a_second_is_what_a_camera_of_that_rate_shows(demo_clip, tmp_path, maskwatch):
    report, video = tmp_path / "r.jsonl", tmp_path / "o.mp4"
    done = maskwatch("replay", demo_clip, "--fps", "3", "--report", report, "-o", video)
    assert done.returncode == 0, done.stderr
    times = [json.loads(line)["at"] for line in report.read_text().splitlines()]
    assert times == pytest.approx([number / 3 for number in range(27)], abs=0.07)
    with av.open(str(video)) as container:
        assert [frame.time for frame in container.decode(video=0)] == pytest.approx(times, abs=0.01)
    assert maskwatch("replay", demo_clip, "--fps", "0").returncode == 2


def test_replay_of_a_folder_names_each_picture_and_goes_on_after_a_broken_one(
    bare, masked, tmp_path, maskwatch
):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, rgb in (("p10.png", masked), ("p2.png", bare)):
        cv2.imwrite(str(folder / name), rgb[..., ::-1])
    (folder / "p3.jpg").write_bytes(b"")
    done = maskwatch("replay", folder, "--report", tmp_path / "r.jsonl")
    rows = lines(tmp_path / "r.jsonl")
    assert done.returncode == 0
    assert [(row["source"], row["raw_ratio"]) for row in rows] == [("p2.png", 0.0), ("p10.png", 1.0)]
    assert "p3.jpg" in done.stderr


def test_footage_that_is_cut_off_fails_but_keeps_what_was_seen(write_video, tmp_path, maskwatch):
    frames = [np.random.default_rng(n).integers(0, 255, (120, 160, 3)).astype(np.uint8) for n in range(60)]
    whole = write_video("whole.avi", frames, codec="mjpeg", pix_fmt="yuvj420p")
    cut = cut_off(whole, tmp_path)
    done = maskwatch("replay", cut, "--report", tmp_path / "r.jsonl", "-o", tmp_path / "o.mp4")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"maskwatch: {cut}")
    assert 10 < len(lines(tmp_path / "r.jsonl")) < 50
    assert (tmp_path / "o.mp4").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [("notes.mp4", b"dear diary\n" * 50), ("empty.mp4", b""), ("empty.jpg", b""), ("missing.mkv", None)],
)
def test_what_is_no_footage_is_one_line_that_names_it_and_exit_code_one(name, content, tmp_path, maskwatch):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    done = maskwatch("replay", path, "--report", tmp_path / "r.jsonl")
    assert done.returncode == 1
    assert done.stderr.startswith("maskwatch: ")
    assert name in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "r.jsonl").exists()


def test_debug_shows_the_traceback(tmp_path, maskwatch):
    done = maskwatch("--debug", "replay", tmp_path / "missing.mp4")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_bad_usage_is_exit_code_two(tmp_path, maskwatch):
    assert maskwatch("replay").returncode == 2
    assert maskwatch("replay", "a.mp4", "--camera", "door").returncode == 2
    assert maskwatch("replay", "rtsp://u:geheim@127.0.0.1/x").returncode == 2
    assert "geheim" not in maskwatch("replay", "rtsp://u:geheim@127.0.0.1/x").stderr


def test_extract_keeps_every_tenth_frame(demo_clip, tmp_path, maskwatch):
    done = maskwatch("extract", demo_clip, tmp_path / "frames", "--every", 10)
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert names == [f"clip_{n:06d}.jpg" for n in range(0, 135, 10)]
    assert cv2.imread(str(tmp_path / "frames" / names[3])).shape == (540, 960, 3)


def extracted(maskwatch, *arguments):
    """The number that it tells, and each file with its bytes."""
    done = maskwatch("extract", *arguments)
    assert done.returncode == 0, done.stderr
    paths = sorted(Path(arguments[-1]).iterdir()) if "--every" not in arguments else []
    return int(done.stdout.split()[0]), {path.name: path.read_bytes() for path in paths}


@pytest.fixture
def clips_of_one_name(write_video, tmp_path):
    """Three clips called 00.10.mkv in folders called entrance; the second holds the same as the first."""
    result = []
    for day, grey in (("08", 40), ("09", 40), ("10", 200)):
        path = tmp_path / day / "entrance" / "00.10.mkv"
        path.parent.mkdir(parents=True)
        write_video("clip.mkv", [np.full((48, 64, 3), grey + n, np.uint8) for n in range(25)]).rename(path)
        result.append(path)
    return result


def test_extract_overwrites_no_frame_of_another_clip_of_the_same_name(clips_of_one_name, tmp_path, maskwatch):
    first, second, third = clips_of_one_name
    told, files = extracted(maskwatch, first, second, third, tmp_path / "out")
    assert told == 9
    assert sorted(files) == [
        f"{name}_{n:06d}.jpg"
        for name in ("00.10", "09_entrance_00.10", "10_entrance_00.10")
        for n in (0, 10, 20)
    ]
    greys = {name: cv2.imread(str(tmp_path / "out" / name)).mean() for name in files}
    assert all(bool(grey > 150) is name.startswith("10_") for name, grey in greys.items())


def test_extract_gives_a_clip_the_same_names_in_every_run(clips_of_one_name, tmp_path, maskwatch):
    first, _, third = clips_of_one_name
    out = tmp_path / "out"
    assert extracted(maskwatch, first, out)[0] == 3
    told, files = extracted(maskwatch, third, out)
    assert told == 3
    assert {name[:9] for name in files} == {"00.10_000", "10_entran"}
    for arguments in ([first, third], [third], [first], [third, first], [first, first]):
        assert extracted(maskwatch, *arguments, out) == (3 * len(set(arguments)), files)
    shutil.copy(third, first)  # recorded anew: another clip, in the same place
    told, again = extracted(maskwatch, first, out)
    assert told == 3
    assert again.items() >= files.items()
    assert len(again) == 9
    assert extracted(maskwatch, first, out)[1] == again


def test_extract_keeps_what_an_earlier_version_or_somebody_else_has_written(
    clips_of_one_name, tmp_path, maskwatch
):
    first, _, third = clips_of_one_name
    out = tmp_path / "out"
    before = extracted(maskwatch, first, out)[1]
    for name, data in before.items():  # as without the comment, and one that is no frame of ours
        (out / name).write_bytes(
            re.sub(rb"\xff\xfe..maskwatch extract [0-9a-f]{16}", b"", data, flags=re.DOTALL)
        )
    (out / "10_entrance_00.10_000000.jpg").write_bytes(b"mine")
    assert extracted(maskwatch, first, out)[1] == before | {"10_entrance_00.10_000000.jpg": b"mine"}
    told, files = extracted(maskwatch, third, out)
    assert told == 3
    assert files["10_entrance_00.10_000000.jpg"] == b"mine"
    assert f"{tmp_path.name}_10_entrance_00.10_000020.jpg" in files


def test_extract_keeps_pictures_of_one_name_in_two_folders_apart(tmp_path, maskwatch):
    for folder, grey in (("a", 40), ("b", 200)):
        (tmp_path / folder).mkdir()
        for name in ("1.png", "1.bmp", "2.png"):
            assert cv2.imwrite(str(tmp_path / folder / name), np.full((48, 64, 3), grey, np.uint8))
    done = maskwatch("extract", tmp_path / "a", tmp_path / "b", tmp_path / "out", "--every", 1)
    assert done.stdout.startswith("6 frames")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "1_000000.jpg",
        "1_000001.jpg",
        "2_000002.jpg",
        *(f"{tmp_path.name}_b_{name}.jpg" for name in ("1_000000", "1_000001", "2_000002")),
    ]


def test_a_name_that_is_not_utf_8_is_as_good_as_any(demo_clip, tmp_path):
    clip = os.fsencode(tmp_path) + b"/caf\xe9.mp4"
    shutil.copy(os.fsencode(demo_clip), clip)
    out = os.fsencode(tmp_path) + b"/out\xe9"
    program = [sys.executable, "-m", "maskwatch"]
    done = subprocess.run([*program, "extract", clip, out, "--every", "100"], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"2 frames in " + out + b"\n"
    assert sorted(os.fsencode(p.name) for p in Path(os.fsdecode(out)).iterdir()) == [
        b"caf\xe9_000000.jpg",
        b"caf\xe9_000100.jpg",
    ]
    report = tmp_path / "r.jsonl"
    command = [*program, "replay", clip, "--report", report, "--fps", "1"]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    assert os.fsencode(lines[0]["source"]) == b"caf\xe9.mp4"


def test_check_tells_what_works_and_what_does_not(demo_clip, tmp_path, maskwatch):
    config = tmp_path / "config.yaml"
    config.write_text(
        f"cameras:\n  door: {{source: {demo_clip}, alert: {{sinks: [log]}}, ignore: [[[0, 0], [0, 0.5], [0.5, 0]]]}}\n"
        f"  gate: {{source: 'rtsp://u:geheim@127.0.0.1:9/x', alert: {{sinks: [log]}}}}\nqueue: {{dir: {tmp_path / 'q'}}}\n"
    )
    done = maskwatch("check", "-c", config, env={"COLUMNS": "160", "PATH": shutil.os.environ["PATH"]})
    assert done.returncode == 1
    assert "clip.mp4: H.264, 960 x 540, 15 frames a second, " in done.stdout
    assert "12% of the picture ignored; faces from 20 px, 3.7% of the picture's height" in done.stdout
    assert f"{tmp_path / 'check'}: door.jpg\n" in done.stdout
    assert cv2.imread(str(tmp_path / "check" / "door.jpg")).shape[1] == 960
    assert (tmp_path / "check" / "door.jpg").stat().st_mode & 0o777 == 0o600
    assert re.search(
        r"finding them takes about \d+ ms a frame", " ".join(done.stdout.replace("│", " ").split())
    )
    assert "failed" in next(line for line in done.stdout.splitlines() if "camera gate" in line)
    assert re.search(r"1 of \d+ checks failed: camera gate\n", done.stderr)
    assert "geheim" not in done.stdout + done.stderr


def test_check_tells_a_cameras_stream_and_its_smaller_one_and_leaves_a_picture(
    rtsp_camera, h264, tmp_path, maskwatch
):
    main, sub = "/Streaming/Channels/101", "/Streaming/Channels/102"
    camera = rtsp_camera("viewer:geheim", also={main: h264, sub: Clip(width=352, height=288).write(tmp_path)})
    config, url = tmp_path / "config.yaml", camera.url.replace("/cam", main)
    config.write_text(
        f"cameras: {{door: {{source: '{url}', alert: {{sinks: []}}}}}}\nweb: {{enabled: false}}\n"
        f"console: {{enabled: false}}\nqueue: {{dir: {tmp_path / 'q'}}}\n"
    )
    done = maskwatch(
        "check", "-c", config, "-o", tmp_path / "out", "--faces", env=os.environ | {"COLUMNS": "300"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        f"rtsp://127.0.0.1:{camera.port}{main} over TCP: H.264, 960 x 540, 25 frames a second" in done.stdout
    )
    assert "key frame every 1.0 s, first picture after" in done.stdout
    assert "there is a smaller stream with 102 in place of 101 (H.264, 352 x 288)" in done.stdout
    assert "it is squeezed, so set aspect: '16:9'" in done.stdout
    assert re.search(r"smallest face: 12 px \d+ ms, \d faces?; 16 px ", done.stdout)
    assert "2 faces in view, " in done.stdout
    assert cv2.imread(str(tmp_path / "out" / "door.jpg")).shape[1] == 960
    assert "geheim" not in done.stdout + done.stderr


def test_check_finds_that_there_is_nothing_to_play_on_without_a_sound(demo_clip, tmp_path, maskwatch):
    config = tmp_path / "config.yaml"
    voice = "{sinks: [voice], voice: {device: nosuch}}"
    config.write_text(
        f"cameras: {{door: {{source: {demo_clip}}}}}\nalert: {voice}\nqueue: {{dir: {tmp_path / 'q'}}}\n"
    )
    done = maskwatch("check", "-c", config, env=os.environ | {"COLUMNS": "160"})
    assert done.returncode == 1
    told = next(line for line in done.stdout.splitlines() if "voice door" in line)
    assert "failed" in told
    assert "audio open error" in told


WITHOUT_A_FRAME = [
    "missing.mp4",
    "empty.mp4",
    "folder",
    "folder/*.jpg",
    "usb:97",
    "/dev/video98",
    "rtsp://127.0.0.1:9/x",
]


def test_check_fails_and_names_each_camera_that_gives_no_frame(demo_clip, tmp_path, maskwatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.mp4").touch()
    cameras = {"door": {"source": str(demo_clip)}}
    for number, source in enumerate(WITHOUT_A_FRAME):
        cameras[f"gate{number}"] = {"source": source if ":" in source else str(tmp_path / source)}
    config = tmp_path / "config.yaml"
    config.write_text(
        json.dumps(
            {
                "cameras": cameras,
                "alert": {"sinks": []},
                "web": {"enabled": False},
                "console": {"enabled": False},
                "queue": {"dir": str(tmp_path / "q")},
            }
        )
    )
    done = maskwatch("check", "-c", config, env=os.environ | {"COLUMNS": "160"})
    assert done.returncode == 1
    (door, *gates) = (
        next(line for line in done.stdout.splitlines() if f"camera {name} " in line) for name in cameras
    )
    assert "ok" in door
    assert ["failed" in line for line in gates] == [True] * len(WITHOUT_A_FRAME)
    assert done.stderr.splitlines()[-1].endswith(", ".join(f"camera {name}" for name in list(cameras)[1:]))


def test_check_of_a_configuration_without_cameras_is_not_ok(tmp_path, maskwatch):
    config = tmp_path / "config.yaml"
    config.write_text(f"fps: 2\nweb: {{enabled: false}}\nqueue: {{dir: {tmp_path / 'q'}}}\n")
    done = maskwatch("check", "-c", config, env=os.environ | {"COLUMNS": "160"})
    assert done.returncode != 0
    assert "cameras" in done.stdout + done.stderr


def test_check_renders_every_sentence_anew_whatever_was_rendered_before(
    loudspeaker, demo_clip, tmp_path, maskwatch
):
    """The sentence of the alert and that of a dead camera; the engine that made the kept ones may be gone."""
    config = tmp_path / "config.yaml"
    config.write_text(
        f"cameras: {{door: {{source: {demo_clip}}}}}\nalert: {{sinks: [voice]}}\nweb: {{enabled: false}}\nconsole: {{enabled: false}}\n"
        f"queue: {{dir: {tmp_path / 'q'}}}\n"
    )
    there = os.environ | {"COLUMNS": "160", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = maskwatch("check", "-c", config, env=there)
    assert done.returncode == 0, done.stdout
    assert "Camera door is offline." in done.stdout
    engine = tmp_path / "engine"
    engine.mkdir()
    (engine / "pyttsx3.py").write_text("raise RuntimeError('no speech engine')\n")
    done = maskwatch(
        "check", "-c", config, env=there | {"PYTHONPATH": f"{engine}:{os.environ.get('PYTHONPATH', '')}"}
    )
    assert done.returncode == 1
    assert re.search(r"1 of \d+ checks failed: voice door$", done.stderr.splitlines()[-1])
    assert "no speech engine" in done.stdout


def test_help_is_quick_because_it_loads_no_torch(maskwatch):

    code = "import sys, maskwatch.cli; sys.exit('torch' in sys.modules or 'cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert maskwatch("--help").returncode == 0


def test_nothing_imports_torchvision_at_run_time():

    code = (
        "import sys, maskwatch.app.compose, maskwatch.app.replay, maskwatch.app.service; "
        "from maskwatch.models.loading import Models, pick_device; from maskwatch.detect.settings import Settings; "
        "Models(pick_device('cpu')).detector(Settings()); "
        "sys.exit('torchvision' in sys.modules or 'facenet_pytorch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_progress_bar_of_a_refused_camera_shows_no_password():
    """On a terminal, where there is a bar."""
    import os
    import pty

    master, terminal = pty.openpty()
    command = [sys.executable, "-m", "maskwatch", "replay", "rtsp://u:geheim@127.0.0.1/x"]
    done = subprocess.run(command, stderr=terminal, stdout=subprocess.PIPE)
    os.close(terminal)
    seen = os.read(master, 100_000).decode()
    os.close(master)
    assert done.returncode == 2
    assert "127.0.0.1/x" in seen
    assert "geheim" not in seen


def test_an_output_that_cannot_be_written_is_one_line_that_names_it(demo_clip, tmp_path, maskwatch):
    (tmp_path / "file").write_text("in the way")
    for done in (
        maskwatch("extract", demo_clip, tmp_path / "file" / "frames"),
        maskwatch("replay", demo_clip, "--report", tmp_path / "file" / "r.jsonl"),
    ):
        assert done.returncode == 1
        assert done.stderr.startswith(f"maskwatch: {tmp_path / 'file'}")
        assert done.stderr.count("\n") == 1


def test_tells_its_version(maskwatch):
    from importlib.metadata import version

    assert maskwatch("--version").stdout == f"maskwatch {version('maskwatch')}\n"
