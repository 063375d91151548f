"""Judging a face: does a mask cover nose and mouth?

crop.py         the one crop, for live use, training and evaluation
network.py      two convolutions and what a weight file says about itself
classifier.py   many faces in one batch
"""
