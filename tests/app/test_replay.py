"""A replay that is broken off goes on where it was, and leaves what one in one piece leaves."""

import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from harness.walkers import FPS, FRAMES, HEIGHT, MODELS, WIDTH, planned, scene, write_clip

from maskwatch.app import footage
from maskwatch.app.replay import Outputs, replay
from maskwatch.core.address import Address
from maskwatch.core.errors import ConfigError, SourceError
from maskwatch.core.privacy import Privacy
from maskwatch.core.records import Frame
from maskwatch.platform import saved_state
from maskwatch.samples.store import Queue
from maskwatch.sources.file import FileSource
from maskwatch.sources.resumed import ResumedSource, place_of


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """140 s: three people who walk by, and something in a corner now and then."""
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


def outputs_in(folder):
    return Outputs(folder / "video.mp4", folder / "report.jsonl", folder / "plot.png")


def broken_off_at(frame):
    """Ctrl-C at that frame, of those that this process does."""
    seen = []

    def advance(count=1):
        seen.append(count)
        if count == 1 and sum(each == 1 for each in seen) == frame:
            raise KeyboardInterrupt

    return advance


def what_is_left(folder):
    """All that a replay wrote: the lines without the names of samples, which are times; the plot; the samples."""
    lines = [json.loads(line) for line in (folder / "report.jsonl").read_text().splitlines()]
    ids = {sample.id for sample in Queue(folder / "queue").samples()}
    assert {line["queued"] for line in lines if line["queued"]} <= ids
    for line in lines:
        line["queued"] = line["queued"] is not None
    samples = sorted(
        (s.report.source, s.report.seq, s.reasons, repr(s.report.faces))
        for s in Queue(folder / "queue").samples()
    )
    return lines, (folder / "plot.png").read_bytes(), samples


def video(path):
    """The times and pictures of a video, and which of them are key frames."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    times = [(round(frame.time, 3), frame.key_frame) for frame in frames]
    return times, np.stack([frame.to_ndarray(format="gray")[::4, ::4] for frame in frames]).astype(int)


def is_same_video(one, other):
    """Whether they have the same pictures at the same times; of the same pictures, the encoder's bytes differ now and then."""
    return one[0] == other[0] and np.abs(one[1] - other[1]).mean(axis=(1, 2)).max() < 1


def told(summary):
    seen = summary.timeline
    counts = seen.frames, seen.assessed, seen.under, seen.most, seen.verdicts(), seen.lanes()
    return counts, summary.passed, [asdict(alert) for alert in summary.alerts], summary.queued


@pytest.fixture(scope="module")
def whole(clip, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    summary = replay(planned(clip, folder), MODELS, outputs_in(folder), lambda *_: None)
    return told(summary), what_is_left(folder), video(folder / "video.mp4")


def test_the_clip_has_what_is_to_be_the_same(whole):
    (counts, passed, alerts, queued), (lines, _, samples), (times, pictures) = whole
    assert counts[0] == len(lines) == FRAMES
    assert len(alerts) >= 2
    assert passed.total() >= 3
    assert queued
    assert len(samples) >= queued
    assert {line["look"] for line in lines} == {"full", "part", "carried"}
    assert [time for time, _ in times] == [line["at"] for line in lines]
    assert np.abs(np.diff(pictures, axis=0)).mean(axis=(1, 2)).max() > 2


def test_a_replay_that_is_broken_off_twice_leaves_what_one_in_one_piece_leaves(clip, whole, tmp_path, caplog):
    """In the second minute, and again in the third: each time it goes on at the minute's beginning."""
    caplog.set_level(logging.INFO)
    plan, outputs = planned(clip, tmp_path), outputs_in(tmp_path)
    done = []
    for frame in (420, 330):
        with pytest.raises(KeyboardInterrupt):
            replay(plan, MODELS, outputs, broken_off_at(frame))
        assert not any(path.exists() for path in outputs.all)
        assert caplog.messages[-1] == f"{clip}: stopped; the same command continues from here"
        assert (tmp_path / ".video.mp4.replay").stat().st_mode & 0o077 == 0
    summary = replay(plan, MODELS, outputs, lambda count=1: done.append(count))
    assert done[0] == 600  # two whole minutes were not done again
    assert sum(done) == FRAMES
    assert (told(summary), what_is_left(tmp_path)) == whole[:2]
    assert is_same_video(video(tmp_path / "video.mp4"), whole[2])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "plot.png",
        "queue",
        "report.jsonl",
        "video.mp4",
    ]


def test_a_replay_that_is_broken_off_in_its_first_minute_leaves_nothing(clip, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(KeyboardInterrupt):
        replay(planned(clip, tmp_path), MODELS, Outputs(None, tmp_path / "new/r.jsonl"), broken_off_at(200))
    assert list(tmp_path.iterdir()) == []
    assert not any("continues from here" in message for message in caplog.messages)


def test_where_only_counts_may_be_stored_nothing_is_kept_to_go_on_with(clip, tmp_path):
    """As that would have boxes and tracks."""
    plan = replace(planned(clip, tmp_path, privacy=Privacy.AGGREGATE), queue=None)
    with pytest.raises(KeyboardInterrupt):
        replay(plan, MODELS, Outputs(None, tmp_path / "r.jsonl"), broken_off_at(400))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.integration
def test_after_a_power_cut_the_same_command_goes_on(clip, whole, tmp_path):
    """SIGKILL amid the second minute, of a process with its own files open."""
    script = (
        f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parents[1])!r}]\n"
        "import os, signal, pathlib, test_replay as t\n"
        "seen = []\n"
        "def advance(count=1):\n"
        "    seen.append(count)\n"
        "    len(seen) == 500 and os.kill(os.getpid(), signal.SIGKILL)\n"
        f"clip, folder = {str(clip)!r}, pathlib.Path({str(tmp_path)!r})\n"
        "t.replay(t.planned(clip, folder), t.MODELS, t.outputs_in(folder), advance)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=200, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = []
    summary = replay(
        planned(clip, tmp_path), MODELS, outputs_in(tmp_path), lambda count=1: done.append(count)
    )
    assert done[0] == 300
    assert (told(summary), what_is_left(tmp_path)) == whole[:2]
    assert is_same_video(video(tmp_path / "video.mp4"), whole[2])


def long_footage(frames):
    """Somebody new walks by every 8 s, 25 frames a second; the rest of the wall does not move."""

    def walk():
        for number in range(frames):
            rgb = np.full((120, 160, 3), 60, np.uint8)
            rgb[::8] = 70
            walker, step = divmod(number, 200)
            x = step - 10
            if 0 <= x < 118:
                rgb[30:70, x : x + 40] = 250 if walker % 2 else 200
            yield Frame("door", "long", number, number / 25, rgb)

    return SimpleNamespace(name="long", live=False, frames=walk, expected=lambda: frames)


def rss_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


def test_what_a_replay_remembers_does_not_grow_with_the_footage(tmp_path, monkeypatch):
    """All of it is in the state that it saves."""
    monkeypatch.setattr(footage, "open_source", lambda *_, **__: long_footage(6000))
    monkeypatch.setattr("maskwatch.output.timeline.MAX_COLUMNS", 512)
    monkeypatch.setattr("maskwatch.output.timeline.MAX_LANES", 4)
    monkeypatch.setattr("maskwatch.output.timeline.FORGET_S", 4.0)
    sizes = []

    def save(path, state):
        state = replace(
            state, memory=replace(state.memory, selection=None), summary=replace(state.summary, alerts=[])
        )
        written(tmp_path / "sized", state)
        sizes.append((tmp_path / "sized").stat().st_size)

    written = saved_state.save
    monkeypatch.setattr(saved_state, "save", save)
    plan = replace(planned("long", tmp_path), queue=None)
    summary = replay(plan, MODELS, Outputs(None, tmp_path / "report.jsonl"), lambda *_: None)
    assert summary.timeline.verdicts().total() >= 25
    assert len(sizes) == 3
    assert max(sizes) - sizes[0] < 0.05 * sizes[0] + 20_000, sizes


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_memory_stays_where_it_is_over_five_hours_of_footage(tmp_path, monkeypatch):
    """With a video, a report, a plot and samples."""
    monkeypatch.setattr(footage, "open_source", lambda *_, **__: long_footage(500_000))
    used = []

    def advance(count=1):
        used.append(rss_mb()) if count and (advance.calls % 50_000 == 49_999) else None
        advance.calls += 1

    advance.calls = 0
    replay(planned("long", tmp_path), MODELS, outputs_in(tmp_path), advance)
    assert len(used) == 10
    assert used[-1] - used[1] < 20


@pytest.mark.parametrize("other", ["settings", "file", "damaged", "report"])
def test_what_is_left_of_another_replay_is_not_gone_on_with(clip, tmp_path, other, caplog):
    own = tmp_path / "clip.mp4"
    own.write_bytes(clip.read_bytes())
    plan, outputs = planned(own, tmp_path), Outputs(None, tmp_path / "report.jsonl")
    with pytest.raises(KeyboardInterrupt):
        replay(plan, MODELS, outputs, broken_off_at(400))
    work = tmp_path / ".report.jsonl.replay"
    if other == "settings":
        plan = replace(plan, fps=4.0)
    elif other == "file":
        os.utime(own, (1, 1))
    elif other == "damaged":
        (work / "state").write_bytes((work / "state").read_bytes()[:-100])
    else:
        (work / "report.jsonl").write_bytes(b"")
    done = []
    replay(plan, MODELS, outputs, lambda count=1: done.append(count))
    assert set(done) == {1}
    assert not work.exists()


def test_two_replays_to_one_output_are_refused(clip, tmp_path):
    plan, outputs = planned(clip, tmp_path), Outputs(None, tmp_path / "report.jsonl")

    def second(*_):
        with pytest.raises(ConfigError, match="another replay writes the same output"):
            replay(plan, MODELS, outputs, print)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(plan, MODELS, outputs, second)


# --- sources that go on -------------------------------------------------------------------------------------------


def pictures(frames):
    return [(frame.seq, frame.at, frame.source, frame.rgb.tobytes()) for frame in frames]


@pytest.mark.parametrize(
    "options", [{}, {"x264-params": "open-gop=1:bframes=3"}, {"bf": "0"}, {"x264-params": "intra-refresh=1"}]
)
@pytest.mark.parametrize("fps", [None, 2.0])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_file_goes_on_at_any_frame_as_if_it_had_been_read_to_there(tmp_path, options, fps, suffix):
    path = write_clip(tmp_path / f"clip{suffix}", 130, **options)
    source = FileSource("door", Address(str(path)), fps=fps)
    frames = list(source.frames())
    assert len(frames) == 130 if fps is None else 40 < len(frames) < 60
    for place in (0, len(frames) // 3, len(frames) // 2, len(frames) - 1):
        rest = list(ResumedSource(source, place_of(frames[place])).frames())
        assert pictures(rest) == pictures(frames[place + 1 :])


def test_a_file_whose_clock_jumps_is_read_from_its_beginning(tmp_path, caplog):
    path = tmp_path / "clip.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"g": "10"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(60):
            picture = av.VideoFrame.from_ndarray(scene(number), format="rgb24")
            picture.pts = number + (5000 if number >= 30 else 0)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    source = FileSource("door", Address(str(path)))
    frames = list(source.frames())
    assert len(frames) == 60
    caplog.set_level("INFO")
    assert pictures(ResumedSource(source, place_of(frames[45])).frames()) == pictures(frames[46:])
    assert "is read from its beginning" in caplog.text


def test_footage_that_is_another_is_told(tmp_path, clip):
    place = place_of(next(FileSource("door", Address(str(clip))).frames()))
    wrong = replace(place, checksum=place.checksum + 1)
    with pytest.raises(SourceError, match="has other frames than before"):
        list(ResumedSource(FileSource("door", Address(str(clip))), wrong).frames())


def test_clips_go_on_in_the_clip_and_leave_those_before_it_alone(tmp_path):
    from maskwatch.sources.clips import ClipSource

    for number in range(4):
        write_clip(tmp_path / f"{number}.mp4", 20 + number)
    source = ClipSource("door", Address(str(tmp_path)))
    frames = list(source.frames())
    assert len(frames) == 86
    (tmp_path / "0.mp4").write_bytes(b"no video any more")
    for place in (45, 62, 63, 85):
        rest = ResumedSource(source, place_of(frames[place])).frames()
        assert pictures(rest) == pictures(frames[place + 1 :])


def test_a_source_that_cannot_go_on_by_itself_is_read_from_its_beginning():
    frames = [Frame("door", "x", n, n / 5, scene(n)) for n in range(20)]
    source = SimpleNamespace(name="x", live=False, frames=lambda: (frame for frame in frames))
    assert pictures(ResumedSource(source, place_of(frames[7])).frames()) == pictures(frames[8:])
