"""From labelled samples to better models, without a person but with a gate.

split.py      which samples are trained on, and which are held out for good
archive.py    where used samples lie, what was decided of each, and the batch under way
collect.py    pictures for training and for measuring
tune.py       detector and classifier, on from the serving weights
compare.py    who is found and judged right, and whether labels can be true
gate.py       whether a candidate may serve
report.py     what was decided, and why
loop.py       all of it in order
"""
