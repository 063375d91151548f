"""Prints what FiftyOne's importers read of a set: FORMAT FOLDER; run in an environment of its own, without its database."""

import json
import sys
from pathlib import Path

import cv2
import fiftyone.utils.coco as of_coco
import fiftyone.utils.voc as of_voc
import fiftyone.utils.yolo as of_yolo

form, folder = sys.argv[1], Path(sys.argv[2]).resolve()
if form == "coco":
    files = sorted((folder / "annotations").glob("*.json"))
    importers = {
        path.stem.removeprefix("instances_"): of_coco.COCODetectionDatasetImporter(
            data_path=str(folder / "images" / path.stem.removeprefix("instances_")), labels_path=str(path)
        )
        for path in files
    }
elif form == "voc":
    places = {"data_path": str(folder / "JPEGImages"), "labels_path": str(folder / "Annotations")}
    importers = {None: of_voc.VOCDetectionDatasetImporter(**places)}
else:
    parts = [part for part in ("train", "val", "test") if (folder / f"{part}.txt").is_file()]
    importers = {
        part if parts else None: of_yolo.YOLOv5DatasetImporter(
            dataset_dir=str(folder), yaml_path="data.yaml", split=part
        )
        for part in parts or ["train"]
    }
found = {}
for part, importer in importers.items():
    base = folder / {"coco": f"images/{part}", "voc": "JPEGImages", "yolo": "images"}[form]
    with importer:
        for path, _, label in importer:
            height, width = cv2.imread(path).shape[:2]
            fields = label.values() if isinstance(label, dict) else [label]
            faces = []
            for face in (each for field in fields if field is not None for each in field.detections):
                x, y, across, down = face.bounding_box
                box = (x * width, y * height, (x + across) * width, (y + down) * height)
                faces.append((face.label, *box))
            key = str(Path(path).relative_to(base).with_suffix(""))
            found[key] = {"part": part, "faces": faces}
print(json.dumps(found))
