"""Random sampling that a replay repeats: whether a frame is sampled depends on its camera, number, time and a salt alone."""

from hashlib import blake2b

from maskwatch.core.records import FrameReport


def is_sampled(share: float, salt: str, report: FrameReport) -> bool:
    """Whether a frame is in the random sample, which is a `share` (0..1) of all frames; another `salt` samples others."""
    key = f"{salt}:{report.camera}:{report.seq}:{report.at!r}".encode()
    uniform = int.from_bytes(blake2b(key, digest_size=8).digest(), "big") / 2**64
    return uniform < share
