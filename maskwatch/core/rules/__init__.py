"""Rules: when to alert. Pure.

condition.py        the condition that a rule checks on each frame, and the people whom it is about
protected_ratio.py  too few of them wear a mask
without_mask.py     one of them wears none
occupancy.py        too many of them are there
timed_rule.py       a condition that holds for long enough is an alert: cooldown, beginning and end
schedule.py         days and hours of local time
escalation.py       alerts that did not help
one_alert.py        what the rules about a camera itself have in common
camera_offline.py   a camera that gives no frames
camera_view.py      a camera that sees nothing useful
"""
