"""Our tracker and those of the package `trackers` on the same simulated detections, as a table in Markdown.

    pip install "trackers>=2.6,<3"
    PYTHONPATH=.:tests python tests/tracking/compare.py [people a scene, comma-separated] [seeds]

A tracker's answer in a frame is the boxes that it gives to somebody; faces that nobody can see count neither way.
"""

import itertools
import sys
import warnings
from collections import defaultdict

import numpy as np
from tracking.scenes import SCENES, looks
from tracking.scores import followed, score

from maskwatch.core.records import Box

KEPT_S = 2.0  # theirs count in frames of 30 a second
FPS = (3, 5, 12, 25)


def theirs(make):
    """What a tracker of the package makes of looks; a near miss is a box of low confidence, and it is told the time."""

    def run(given, fps):
        import supervision

        tracker = make(fps)
        result = []
        for look in given:
            faces = (*look.faces, *look.near_misses)
            sure = [0.9] * len(look.faces) + [0.3] * len(look.near_misses)
            boxes = np.array([face.box for face in faces], float).reshape(-1, 4)
            detections = supervision.Detections(xyxy=boxes, confidence=np.array(sure))
            tracked = tracker.update(detections, timestamp=look.at)
            pairs = zip(tracked.tracker_id, tracked.xyxy.tolist(), strict=True)
            result.append({int(number): Box(*box) for number, box in pairs if number >= 0})
        return result

    return run


def contenders():
    """By name. DIoU (Zheng et al. 2020) also pairs boxes that do not overlap."""
    import trackers

    kept = int(30 * KEPT_S)
    far = {"iou": trackers.DIoU(), "minimum_iou_threshold": -0.5}
    return {
        "ours": lambda given, fps: followed(given),
        "SORT": theirs(lambda fps: trackers.SORTTracker(frame_rate=fps, lost_track_buffer=kept)),
        "ByteTrack": theirs(lambda fps: trackers.ByteTrackTracker(frame_rate=fps, lost_track_buffer=kept)),
        "ByteTrack, DIoU": theirs(
            lambda fps: trackers.ByteTrackTracker(frame_rate=fps, lost_track_buffer=kept, **far)
        ),
        "OC-SORT": theirs(lambda fps: trackers.OCSORTTracker(frame_rate=fps, lost_track_buffer=kept)),
    }


def main(people=(2, 6, 12), seeds=1):
    """Each row: of all clips with it, mean HOTA, mean IDF1, all switches, and by how many people the clips are off."""
    results = defaultdict(list)
    all_trackers = contenders()
    for (kind, make), number, seed in itertools.product(SCENES.items(), people, range(seeds)):
        scene = make(1000 + seed, number)
        for fps, gate in itertools.product(FPS, (False, True)):
            given = looks(scene, fps, 2000 + seed, gate=gate)
            truth = [scene.truth(look.at) for look in given]
            for name, follow in all_trackers.items():
                scores = score(truth, follow(given, fps))
                for key in (f"{fps} fps, gate {'on' if gate else 'off'}", f"{number} people", kind, "all"):
                    results[key, name].append(scores)
        print(kind, number, seed, file=sys.stderr, flush=True)
    print("| HOTA, IDF1, switches, people too many or few |", " | ".join(all_trackers), "|")
    print("|---" * (len(all_trackers) + 1) + "|")
    for key in dict.fromkeys(key for key, _ in results):
        cells = []
        for name in all_trackers:
            own = results[key, name]
            hota, idf1 = (np.mean([getattr(each, what) for each in own]) for what in ("hota", "idf1"))
            switches, off = sum(e.switches for e in own), sum(abs(e.people - e.truly) for e in own)
            cells.append(f"{hota:.3f}, {idf1:.3f}, {switches}, {off}")
        print(f"| {key} |", " | ".join(cells), "|")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    given_people = tuple(map(int, sys.argv[1].split(","))) if len(sys.argv) > 1 else (2, 6, 12)
    main(given_people, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
