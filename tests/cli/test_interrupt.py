"""Ctrl-C at any moment of any command: no traceback, no process, and nothing on disk but whole outputs and checkpoints.

Each command runs several times at once, as a process with a terminal's process group, and each is broken off at
another moment: while it loads, while it works, near its end.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import psutil
import pytest

from maskwatch.core.errors import DataError
from maskwatch.output import demo_clip as demo
from maskwatch.platform.files import new_folder, replacing
from maskwatch.platform.package_data import shipped
from maskwatch.samples.annotations import as_annotations
from maskwatch.samples.store import Queue
from maskwatch.training.run_folder import training_folder

# seconds after the command line was loaded: while the command loads its libraries, and while it works
MOMENTS = (0.7, 2.5)
MORE_MOMENTS = (0.0, 0.3, 1.2, 1.8, 4.0, 7.0)
BROKEN_OFF = (130, -signal.SIGINT)  # the shell tells the second as 130, too


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, demo_clip, street):
    """A clip, a data set of 64 streets with a face each, a queue with labels, what was exported from it, a configuration."""
    root = tmp_path_factory.mktemp("inputs")
    shutil.copy(demo_clip, root / "clip.mp4")
    (root / "streets/images").mkdir(parents=True)
    images, annotations = [], []
    for number in range(64):
        rgb, box = street(number, side=60 + number % 4 * 20)
        rgb = demo.with_mask(rgb, box) if number % 2 else rgb
        cv2.imwrite(str(root / f"streets/images/{number}.png"), rgb[..., ::-1])
        images.append({"id": number, "file_name": f"{number}.png", "width": 320, "height": 320})
        place = [box.x1, box.y1, box.width, box.height]
        annotations.append({"image_id": number, "category_id": number % 2, "bbox": place})
    categories = [{"id": 0, "name": "without_mask"}, {"id": 1, "name": "with_mask"}]
    whole = {"images": images, "annotations": annotations, "categories": categories}
    (root / "streets/annotations.json").write_text(json.dumps(whole))
    run = [sys.executable, "-m", "maskwatch"]
    (root / "wide.yaml").write_text("queue: {classifier_band: [0.0, 1.0]}\n")
    play = ["replay", root / "clip.mp4", "-c", root / "wide.yaml", "--fps", "3", "--queue", root / "queue"]
    subprocess.run([*run, *play], check=True, capture_output=True)
    queue = Queue(root / "queue")
    for sample in queue.samples():
        queue.label(sample.id, as_annotations(sample.report.faces), "kim", based_on=sample.revision)
    subprocess.run(
        [*run, "queue", "export", root / "back", "--dir", root / "queue"], check=True, capture_output=True
    )
    return root


def configured(folder, **more):
    """A configuration that keeps everything in the folder."""
    settings = {
        "queue": {"dir": str(folder / "queue")},
        "models": {"dir": str(folder / "models")},
        "learn": {"archive": str(folder / "archive"), "min_samples": 2, "effort": 0.1},
        "web": {"enabled": False},
        "console": {"enabled": False},
        **more,
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(settings))
    return path


def watching(folder, inputs):
    alert = {"sinks": ["log"]}
    return configured(folder, cameras={"door": {"source": str(inputs / "clip.mp4"), "alert": alert}})


def with_queue(folder, inputs):
    shutil.copytree(inputs / "queue", folder / "queue")
    return configured(folder)


# The command, given its folder and the inputs, and what of its folder may be left: patterns of paths.
COMMANDS = {
    "run": (lambda at, given: ["run", "-c", watching(at, given)], ["queue", "queue/**"]),
    "check": (lambda at, given: ["check", "-c", watching(at, given)], ["queue", "events", "events/**", "check", "check/door.jpg"]),
    "replay": (
        lambda at, given: ["replay", given / "clip.mp4", "-o", "a/b.mp4", "--report", "r/r.jsonl", "--plot", "p.png"],
        [],
    ),
    "replay --queue": (
        lambda at, given: ["replay", given / "clip.mp4", "-c", given / "wide.yaml", "--queue", "new"],
        ["new", "new/**"],
    ),
    "archive": (
        lambda at, given: ["archive", given / "clip.mp4", "-o", "new/seen", "--workers", 2],
        ["new", "new/seen", "new/seen/events", "new/seen/events/**"],
    ),
    "demo": (lambda at, given: ["demo", "shown"], ["shown", "shown/clip.mp4"]),
    "extract": (lambda at, given: ["extract", given / "clip.mp4", "frames", "--every", 1], ["frames", "frames/*.jpg"]),
    "dataset prepare": (lambda at, given: ["dataset", "prepare", given / "streets", "-o", "new/out"], []),
    "dataset convert": (lambda at, given: ["dataset", "convert", given / "streets", "new/out", "--format", "voc"], []),
    "dataset stats": (lambda at, given: ["dataset", "stats", given / "streets", "-o", "new/stats.png"], []),
    "train detector": (
        lambda at, given: ["train", "detector", "--data", given / "streets", "-o", "new/mine.safetensors", "--effort", 0.05],
        ["new", "new/mine.training/**", "new/mine.training"],
    ),
    "train classifier": (
        lambda at, given: ["train", "classifier", "--data", given / "streets", "-o", "new/mine.safetensors"],
        ["new", "new/mine.training/**", "new/mine.training"],
    ),
    "evaluate detector": (
        lambda at, given: ["evaluate", "detector", "--data", given / "streets", "--html", "new/a.html", "--json", "new/a.json"],
        [],
    ),
    "evaluate classifier": (
        lambda at, given: ["evaluate", "classifier", "--data", given / "streets", "--html", "new/a.html"],
        [],
    ),
    "evaluate system": (
        lambda at, given: ["evaluate", "system", "--data", given / "streets", "--html", "new/a.html"],
        [],
    ),
    "evaluate features": (
        lambda at, given: ["evaluate", "features", given / "streets/images/3.png", "-o", "new/maps.png"],
        [],
    ),
    "bench detect": (
        lambda at, given: ["bench", "detect", "--heights", 360, "--rounds", 3, "--json", "new/a.json"],
        [],
    ),
    "bench system": (
        lambda at, given: ["bench", "system", "--footage", given / "clip.mp4", "--seconds", 3, "--json", "new/a.json"],
        [],
    ),
    "bench loop": (
        lambda at, given: ["bench", "loop", "--faces", given / "streets", "--masks", given / "streets", "-o", "new/loop"],
        ["new", "new/loop", "new/loop/**"],
    ),
    "learn": (
        lambda at, given: ["learn", "-c", with_queue(at, given)],
        ["models", "models/**", "archive", "archive/**"],
    ),
    "drift": (lambda at, given: ["drift", "-c", watching(at, given), "--html", "new/a.html"], ["models", "queue"]),
    "queue list": (lambda at, given: ["queue", "list", "-c", with_queue(at, given)], []),
    "queue show": (
        lambda at, given: ["queue", "show", first(given), "-c", with_queue(at, given), "-o", "new/a.png"],
        [],
    ),
    "queue label": (lambda at, given: ["queue", "label", first(given), "-c", with_queue(at, given), "--no-faces"], []),
    "queue export": (lambda at, given: ["queue", "export", "new/out", "-c", with_queue(at, given)], []),
    "queue export zip": (lambda at, given: ["queue", "export", "new/out.zip", "-c", with_queue(at, given)], []),
    "queue import": (
        lambda at, given: ["queue", "import", given / "back", "-c", with_queue(at, given), "--force"],
        [],
    ),
    "queue purge": (lambda at, given: ["queue", "purge", "-c", with_queue(at, given), "--labelled", "--yes"], []),
    "queue review": (lambda at, given: ["queue", "review", "-c", with_queue(at, given), "--port", 0], []),
    "models add": (
        lambda at, given: ["models", "add", "-c", configured(at), "--detector", shipped("models/detector.safetensors"),
                           "--classifier", shipped("models/classifier.safetensors")],
        [],
    ),
    "models list": (lambda at, given: ["models", "list", "-c", configured(at)], []),
}  # fmt: skip


def first(inputs):
    return Queue(inputs / "queue").samples()[0].id


class Broken:
    """A command in a folder of its own, with a session and a process group of its own as in a terminal."""

    def __init__(self, folder, command):
        self.folder = folder
        self.log = folder.with_name(f"{folder.name}.log")
        self.temporary = folder.with_name(f"{folder.name}.tmp")
        self.temporary.mkdir()
        self.before = paths(folder)
        # whoever runs the tests in the background may have them ignore SIGINT, and children inherit that
        head = ["env", "--default-signal=INT", sys.executable, "-X", "importtime", "-m", "maskwatch"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(each) for each in (*head, *command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=os.environ | {"TMPDIR": str(self.temporary), "PYTHONPATH": os.pathsep.join(sys.path)},
                start_new_session=True,
            )

    def imported(self, module):
        return re.search(rf"\| +{re.escape(module)}$", self.log.read_text(errors="replace"), re.MULTILINE)

    def wait_until(self, seconds, module="maskwatch.cli"):
        """Until so many seconds after the module was loaded, or until it ended before that."""
        until = None
        while self.process.poll() is None and (until is None or time.monotonic() < until):
            if until is None and self.imported(module):
                until = time.monotonic() + seconds
            time.sleep(0.005)

    def press_ctrl_c(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)

    def said(self):
        """All but what -X importtime tells."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(line for line in lines if not line.startswith("import time:"))

    def others(self):
        """Processes of the session that are still there, after a while: one that only watches for its parent's end sees it late."""
        until = time.monotonic() + 20
        while (found := self._others()) and time.monotonic() < until:
            time.sleep(0.1)
        return found

    def _others(self):
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process.cmdline())
            except (OSError, psutil.Error):
                continue
        return found


def paths(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def break_off(name, inputs, tmp_path, moments):
    """Once at each of the moments, all at the same time; then see what is left."""
    make, may_stay = COMMANDS[name]
    running = []
    for moment in moments:
        folder = tmp_path / str(moment)
        folder.mkdir()
        running.append(Broken(folder, make(folder, inputs)))
    codes = []
    for broken, moment in zip(running, moments, strict=True):
        broken.wait_until(moment)
        broken.press_ctrl_c()
        codes.append(broken.process.wait(timeout=60))
    for broken, moment, code in zip(running, moments, codes, strict=True):
        said = broken.said()
        case = f"{name}, Ctrl-C after {moment} s: exit code {code}\n{said}"
        assert code in {*BROKEN_OFF, 0}, case
        assert "Traceback" not in said, case
        assert broken.others() == [], case
        assert [p for p in broken.temporary.iterdir() if not p.name.startswith("torchinductor")] == [], case
        left = paths(broken.folder) - broken.before
        assert [path for path in left if ".part" in path or path.endswith(".old")] == [], case
        # the signal itself ends it before anything is begun, or after all is done, and then it has told what
        has_ended = code == 0 or "wrote" in said or (code == -signal.SIGINT and said)
        more = [path for path in left if not any(matches(path, each) for each in may_stay)]
        if more and not has_ended:  # broken off when its output was there, before it told so
            assert nameless(left) == nameless(left_by_all_of_it(make, inputs, tmp_path / "all")), case
        if "new/mine.training" in left:  # it is there to go on with
            assert list((broken.folder / "new/mine.training").glob("[!.]*.safetensors")), case


def left_by_all_of_it(make, inputs, folder):
    """What the command leaves where nobody breaks it off."""
    folder.mkdir(exist_ok=True)
    whole = Broken(folder, make(folder, inputs))
    assert whole.process.wait(timeout=120) == 0, whole.said()
    return paths(folder) - whole.before


def nameless(files):
    """The paths without what differs each time: times and random parts of names."""
    return sorted(re.sub(r"[0-9a-f]{4,}(T[0-9]+Z-[0-9a-f]+)?", "*", path) for path in files)


@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_leaves_nothing_behind_and_prints_no_traceback(name, inputs, tmp_path):
    break_off(name, inputs, tmp_path, MOMENTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_at_more_moments(name, inputs, tmp_path):
    break_off(name, inputs, tmp_path, MORE_MOMENTS)


def test_ctrl_c_while_the_command_line_is_loaded_ends_it_without_a_word(inputs, tmp_path):
    broken = Broken(tmp_path, ["models", "list"])
    broken.wait_until(0, module="signal")
    broken.press_ctrl_c()
    assert broken.process.wait(timeout=60) in BROKEN_OFF
    assert broken.said() == ""


def matches(path, pattern):
    head = pattern.removesuffix("/**")
    return path.startswith(f"{head}/") if head != pattern else Path(path).match(pattern)


def test_a_training_that_is_refused_takes_the_mended_data_afterwards(inputs, tmp_path, maskwatch):
    """No face is labelled in it: refused, and nothing of it stays; then the same command with the mended data."""
    bad, output = tmp_path / "bad", tmp_path / "new/mine.safetensors"
    shutil.copytree(inputs / "streets", bad)
    whole = json.loads((bad / "annotations.json").read_text())
    (bad / "annotations.json").write_text(json.dumps(whole | {"annotations": []}))
    for kind in ("detector", "classifier"):
        command = ["train", kind, "--data", bad, "-o", output]
        refused = maskwatch(*command)
        assert refused.returncode == 1
        assert refused.stderr.startswith("maskwatch: no ") or "face" in refused.stderr, refused.stderr
        assert paths(tmp_path) == paths(bad.parent) - {p for p in paths(tmp_path) if p.startswith("new")}


def checkpoint(folder):
    (folder / "p-net.safetensors").write_bytes(b"x")


def test_a_folder_without_a_checkpoint_is_any_trainings(tmp_path):
    folder = tmp_path / "new/mine.training"
    with pytest.raises(KeyboardInterrupt), training_folder(folder, {"data": 1}) as goes_on:
        assert not goes_on
        (folder / "events.out.tfevents.1").write_bytes(b"x")
        raise KeyboardInterrupt
    assert paths(tmp_path) == set()
    folder.mkdir(parents=True)  # of one that was killed
    (folder / "training.json").write_text("{}")
    with training_folder(folder, {"data": 1}) as goes_on:
        assert not goes_on
    with training_folder(folder, {"data": 1}) as goes_on:
        assert goes_on


def test_a_training_that_was_broken_off_keeps_its_checkpoint_and_goes_on(tmp_path):
    with pytest.raises(KeyboardInterrupt), training_folder(tmp_path / "t", {"data": 1}):
        checkpoint(tmp_path / "t")
        raise KeyboardInterrupt
    with training_folder(tmp_path / "t", {"data": 1}) as goes_on:
        assert goes_on
        assert (tmp_path / "t/p-net.safetensors").exists()
    with (
        pytest.raises(DataError, match="other data or settings"),
        training_folder(tmp_path / "t", {"data": 2}),
    ):
        pass
    assert (tmp_path / "t/p-net.safetensors").exists()


def test_a_refusal_after_the_first_checkpoint_leaves_no_folder_either(tmp_path):
    with pytest.raises(DataError, match="no face"), training_folder(tmp_path / "t", {"data": 1}):
        checkpoint(tmp_path / "t")
        raise DataError("no face that P-Net proposes")
    assert paths(tmp_path) == set()


@pytest.mark.parametrize("is_there", [True, False])
def test_a_new_folder_is_whole_or_not_there(tmp_path, is_there):
    out = tmp_path / "a/b"
    if is_there:
        out.mkdir(parents=True)
    before = paths(tmp_path)
    with pytest.raises(KeyboardInterrupt), new_folder(out) as part:
        (part / "x").mkdir()
        raise KeyboardInterrupt
    assert paths(tmp_path) == before
    with new_folder(out) as part:
        (part / "x").mkdir()
        (part / "y").touch()
    assert paths(tmp_path) == {"a", "a/b", "a/b/x", "a/b/y"}


def test_a_file_that_is_not_written_leaves_no_folder_made_for_it(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "a/b/c/d.txt") as part:
        part.touch()
        raise KeyboardInterrupt
    assert paths(tmp_path) == {"a"}


def test_ctrl_c_waits_for_the_end_of_an_import(tmp_path):
    """What is raised in the initialisation of torch's C++ ends the process."""
    (tmp_path / "slow.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\nprint('whole')\n")
    program = (
        "import time\nfrom maskwatch.cli.interrupt import Interrupt\nInterrupt().install()\nimport slow\n"
        "try:\n    time.sleep(30)\nexcept KeyboardInterrupt:\n    print('broken off')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path.cwd())])},
    )
    assert done.stdout.split("\n")[:2] == ["whole", "broken off"], done.stderr
