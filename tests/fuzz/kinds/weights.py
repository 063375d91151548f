"""Files of weights, and the registry's folder."""

import json
import shutil
from datetime import UTC, datetime

from fuzz.kinds.base import Kind
from fuzz.mutation import as_json, drawn, mutated, spoiled

FILES = ("classifier.safetensors", "detector.safetensors")
SHAPES = [
    {"side_px": 100_000, "margin": 0.15, "widths": [32, 64, 96]},
    {"side_px": 64, "margin": float("nan"), "widths": [32, 64, 96]},
    {"side_px": 64, "margin": 1e9, "widths": [32, 64, 96]},
    {"side_px": 64, "margin": -0.5, "widths": [32, 64, 96]},
    {"side_px": 64, "margin": 0.15, "widths": [32, 64, 10**9]},
    {"side_px": 71, "margin": "0.15", "widths": [32, 64, 96]},
    {"side_px": 64.5, "margin": 0.15, "widths": [32, 64, 96]},
]
POINTS = [
    {"thresholds": [0.6, 0.7], "powers": [0, 0, 1]},
    {"thresholds": ["a", "b", "c"], "powers": [0, 0, 1]},
    {"thresholds": [float("nan")] * 3, "powers": [0, 0, 1]},
    {"thresholds": [-1, -1, -1], "powers": [0, 0, 1]},
    {"thresholds": [0.6, 0.7, 0.8], "powers": [0, 0, 1e308]},
    {"thresholds": [0.6, 0.7, 0.8], "powers": [0, 0, -5]},
    {"thresholds": [0.6, 0.7, 0.8], "powers": []},
    {"thresholds": 5, "powers": None},
]


def opened(data):
    """The head, as a document, and what follows it."""
    end = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:end]), data[end:]


def closed(head, body):
    return len(head).to_bytes(8, "little") + head + body


class Weights(Kind):
    """A version of the registry, loaded as the service does; of no use, those that are shipped would serve."""

    names = ("classifier@", "detector@", "classifier.safetensors", "detector.safetensors", "meta.json", "current.json", "models")
    COUNT = 300

    def __init__(self, folder):
        from maskwatch.platform.package_data import shipped

        super().__init__(folder)
        self.seeds = {name: shipped(f"models/{name}").read_bytes() for name in FILES}
        self.heads = {}
        for name, data in self.seeds.items():
            self.heads[name] = drawn(spoiled(opened(data)[0]), self.COUNT, name)
        event = {"at": "2026-11-26T08:00:00+00:00", "what": "promoted", "version": "v1"}
        self.current = {"serving": "v1", "before": ["shipped"], "events": [event]}
        made = datetime(2026, 11, 26, tzinfo=UTC).isoformat()
        self.meta = {"id": "v1", "parent": "shipped", "made_at": made, "samples": ["a"], "figures": {"a": 1}, "files": {}}
        self.records = [drawn(spoiled(each), self.COUNT, key) for each, key in ((self.current, 1), (self.meta, 2))]

    def make(self, number, random, folder):
        from hashlib import sha256

        version = folder / "models" / "versions" / "v1"
        version.mkdir(parents=True)
        for name, data in self.seeds.items():
            (version / name).write_bytes(data)
        wrong = FILES[number % 2]
        if number % 3:
            (version / wrong).write_bytes(self._weights(number, wrong, random))
        meta = self.meta | {"files": {name: sha256((version / name).read_bytes()).hexdigest() for name in FILES}}
        current = self.current
        if number % 3 == 0:
            known = self.records[number % 2]
            record = known[number // 6 % len(known)]
            current, meta = (record, meta) if number % 2 == 0 else (current, record)
        (version / "meta.json").write_bytes(as_json(meta))
        (folder / "models" / "current.json").write_bytes(as_json(current))
        return folder / "models"

    def _weights(self, number, name, random):
        data = self.seeds[name]
        head, body = opened(data)
        match number % 5:
            case 0:
                known = self.heads[name]
                return closed(as_json(known[number // 10 % len(known)]), body)
            case 1:
                return closed(mutated(json.dumps(head).encode(), random), body)
            case 2:
                said, values = ("shape", SHAPES) if name == FILES[0] else ("point", POINTS)
                head["__metadata__"][said] = json.dumps(random.choice(values))
                return closed(json.dumps(head).encode(), body)
            case 3:
                place = random.randrange(len(body) // 4) * 4
                wrong = random.choice((b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\xff\xff\x7f\x7f"))
                return closed(json.dumps(head).encode(), body[:place] + wrong * random.choice((1, 1000)) + body[place:])[: len(data)]
        return mutated(data, random)

    def warm(self):
        from random import Random

        shutil.rmtree(self.folder / "warm", ignore_errors=True)
        folder = self.folder / "warm"
        path = self.make(0, Random(0), folder)
        (path / "versions" / "v1" / "meta.json").write_bytes(
            as_json(self.meta | {"files": {}})
        )
        import torch

        from maskwatch.models.loading import Models

        self._used(Models(torch.device("cpu")))

    def take(self, path):
        import torch

        from maskwatch.models.loading import load_version
        from maskwatch.models.registry import Registry

        registry = Registry(path)
        state = registry.state()
        registry.versions()
        self._used(load_version(registry, state.serving, torch.device("cpu")))

    def _used(self, models):
        import numpy as np

        from maskwatch.classify.settings import Settings as ClassifySettings
        from maskwatch.core.records import Box, Face
        from maskwatch.detect.settings import Settings as DetectSettings
        from maskwatch.models.smoke_test import smoke_test

        detector = models.detector(DetectSettings(backend="torch"))
        classifier = models.classifier(ClassifySettings())
        rgb = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
        smoke_test(detector, classifier, [rgb])
        detector.detect([rgb])
        classifier.classify([(rgb, Face(Box(5, 5, 40, 40), 1.0))])
