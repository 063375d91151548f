"""Would a deadline for batches help, or a limit? Simulated cameras before an engine whose batches take as long as measured.

With a deadline the engine waits until the oldest frame has waited for `wait_ms`, or every camera has a frame, so that batches
are larger; without it takes what is there as soon as it is free. At `most` so many go together, of the cameras that were
not looked at for longest. A camera's newest frame replaces one that still waits, as in the service's mailboxes.

    python tests/harness/scheduling.py
"""

import random
from dataclasses import dataclass
from itertools import pairwise

# milliseconds of a call by its frames, 1080p from 20 px on, detector and classifier
PROCESSOR = {
    1: 49.2,
    4: 201.5,
    16: 991.7,
    32: 2279.2,
}  # two cores with other work, docs/speed/amd-epyc-2-cores.json
CARD = {
    1: 11.5,
    4: 31.0,
    16: 108.8,
    32: 206.5,
}  # an H200 with an earlier release: 87, 129, 147, 155 frames a second
QUICK_CARD = {
    1: 6.0,
    4: 8.0,
    16: 16.0,
    32: 27.0,
}  # as a card is hoped to be: most of a small batch is no computing


@dataclass(frozen=True)
class Outcome:
    """`analysed` frames a second; latencies from a frame's arrival to its decision; `batch` is the mean size."""

    analysed: float
    dropped: float
    p50_ms: float
    p95_ms: float
    batch: float


def batch_ms(measured, frames):
    """Between two measured sizes by a line, and beyond them along the last one."""
    sizes = sorted(measured)
    low, high = next((pair for pair in pairwise(sizes) if frames <= pair[1]), sizes[-2:])
    share = (frames - low) / (high - low)
    return measured[low] + share * (measured[high] - measured[low])


def arrivals(cameras, fps, seconds, seed):
    """When which camera gives a frame, in milliseconds, in order; cameras do not tick together, and a little unevenly."""
    chance = random.Random(seed)
    step = 1000 / fps
    phases = [chance.uniform(0, step) for _ in range(cameras)]
    every = [
        (phase + number * step + chance.gauss(0, step / 30), camera)
        for camera, phase in enumerate(phases)
        for number in range(int(seconds * fps))
    ]
    return sorted(every)


def simulate(measured, *, cameras, fps, wait_ms=0.0, most=1000, seconds=60, seed=0):
    """What becomes of the frames of so many cameras."""
    coming, waiting, dropped = arrivals(cameras, fps, seconds, seed), {}, 0
    place, now, latencies, batches, looked_at = 0, 0.0, [], 0, dict.fromkeys(range(cameras), -1.0)

    def take_until(at):
        nonlocal place, dropped
        while place < len(coming) and coming[place][0] <= at:
            arrived, camera = coming[place]
            dropped += camera in waiting
            waiting[camera] = arrived
            place += 1

    while place < len(coming) or waiting:
        take_until(now)
        if not waiting:
            now = coming[place][0]
            continue
        due = min(waiting.values()) + wait_ms
        if now < due and len(waiting) < cameras and place < len(coming):
            now = min(due, coming[place][0])  # another frame, or the deadline
            continue
        chosen = sorted(waiting, key=looked_at.__getitem__)[:most]
        now += batch_ms(measured, len(chosen))
        latencies += [now - waiting.pop(camera) for camera in chosen]
        looked_at |= dict.fromkeys(chosen, now)
        batches += 1
    latencies.sort()
    return Outcome(
        len(latencies) / seconds,
        dropped / len(coming),
        latencies[len(latencies) // 2],
        latencies[int(0.95 * len(latencies))],
        len(latencies) / batches,
    )


CASES = [
    ("processor", PROCESSOR, 1, 5),
    ("processor", PROCESSOR, 6, 5),
    ("processor", PROCESSOR, 64, 5),
    ("card", CARD, 1, 15),
    ("card", CARD, 8, 15),
    ("card", CARD, 64, 15),
    ("quick card", QUICK_CARD, 1, 15),
    ("quick card", QUICK_CARD, 16, 15),
    ("quick card", QUICK_CARD, 64, 15),
]
POLICIES = ((0, 1000), (10, 1000), (30, 1000), (0, 16), (0, 4))  # deadline, and most frames of a batch


def main():
    print(
        "| machine | cameras | fps | deadline, ms | at most | analysed a second | dropped | p50, ms | p95, ms | frames a batch |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, measured, cameras, fps in CASES:
        for wait_ms, most in POLICIES:
            if most < 1000 and most >= cameras:
                continue
            out = simulate(measured, cameras=cameras, fps=fps, wait_ms=wait_ms, most=most)
            print(
                f"| {name} | {cameras} | {fps} | {wait_ms} | {most if most < 1000 else ''} | {out.analysed:.1f} | {out.dropped:.0%} "
                f"| {out.p50_ms:.0f} | {out.p95_ms:.0f} | {out.batch:.1f} |"
            )


if __name__ == "__main__":
    main()
