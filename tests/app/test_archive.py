"""Many clips in parallel: the same as one after the other, whoever does which part, and whatever dies meanwhile."""

import contextlib
import json
import logging
import math
import os
import random
import shutil
import signal
import threading
import time
from contextlib import closing

import numpy as np
import pytest
from harness.walkers import MODELS, planned, write_clip

from maskwatch.app.archive import analysis, chunks, run
from maskwatch.app.archive.analysis import AnalysisSetup, ChunkAnalyzer, ChunkResult
from maskwatch.app.archive.chunks import Chunk, chunks_of, find_clips
from maskwatch.app.archive.run import ArchivePlan, ArchiveRun
from maskwatch.app.replay import Outputs, replay
from maskwatch.core.address import Address
from maskwatch.core.errors import ConfigError
from maskwatch.core.events import EventKind
from maskwatch.core.privacy import Privacy
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.parallel.local_workers import LocalWorkers
from maskwatch.parallel.workers import Done
from maskwatch.samples.store import Queue
from maskwatch.sources.file import FileSource, UnsteadyTimes

SECONDS = 20.0  # a chunk, in these tests


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_S", SECONDS)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """140 s: three people who walk by."""
    return write_clip(tmp_path_factory.mktemp("archive") / "2026-11-26_13-45-30.mp4")


class Here:
    """Workers that are this process, last come first served; after `ends_after` chunks the power goes."""

    def __init__(self, setup, ends_after=None):
        self.analyse = setup()
        self.waiting, self.done, self.ends_after = [], [], ends_after

    @property
    def room(self):
        return 3 - len(self.waiting)

    def submit(self, chunk):
        self.waiting.append(chunk)

    def next_done(self):
        if len(self.done) == self.ends_after:
            raise KeyboardInterrupt
        chunk = self.waiting.pop()
        self.done.append(chunk)
        return Done(chunk, self.analyse(chunk))


@pytest.fixture
def here(monkeypatch, tmp_path):
    """Analyse clips into a folder by the stub's models; gives the results by name, and the workers."""
    monkeypatch.setattr(analysis, "serving_models", lambda *_: MODELS)

    def analyse(clips, out, *, ends_after=None, queue=False, **changes):
        plan = planned("", out, queue=queue, **changes)
        workers = Here(AnalysisSetup(plan, tmp_path, "cpu"), ends_after)
        steps = []
        task = ArchiveRun(ArchivePlan(out, plan, MODELS, "here"), workers, steps.append)
        try:
            results = {each.name: each for each in task.results(clips)}
        except KeyboardInterrupt:
            results = None
        return results, workers, steps

    return analyse


def files_of(out):
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in (out / "clips").rglob("*")
        if path.is_file()
    }


def events_of(out):
    with closing(EventStore.in_folder(out / "events")) as store:
        return sorted(store.find(EventFilter(), limit=1000), key=lambda event: event.id)


# --- clips and chunks ---------------------------------------------------------------------------------------------


def test_footage_is_files_folders_and_patterns_each_clip_once(tmp_path):
    for name in ("nvr/a/2.mp4", "nvr/a/10.mp4", "nvr/b/2.mp4", "nvr/notes.txt", "one.mkv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_clips([str(tmp_path / "nvr"), str(tmp_path / "one.mkv"), str(tmp_path / "nvr/a/*.mp4")])
    assert [clip.path.relative_to(tmp_path).as_posix() for clip in found] == [
        "nvr/a/2.mp4",
        "nvr/a/10.mp4",
        "nvr/b/2.mp4",
        "one.mkv",
    ]
    assert len({clip.name for clip in found}) == 4
    with pytest.raises(ConfigError, match="is no file, no folder and no pattern"):
        find_clips([str(tmp_path / "missing")])
    with pytest.raises(ConfigError, match="no clips"):
        find_clips([str(tmp_path / "*.avi")])


def test_a_long_file_with_an_index_is_read_in_parts_and_no_other(clip, tmp_path):
    parts = chunks_of(chunks.Clip(clip, "clip"), 3.0)
    assert [(each.begin, each.end) for each in parts] == [
        (0, 20), (20, 40), (40, 60), (60, 80), (80, 100), (100, 120), (120, math.inf)
    ]  # fmt: skip
    assert chunks_of(chunks.Clip(write_clip(tmp_path / "short.mp4", 150), "short"), 3.0) == [
        Chunk(tmp_path / "short.mp4")
    ]
    assert chunks_of(chunks.Clip(write_clip(tmp_path / "long.ts", 300), "ts"), 3.0) == [
        Chunk(tmp_path / "long.ts")
    ]
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    assert chunks_of(chunks.Clip(tmp_path / "broken.mp4", "broken"), 3.0) == [Chunk(tmp_path / "broken.mp4")]


@pytest.mark.parametrize("options", [{}, {"x264-params": "open-gop=1:bframes=3"}, {"bf": "0"}])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_parts_of_a_file_are_its_frames(tmp_path, options, suffix):
    path = write_clip(tmp_path / f"clip{suffix}", 330, **options)
    source = FileSource("door", Address(str(path)))
    whole = [(frame.seq, frame.at, frame.rgb.tobytes()) for frame in source.frames()]
    parts = []
    for part in chunks_of(chunks.Clip(path, "clip"), 3.0):
        frames = list(source.part(part.first_s, part.begin, part.end))
        parts += [(len(parts) + frame.seq - frames[0].seq, frame.at, frame.rgb.tobytes()) for frame in frames]
    assert [each[0] for each in parts] == [each[0] for each in whole]
    assert [each[1] for each in parts] == pytest.approx([each[1] for each in whole], abs=1e-6)
    assert [each[2] for each in parts] == [each[2] for each in whole]


# --- whole runs ---------------------------------------------------------------------------------------------------


def test_a_clip_in_parts_has_the_counts_of_a_replay_and_its_events(clip, here, tmp_path):
    clip = write_clip(tmp_path / clip.name, corner=False)
    (results, workers, steps), plan = (
        here(find_clips([str(clip)]), tmp_path / "out", queue=True),
        planned(clip, tmp_path),
    )
    assert len(workers.done) == 7
    assert sum(steps) == pytest.approx(clip.stat().st_size, abs=7)
    (result,) = results.values()
    whole = replay(plan, MODELS, Outputs(None, tmp_path / "report.jsonl"), lambda *_: None)
    assert result.frames == whole.timeline.frames
    assert result.people == {label.value: count for label, count in whole.timeline.verdicts().items()}
    assert result.passages == {f"{way.value} {label.value}": n for (way, label), n in whole.passed.items()}
    assert result.alerts == len(whole.alerts) >= 2
    assert result.broken is None
    lines, other = (
        [json.loads(line) for line in path.read_text().splitlines()]
        for path in (tmp_path / "out/clips" / clip.name / "report.jsonl", tmp_path / "report.jsonl")
    )
    assert [(line["seq"], line["at"], line["protected_ratio"]) for line in lines] == [
        (line["seq"], line["at"], line["protected_ratio"]) for line in other
    ]
    events = events_of(tmp_path / "out")
    assert sum(event.kind is EventKind.ALERT for event in events) == result.alerts
    assert sum(event.kind is EventKind.PASSAGE for event in events) == sum(result.passages.values())
    began = 1795700730.0  # 2026-11-26 13:45:30 UTC
    assert all(began <= event.at <= began + 140 for event in events)
    assert not (tmp_path / "out/work").exists()


def test_samples_have_the_picture_of_their_frame(clip, here, tmp_path):
    """Though what selects them has none."""
    results, _, _ = here(find_clips([str(clip)]), tmp_path, queue=True)
    report = (tmp_path / "clips" / clip.name / "report.jsonl").read_text()
    queued = {line["queued"] for line in map(json.loads, report.splitlines()) if line["queued"]}
    queue = Queue(tmp_path / "queue")
    samples = queue.samples()
    assert results[clip.name].samples == len(queued) > 0
    assert {sample.id for sample in samples} >= queued
    pictures = {frame.seq: frame.rgb for frame in FileSource("door", Address(str(clip))).frames()}
    for sample in samples:
        difference = queue.find(sample.id)[1].astype(int) - pictures[sample.report.seq]
        assert np.abs(difference).mean() < 2  # JPEG


def test_a_clip_in_one_piece_has_the_report_of_a_replay(here, tmp_path):
    path = write_clip(tmp_path / "clip.ts", 150)
    here(find_clips([str(path)]), tmp_path / "out")
    replay(
        planned(path, tmp_path, queue=False),
        MODELS,
        Outputs(None, tmp_path / "report.jsonl"),
        lambda *_: None,
    )
    report = (tmp_path / "out/clips/clip.ts/report.jsonl").read_text()
    assert report == (tmp_path / "report.jsonl").read_text()
    assert report.count('"look": "carried"') > 10


def test_what_is_done_is_not_done_again_and_the_rest_is_the_same(clip, here, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    other = write_clip(tmp_path / "other.mp4", 60)
    clips = find_clips([str(clip), str(other)])
    results, _, _ = here(clips, tmp_path / "whole")
    for out, ends_after in (("a", 2), ("b", 5)):
        broken_off, workers, _ = here(clips, tmp_path / out, ends_after=ends_after)
        assert broken_off is None
        assert f"{tmp_path / out}: stopped; the same command goes on from here" in caplog.messages
        again, rest, _ = here(clips, tmp_path / out)
        assert again == results
        assert len(workers.done) + len(rest.done) == 8
        assert files_of(tmp_path / out) == files_of(tmp_path / "whole")
        assert events_of(tmp_path / out) == events_of(tmp_path / "whole")
    third, workers, steps = here(clips, tmp_path / "a")
    assert third == results
    assert workers.done == []
    assert sum(steps) == run.total_bytes(clips)
    os.utime(other, (1, 1))  # another file now
    _, workers, _ = here(clips, tmp_path / "a")
    assert workers.done == [Chunk(other)]


def test_where_only_counts_may_be_stored_there_is_no_box_on_the_disk_at_any_time(clip, here, tmp_path):
    here(find_clips([str(clip)]), tmp_path, ends_after=4, privacy=Privacy.AGGREGATE)
    assert not any((tmp_path / "work").rglob("*"))
    results, _, _ = here(find_clips([str(clip)]), tmp_path, privacy=Privacy.AGGREGATE)
    assert results[clip.name].frames == 700
    assert "box" not in (tmp_path / "clips" / clip.name / "report.jsonl").read_text()


def test_a_broken_clip_is_told_and_holds_no_other_up(clip, here, tmp_path):
    cut, none = tmp_path / "cut.mp4", tmp_path / "none.mp4"
    none.write_bytes(b"no video")
    write_clip(tmp_path / "long.mkv", 150)
    data = (tmp_path / "long.mkv").read_bytes()
    (tmp_path / "long.mkv").unlink()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(data[: len(data) // 2])
    results, _, _ = here(find_clips([str(clip), str(none), str(cut)]), tmp_path / "out")
    assert "is no video" in results["none.mp4"].broken
    assert results["none.mp4"].frames == 0
    assert "cut off" in results["cut.mkv"].broken
    assert 20 < results["cut.mkv"].frames < 140
    assert results[clip.name].broken is None


def test_a_file_whose_times_jump_is_read_in_one_piece(here, tmp_path, monkeypatch):
    path = write_clip(tmp_path / "clip.mp4", 330)
    clips = find_clips([str(path)])
    part = FileSource.part

    def jumping(self, first_s, begin, *more):
        if begin == 40:
            raise UnsteadyTimes("clip.mp4: its times jump")
        return part(self, first_s, begin, *more)

    monkeypatch.setattr(FileSource, "part", jumping)
    results, workers, _ = here(clips, tmp_path / "out")
    assert Chunk(path) in workers.done
    replay(
        planned(path, tmp_path, queue=False),
        MODELS,
        Outputs(None, tmp_path / "report.jsonl"),
        lambda *_: None,
    )
    assert (tmp_path / "out/clips/clip.mp4/report.jsonl").read_text() == (
        tmp_path / "report.jsonl"
    ).read_text()
    assert results["clip.mp4"].frames == 330


def test_parquet_has_what_the_lines_have(clip, here, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (maskwatch[scale])")
    here(find_clips([str(clip)]), tmp_path)
    rows = parquet.read_table(tmp_path / "clips" / clip.name / "report.parquet").to_pylist()
    lines = [
        json.loads(line)
        for line in (tmp_path / "clips" / clip.name / "report.jsonl").read_text().splitlines()
    ]
    assert len(rows) == len(lines) == 700
    for row, line in zip(rows, lines, strict=True):
        assert {key: row[key] for key in line if key != "outcomes"} == {
            k: v for k, v in line.items() if k != "outcomes"
        }


def test_a_chunk_gives_the_same_bytes_each_time(clip, here, tmp_path):
    analyst = ChunkAnalyzer(AnalysisSetup(planned("", tmp_path), tmp_path, "cpu"))
    chunk = chunks_of(chunks.Clip(clip, "clip"), 3.0)[2]
    first = analyst(chunk)
    analyst(chunks_of(chunks.Clip(clip, "clip"), 3.0)[5])
    assert analyst(chunk) == first
    found = ChunkResult.read(first)
    assert found.shown == 100
    assert next(seen.report.at for seen in found.frames) == 40.0


@pytest.mark.integration
def test_the_command_tells_what_all_clips_show_and_which_is_broken(maskwatch, demo_clip, tmp_path):
    """By two processes with the real models; the second time nothing is done again."""
    (tmp_path / "nvr/door").mkdir(parents=True)
    shutil.copyfile(demo_clip, tmp_path / "nvr/door/one.mp4")
    (tmp_path / "nvr/two.mp4").write_bytes(b"no video")
    for _ in range(2):
        done = maskwatch("archive", tmp_path / "nvr", "-o", tmp_path / "out", "--workers", 2, timeout=900)
        assert done.returncode == 1
        assert "2 clips, 0.00 h, 135 frames" in done.stdout
        assert "2 people followed: 2 with a mask, 0 without, 0 unknown" in done.stdout
        assert "1 alert, 0 samples queued" in done.stdout
        assert f"{tmp_path}/nvr/two.mp4: is no video" in done.stderr.splitlines()[-2]
        assert done.stderr.splitlines()[-2].count("two.mp4") == 1
        assert "1 of 2 clips could not be analysed to the end" in done.stderr
    lines = [
        json.loads(each)
        for each in (tmp_path / "out/clips/door/one.mp4/report.jsonl").read_text().splitlines()
    ]
    assert len(lines) == 135
    assert [path.stat().st_mode & 0o077 for path in (tmp_path / "out").rglob("*") if path.is_file()] == [
        0
    ] * len([path for path in (tmp_path / "out").rglob("*") if path.is_file()])


# --- workers that die ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_workers_killed_at_random_change_nothing(demo_clip, tmp_path, monkeypatch):
    """With the real models: every file and event is the same, bit for bit."""
    from maskwatch.config import load as configuration
    from maskwatch.models.loading import Models, pick_device

    monkeypatch.setattr("maskwatch.parallel.workers.MAX_DEATHS", 100)
    monkeypatch.setattr(chunks, "CHUNK_S", 2.0)
    for number in range(3):
        shutil.copyfile(demo_clip, tmp_path / f"{number}.mp4")
    clips = find_clips([str(tmp_path)])
    plan = planned("", tmp_path, queue=False)
    work, models = AnalysisSetup(plan, configuration.default().models.dir, "cpu"), Models(pick_device("cpu"))
    chance, killed = random.Random(1), []

    def kill(workers):
        while len(killed) < 20:
            time.sleep(chance.uniform(1, 8))
            if pids := workers.pids:
                killed.append(chance.choice(pids))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(killed[-1], signal.SIGKILL)

    for out in ("killed", "whole"):
        with LocalWorkers(work, 2) as workers:
            if out == "killed":
                threading.Thread(target=kill, args=(workers,), daemon=True).start()
            task = ArchiveRun(ArchivePlan(tmp_path / out, plan, models, "here"), workers, lambda _: None)
            results = [each.broken for each in task.results(clips)]
        assert results == [None] * 3
        assert len(killed) > 10
        killed += [0] * (20 - len(killed))  # what was not killed by now lives
    assert files_of(tmp_path / "whole") == files_of(tmp_path / "killed")
    assert events_of(tmp_path / "whole") == events_of(tmp_path / "killed")
