"""From frames to decisions: the threads and what runs on them.

camera.py        what the pipeline is given for one camera
capture.py       one thread a camera: frames into its mailbox, reconnecting
mailbox.py       frames of one camera that wait for the engine
engine.py        a batch of frames to reports
announcer.py     delivers alerts to the sinks and reports delivery results to the rules
worker.py        a thread that does jobs in order, from a bounded queue
status_board.py  the state of cameras, sinks and models, as every thread writes it
pipeline.py      the engine's thread, and everything put together
"""
