"""The command line as a person uses it: every command in a process of its own."""

import json
import os
import shutil

import av
import cv2
import numpy as np
import pytest


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def demo_files(tmp_path_factory):
    import subprocess
    import sys

    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run([sys.executable, "-m", "maskwatch", "demo", folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


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
        "alert",
        "queued",
    ]
    assert (row["camera"], row["source"], row["seq"], row["size"]) == ("demo", "clip.mp4", 20, [960, 540])
    assert list(row["faces"][0]) == ["box", "score", "protected", "label"]


def test_replay_gives_the_same_report_twice_and_queues_what_is_unsure(demo_clip, tmp_path, maskwatch):
    config = tmp_path / "config.yaml"
    config.write_text(
        f"cameras: {{정문: {{source: {demo_clip}}}}}\nqueue: {{classifier_band: [0.0, 1.0]}}\nalert: {{cooldown_s: 2}}\n"
    )
    reports = []
    for number in range(2):
        report = tmp_path / f"{number}.jsonl"
        done = maskwatch(
            "replay",
            demo_clip,
            "-c",
            config,
            "--camera",
            "정문",
            "--report",
            report,
            "--queue",
            tmp_path / f"q{number}",
        )
        assert done.returncode == 0, done.stderr
        reports.append(lines(report))
    queued = [[row.pop("queued") for row in report] for report in reports]
    assert reports[0] == reports[1]
    # bare, then half: at 1 s, and each time two seconds after the delivery
    assert [round(row["at"]) for row in reports[0] if row["alert"]] == [1, 3, 5]
    assert [bool(q) for q in queued[0]] == [bool(q) for q in queued[1]]
    assert 1 <= sum(bool(q) for q in queued[0]) < 135 / 4  # near-identical neighbours are not kept
    stored = sorted(path.stem for path in (tmp_path / "q0").glob("정문/*/*.json"))
    assert stored == sorted(q for q in queued[0] if q)


def test_queue_list_and_show(demo_clip, tmp_path, maskwatch):
    config = tmp_path / "config.yaml"
    config.write_text(f"queue: {{classifier_band: [0.0, 1.0], dir: {tmp_path / 'queue'}}}\n")
    maskwatch("replay", demo_clip, "-c", config, "--queue", tmp_path / "queue")
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
    assert [(row["source"], row["protected_ratio"]) for row in rows] == [("p2.png", 0.0), ("p10.png", 1.0)]
    assert "p3.jpg" in done.stderr


def test_footage_that_is_cut_off_fails_but_keeps_what_was_seen(write_video, tmp_path, maskwatch):
    frames = [np.random.default_rng(n).integers(0, 255, (120, 160, 3)).astype(np.uint8) for n in range(60)]
    whole = write_video("whole.avi", frames, codec="mjpeg", pix_fmt="yuvj420p")

    fast = tmp_path / "fast.mp4"
    with av.open(str(whole)) as source, av.open(str(fast), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(fast.read_bytes()[: fast.stat().st_size // 2])
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


def test_check_tells_what_works_and_what_does_not(demo_clip, tmp_path, maskwatch):
    config = tmp_path / "config.yaml"
    config.write_text(
        f"cameras:\n  door: {{source: {demo_clip}, alert: {{sinks: [log]}}, ignore: [[[0, 0], [0, 0.5], [0.5, 0]]]}}\n"
        f"  gate: {{source: 'rtsp://u:geheim@127.0.0.1:9/x', alert: {{sinks: [log]}}}}\nqueue: {{dir: {tmp_path / 'q'}}}\n"
    )
    done = maskwatch("check", "-c", config, env={"COLUMNS": "160", "PATH": shutil.os.environ["PATH"]})
    assert done.returncode == 1
    assert "960 x 540; 12% of the picture ignored" in done.stdout
    assert "failed" in next(line for line in done.stdout.splitlines() if "camera gate" in line)
    assert "1 of 7 checks failed" in done.stderr
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


def test_help_is_quick_because_it_loads_no_torch(maskwatch):
    import subprocess
    import sys

    code = "import sys, maskwatch.cli; sys.exit('torch' in sys.modules or 'cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert maskwatch("--help").returncode == 0


def test_nothing_imports_torchvision_at_run_time():
    import subprocess
    import sys

    code = (
        "import sys, maskwatch.app.compose, maskwatch.app.replay, maskwatch.app.service; "
        "from maskwatch.app.compose import Models, pick_device; from maskwatch.detect.settings import Settings; "
        "Models(pick_device('cpu')).detector(Settings()); "
        "sys.exit('torchvision' in sys.modules or 'facenet_pytorch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_progress_bar_of_a_refused_camera_shows_no_password():
    """On a terminal, where there is a bar."""
    import os
    import pty
    import subprocess
    import sys

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
