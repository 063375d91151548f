"""From frames to decisions: the threads and what runs on them.

camera.py     what the pipeline is given for one camera
capture.py    one thread a camera: frames into its mailbox, reconnecting
engine.py     a batch of frames to reports
announcer.py  alerts to the sinks, and word back to the rule
pipeline.py   the engine's thread, and everything put together
"""
