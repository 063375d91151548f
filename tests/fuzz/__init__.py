"""Hostile inputs: what strangers may put before the program, in a process with limits of memory and time.

`run.py` starts the process (`child.py`), which makes each input from its number, lets the program take it (`kinds/`) and
judges what came of it (`judging.py`).
"""
