"""Random sampling that a replay repeats: a frame's lot depends on a word, its camera, number and time alone."""

from hashlib import blake2b

from maskwatch.core.records import FrameReport


def is_sampled(share: float, word: str, report: FrameReport) -> bool:
    """Whether a frame is among the `share` (0..1) that is drawn; another `word` draws others."""
    lot = f"{word}:{report.camera}:{report.seq}:{report.at!r}".encode()
    drawn = int.from_bytes(blake2b(lot, digest_size=8).digest(), "big") / 2**64
    return drawn < share
