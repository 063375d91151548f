"""The image pyramid: the frame in ever smaller sizes, so that a 12 px window meets faces of every size.

A pyramid shows P-Net its levels and cuts what R-Net and O-Net see of a box out of the level that fits.

levels.py      the sizes; sheets, on which levels lie
host.py        made by OpenCV, for the processor
device.py      made by torch where the networks are, for CUDA: all levels on one sheet
upload.py      frames on their way to CUDA
published.py   as facenet-pytorch makes it, to prove the cascade equal
"""
