"""Trains better models from labelled samples; a gate decides automatically whether they may serve.

split.py      which samples are trained on, and which are held out for good
archive.py    used samples, the split of each, and the batch under way
collect.py    pictures for training and for measuring
tune.py       fine-tunes detector and classifier from the serving weights
compare.py    who is found and judged right, and whether labels can be true
gate.py       whether a candidate may serve
report.py     what was decided, and why
loop.py       all of it in order
"""
