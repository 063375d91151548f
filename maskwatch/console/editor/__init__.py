"""Settings by mouse: places and thresholds.

draft.py      what is drawn and set, with undo; port.py   what is asked of the configuration
canvas.py, place_canvas.js   the picture with its places; panels.py   the tools, the list, the sliders
trial.py      the recorded minute by the draft; timeline.py, figures.py   how that is shown
saving.py     into the file, and into the service; page.py   all of it together
"""
