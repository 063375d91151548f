"""Classifying a face: does a mask cover nose and mouth?

crop.py         the crop of a face, the same for live use, training and evaluation
device_crop.py  the same on a card, of all faces together
network.py      two convolutions and what a weight file says about itself
classifier.py   many faces in one batch
"""
