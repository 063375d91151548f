"""What a version in the shadow says differently of an image, in sentences."""

from maskwatch.console.texts import Texts
from maskwatch.core.records import Face, Label
from maskwatch.core.selection.shadow import face_differences
from maskwatch.samples.sample import Sample


def differences(sample: Sample, t: Texts) -> list[str]:
    """Faces that one of the two alone found, and each label that differs; none where no version was compared."""
    judged = sample.report.shadow
    if judged is None:
        return []
    version, found, told = judged.version, face_differences(sample.report.faces, judged.faces), []
    for key, count in (
        ("found", sum(each.serving is None for each in found)),
        ("lost", sum(each.candidate is None for each in found)),
    ):
        told += [t(f"review.shadow_{key}", version=version, n=count)] if count else []
    return told + [
        t(
            "review.shadow_relabelled",
            version=version,
            candidate=_said(each.candidate, t),
            serving=_said(each.serving, t),
        )
        for each in found
        if each.candidate is not None and each.serving is not None
    ]


def _said(face: Face, t: Texts) -> str:
    """The label, and how sure it is."""
    label = t(f"review.{face.label.value}")
    if face.protected is None:
        return label
    sure = face.protected if face.label is Label.PROTECTED else 1 - face.protected
    return f"{label} {sure:.0%}"
