"""Measuring speed on the machine at hand.

scene.py       frames to measure on, composed
contender.py   one detector in a process of its own, told by lines what to do
detect.py      ours against facenet-pytorch, in turns
card.py        one device: steps, frames a second, latency, recall
system.py      so many cameras at once, through the whole pipeline
"""
