"""How good the models are, on pictures that they were not trained on.

split_choice.py, images.py   the pictures of a data set that are measured on
matching.py        which found face is which true one, and how large faces are
curve.py           the precision-recall curve and the area under it
bootstrap.py       how sure a figure is, and whether two models differ
conditions.py      the pictures made grey, dark, noisy, blurred
detection.py       the detector
classification.py  the classifier, on faces that the detector finds
system.py          both together, as they run
plots.py, sheets.py, maps.py   what can be looked at
measure.py         a whole measurement: a folder and models in, a report out
document.py        a report as records, and as HTML
reports/           what the reports say
side_by_side.py    several reports in one table
"""
