"""What computes the three networks: one interface, an implementation a file.

folded.py     the networks made ready: pixels in, log-odds and offsets out
pytorch.py    torch, on the processor or CUDA
compiled.py   P-Net compiled by torch beside the work, and handed over to
openvino.py   OpenVINO, on the processor
choice.py     which one is taken
"""
