"""The lines of a report."""

from maskwatch.core.records import Decision, Direction, Label, Passage
from maskwatch.output.json_lines import as_json


def test_a_line_tells_who_passed(report, frame):
    passage = Passage("door", 1.23456, 7, Label.UNPROTECTED, Direction.LEAVING, "out", ("hall", "queue"))
    hidden = Passage("door", 1.0, None, Label.UNKNOWN, Direction.GONE)
    line = as_json(Decision(frame(1.3), report(1.3, 0.1), passages=(passage, hidden)))
    assert line["passages"] == [
        {
            "at": 1.235,
            "track": 7,
            "label": "unprotected",
            "direction": "leaving",
            "line": "out",
            "zones": ["hall", "queue"],
        },
        {"at": 1.0, "track": None, "label": "unknown", "direction": "gone", "line": None, "zones": []},
    ]
    assert as_json(Decision(frame(1.3), report(1.3, 0.1)))["passages"] == []
