"""Finding faces: the MTCNN cascade (Zhang et al. 2016, https://arxiv.org/abs/1604.02878).

pyramid.py   the frame in ever smaller sizes
networks.py  P-Net proposes, R-Net refines, O-Net decides
boxes.py     windows, regression, squares, non-maximum suppression
crops.py     what R-Net and O-Net see of a box
cascade.py   the three stages, one after the other
weights.py   where the published weights lie
"""
