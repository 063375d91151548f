"""Whether a camera still shows what its models know: how sure they are, day by day, and how right by the audit.

confidences.py  the daily counts, kept by the service
shift.py        when a shift is one
audit.py        how right the models were on samples drawn at random
watch.py        all cameras at once, and the notice that labelling is due
report.py       drawn
"""
