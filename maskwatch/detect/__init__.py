"""Finding faces: the MTCNN cascade (Zhang et al. 2016, https://arxiv.org/abs/1604.02878).

cascade.py    the three stages, one after the other: P-Net proposes, R-Net refines, O-Net decides
candidates.py  how candidates get less: exactly on the processor, in padded tables on a card
boxes.py      windows, regression, squares, non-maximum suppression
single_thread.py  what torch would spread over all cores, however little it is
networks.py   the three networks, as published
weights.py    where the published weights lie
pyramids/     the frame in ever smaller sizes, and what R-Net and O-Net see of a box
backends/     what computes the networks
"""
