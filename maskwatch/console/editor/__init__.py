"""The settings page: zones, lines and thresholds of a camera, drawn on its picture.

draft.py      what is drawn and set, with undo
port.py       how the page reads and changes the configuration
canvas.py, place_canvas.js   the picture with its places; panels.py   the tools, the list, the sliders
trial.py      the recorded minute, judged by the draft; timeline.py, figures.py   how that is shown
saving.py     writes the file and reloads the service; page.py   all of it together
"""
