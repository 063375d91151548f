"""From frames to decisions: the threads and what runs on them.

pipeline.py       the engine's thread, and everything put together
camera.py         what the pipeline is given for one camera
capture.py        one thread a camera: frames into its mailbox, reconnecting
mailbox.py        frames of one camera that wait for the engine
turns.py          which cameras' frames go together into one batch
engine.py         a batch of frames to reports
decisions.py      a report to a decision: people, rules, view, samples
offline_watch.py  cameras that give no frames
alerting.py       alerts to the announcer, and delivery results back to the rules
announcer.py      delivers alerts to the sinks, each on its own worker
sampling.py       frames into the sample queue
second_look.py    second looks at a few frames, on a thread of their own
shadow.py         a candidate judges a few frames beside the serving models
shadow_tally.py   what was counted of that
event_feed.py     what the pipeline decides, as events
latest.py         the last frame and minute of each camera, for people who look
status_board.py   the state of cameras, sinks and models, as every thread writes it
camera_counters.py  one camera's part of it
worker.py         a thread that does jobs in order, from a bounded queue
"""
