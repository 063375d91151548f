"""Rules: when to alert. Pure.

condition.py        what a rule asks of each frame, and the people whom it asks about
protected_ratio.py  too few of them wear a mask
without_mask.py     one of them wears none
occupancy.py        too many of them are there
timed_rule.py       a condition that holds for long enough is an alert: cooldown, beginning and end
schedule.py         days and hours on the clock on the wall
escalation.py       how often it was said in vain
camera_offline.py   a camera that gives no frames
"""
