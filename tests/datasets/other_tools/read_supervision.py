"""Prints what supervision reads of a set: FORMAT FOLDER; run in an environment of its own."""

import json
import sys
from pathlib import Path

from supervision import DetectionDataset

form, folder = sys.argv[1], Path(sys.argv[2])
if form == "coco":
    files = sorted((folder / "annotations").glob("*.json"))
    parts = [path.stem.removeprefix("instances_") for path in files]
    sets = [
        DetectionDataset.from_coco(str(folder / "images" / part), str(path))
        for part, path in zip(parts, files, strict=True)
    ]
elif form == "voc":
    parts = [None]
    sets = [DetectionDataset.from_pascal_voc(str(folder / "JPEGImages"), str(folder / "Annotations"))]
else:
    parts = [None]
    places = (folder / "images", folder / "labels", folder / "data.yaml")
    sets = [DetectionDataset.from_yolo(*map(str, places))]
found = {}
for part, data in zip(parts, sets, strict=True):
    base = folder / {"coco": f"images/{part}", "voc": "JPEGImages", "yolo": "images"}[form]
    for path, _, faces in data:
        corners = [
            (data.classes[kind], *map(float, box))
            for kind, box in zip(faces.class_id, faces.xyxy, strict=True)
        ]
        key = str(Path(path).resolve().relative_to(base.resolve()).with_suffix(""))
        found[key] = {"part": part, "faces": corners}
print(json.dumps(found))
