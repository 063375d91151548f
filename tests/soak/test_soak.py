"""The service for an hour with something broken every minute. Not part of a usual test run:

    MASKWATCH_SOAK_MINUTES=60 MASKWATCH_SOAK_OUT=soak python -m pytest -m soak -s

leaves soak.csv (a row every 5 s), faults.csv, soak.json and soak.png in the folder; MASKWATCH_SOAK_SEED
repeats a run's faults. Three minutes show whether it works, an hour whether memory stays.
"""

import csv
import json
import os
import random
import subprocess
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from harness.cameras import Camera, Clip, require_gstreamer, sources
from harness.mounts import tmpfs
from harness.service import Service, hits, samples
from soak.drawing import draw
from soak.faults import Scene, dealt
from soak.sampling import Sampler, slope

MINUTES = float(os.environ.get("MASKWATCH_SOAK_MINUTES", "60"))
SEED = int(os.environ.get("MASKWATCH_SOAK_SEED", "16"))
SAMPLE_EVERY_S = 5.0
FAULT_EVERY_S = min(60.0, max(24.0, MINUTES * 6))
SETTLE_S = FAULT_EVERY_S / 5  # after a fault, before figures count as calm
WARM_UP_S = min(600.0, MINUTES * 60 / 6)
BASE = 0.2  # of threads and handles: what is always there, without a decoder's or player's that come and go
MEMORY_MINUTES = 30  # a shorter soak says nothing about MB an hour
PASSWORD = "s0ak-pa55word"
CLIPS = {
    "entrance": Clip(),
    "hall": Clip(codec="h265"),
    "gate": Clip(slices=4),
    "yard": Clip(width=320, height=180),
}
PLAYER = """#!/bin/sh
case $(cat {mode}) in
    fail) echo "audio open error: no sound card" >&2; exit 1 ;;
    hang) exec sleep 60 ;;
esac
exec /usr/bin/aplay "$@"
"""
NULL_CARD = "pcm.!default { type null }\n"

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]


@dataclass
class Happened:
    """A fault as it went: seconds since the start, how long it took to be noticed and to be well again."""

    name: str
    camera: str | None
    begin_s: float
    end_s: float = 0.0
    noticed_s: float | None = None
    back_s: float | None = None


@pytest.fixture
def out(tmp_path):
    folder = Path(os.environ.get("MASKWATCH_SOAK_OUT", tmp_path / "soak")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def cameras(tmp_path):
    require_gstreamer()
    (tmp_path / "clips").mkdir()
    made = {name: Camera(name, f"{PASSWORD}-{name}", tmp_path / "clips") for name in CLIPS}
    for name, camera in made.items():
        camera.serve(CLIPS[name])
    yield made
    for camera in made.values():
        camera.gone()


@pytest.fixture
def player(tmp_path):
    """A loudspeaker whose mode can be set by writing play, fail or hang into the file."""
    mode = tmp_path / "mode"
    mode.write_text("play")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "aplay").write_text(PLAYER.format(mode=mode))
    (tmp_path / "bin" / "aplay").chmod(0o755)
    (tmp_path / "asound.conf").write_text(NULL_CARD)
    return mode


@pytest.fixture
def disk(tmp_path):
    with tmpfs(tmp_path / "disk", 256) as folder:
        yield folder


def configuration(entries, queue):
    return {
        "cameras": entries,
        "fps": 2,
        "device": "cpu",
        "alert": {"sinks": ["voice", "log"], "cooldown_s": 5, "voice": {"play_s": 3}},
        "queue": {"dir": str(queue), "classifier_band": [0, 1], "max_per_hour": 120, "min_free_mb": 0},
        "web": {"port": 0},
    }


def test_an_hour_of_faults_leaves_it_as_it_was(cameras, player, disk, out, tmp_path):
    queue = (disk or tmp_path) / "queue"
    entries, passwords = sources(cameras.values())
    config = configuration(entries, queue)
    environment = passwords | {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "ALSA_CONFIG_PATH": str(tmp_path / "asound.conf"),
    }
    with Service(config, tmp_path / "service", environment) as service:
        service.until(lambda: service.url() and service.status().up == len(cameras))
        sampler = Sampler(service, out / "soak.csv", SAMPLE_EVERY_S)
        sampler.start()
        scene = Scene(service, cameras, CLIPS, config, player, disk, queue)
        try:
            happened = list(faults(scene, sampler, out / "faults.csv"))
            time.sleep(SETTLE_S)
        finally:
            sampler.finish()
            if sampler.rows:
                image(sampler.rows, out)
            (out / "log.txt").write_text(service.log)
        shown = service.everything_shown()
        end_status = service.status()
        code = service.terminate()
    figures = summary(sampler.rows, happened) | {"samples": samples(queue), "exit code": code}
    (out / "soak.json").write_text(json.dumps(figures, indent=1))
    print(json.dumps(figures, indent=1), f"\n{out}")
    assert code == 0
    assert end_status.up == len(cameras)
    assert PASSWORD not in shown
    assert not hits(PASSWORD, queue)
    judge(figures, sampler.rows)


def faults(scene, sampler, path):
    """Break something every `FAULT_EVERY_S`, mend it, and wait until all is well; what happened, as it happens."""
    chance = random.Random(SEED)
    end_s = MINUTES * 60 - SETTLE_S
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(Happened.__dataclass_fields__))
        writer.writeheader()
        begin_s = FAULT_EVERY_S / 2
        for fault in dealt(scene, SEED):
            begin_s = max(begin_s, sampler.now_s())
            if begin_s + FAULT_EVERY_S / 2 > end_s:
                return
            time.sleep(max(0.0, begin_s - sampler.now_s()))
            one = happen(fault, scene, sampler, chance.uniform(11, max(12.0, FAULT_EVERY_S * 0.4)))
            writer.writerow(asdict(one))
            file.flush()
            yield one
            begin_s += FAULT_EVERY_S


def happen(fault, scene, sampler, for_s):
    service = scene.service
    one = Happened(fault.name, fault.camera, round(sampler.now_s(), 2))
    before = service.status()
    sampler.fault = fault.name
    fault.begin()
    if fault.name in {"killed", "frozen", "silent", "password refused"}:
        one.noticed_s = round(service.until(lambda: service.status().up < len(scene.cameras), 15), 2)
    time.sleep(max(0.0, one.begin_s + for_s - sampler.now_s()))
    others_go_on(before, service.status(), fault)
    fault.end()
    one.end_s = round(sampler.now_s(), 2)
    one.back_s = round(service.until(lambda: is_well(service, scene), 30), 2)
    sampler.fault = ""
    return one


def others_go_on(before, after, fault):
    if fault.name == "reload":  # which begins to count anew
        return
    for name in after.cameras:
        if name != fault.camera:
            assert after.analysed(name) > before.analysed(name), (
                f"{name} stood still while {fault.camera} was {fault.name}"
            )


def is_well(service, scene):
    try:
        return service.status().up == len(scene.cameras)
    except OSError:  # between two configurations
        return False


def calm(rows, happened):
    """The rows of the usual working, a while away from any fault."""
    return [
        row
        for row in rows
        if not any(one.begin_s <= row.at_s <= one.end_s + (one.back_s or 0) + SETTLE_S for one in happened)
    ]


def summary(rows, happened):
    usual = [row for row in calm(rows, happened) if row.at_s > WARM_UP_S]
    third = max(1, len(usual) // 3)
    parts = {"first": usual[:third], "last": usual[-third:]}

    def usually(field, share=0.5):
        """What lies above `share` of the values: 0.5 is the median."""
        return {
            when: round(sorted(values)[int(share * len(values))], 3)
            for when, part in parts.items()
            if (values := [v for row in part if (v := getattr(row, field)) is not None])
        }

    return {
        "minutes": round(rows[-1].at_s / 60, 1),
        "seed": SEED,
        "faults": len(happened),
        "MB an hour": round(slope([r for r in rows if r.at_s > WARM_UP_S], lambda row: row.rss_mb) * 3600, 2),
        "rss_mb": usually("rss_mb"),
        "threads": usually("threads", BASE),
        "handles": usually("handles", BASE),
        "latency_ms": usually("latency_ms"),
        "machine_load": usually("machine_load"),
        "slowest noticed_s": max((o.noticed_s for o in happened if o.noticed_s is not None), default=None),
        "slowest back_s": max(
            (o.back_s for o in happened if o.camera and o.back_s is not None), default=None
        ),
        "cpu share": round((rows[-1].cpu_s - rows[0].cpu_s) / max(1.0, rows[-1].at_s - rows[0].at_s), 2),
    }


def judge(figures, rows):
    whole, broken = figures["samples"]
    assert not broken
    assert whole
    stored = counted(rows)
    assert whole >= stored, f"{stored - whole} samples were told stored and are not there"
    for what in ("threads", "handles"):
        assert figures[what]["last"] <= figures[what]["first"] + 2, f"{what} grew"
    latency, load = figures["latency_ms"], figures["machine_load"]
    busier = max(1.0, load["last"] / max(1.0, load["first"]))  # other work on the machine
    assert latency["last"] <= 1.5 * busier * latency["first"] + 50, "latency grew"
    assert figures["slowest noticed_s"] is None or figures["slowest noticed_s"] <= 10
    assert figures["slowest back_s"] is None or figures["slowest back_s"] <= 5
    if figures["minutes"] >= MEMORY_MINUTES:
        assert figures["MB an hour"] < 1


def counted(rows):
    """How many samples the service said it stored; a reload begins at 0 again."""
    told = [0, *(row.stored for row in rows if row.stored is not None)]
    return sum(after - before if after >= before else after for before, after in pairwise(told))


def image(rows, out):
    with (out / "faults.csv").open() as file:
        bands = [
            (row["name"], float(row["begin_s"]), float(row["end_s"]) + float(row["back_s"] or 0))
            for row in csv.DictReader(file)
        ]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    draw(rows, bands, f"{len(CLIPS)} cameras, {len(bands)} faults, seed {SEED}, {commit}", out / "soak.png")
