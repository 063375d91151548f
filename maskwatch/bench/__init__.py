"""Measuring speed on the machine at hand.

scene.py       frames to measure on, composed
contender.py   one detector in a process of its own, told by lines what to do
detect.py      ours against facenet-pytorch, in turns
card.py        one device: steps, frames a second, latency, recall
device_clock.py  its steps by its own clock, and how often it is waited for
agreement.py   its boxes beside those of float32 on the processor
training.py    pictures a second of a training on it
reports.py     such reports beside each other
system.py      so many cameras at once, through the whole pipeline
"""
