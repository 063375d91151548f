"""Prints what Datumaro reads of a set: FORMAT FOLDER; run in an environment of its own."""

import json
import sys

import datumaro

data = datumaro.Dataset.import_from(sys.argv[2], {"coco": "coco", "voc": "voc", "yolo": "yolo"}[sys.argv[1]])
names = data.categories()[datumaro.AnnotationType.label]
found = {}
for item in data:
    boxes = [each for each in item.annotations if each.type == datumaro.AnnotationType.bbox]
    corners = [(names[each.label].name, *each.points) for each in boxes]
    found[item.id] = {"part": item.subset, "faces": corners}
print(json.dumps(found))
