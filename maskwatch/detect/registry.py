"""The kinds of detector, by the name that the configuration gives them. Importing this loads no torch."""

from maskwatch.core.ports import Detector
from maskwatch.plugins import Kinds, ModelContext

DETECTORS: Kinds[Detector, ModelContext] = Kinds("detector", "maskwatch.detectors", "maskwatch.detect.kinds")
