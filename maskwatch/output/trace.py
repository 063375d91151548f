"""What a run saw, frame by frame, without pictures: some 60 bytes a frame and 50 more a person, for hours of footage."""

from array import array

from maskwatch.core.records import Box, FrameReport, Label, Person, Versions

LABELS = tuple(Label)
USUAL_S = 0.04  # how long the only frame of footage is shown
MAX_SHOWN_S = 5.0  # a frame counts no longer, however long nothing came after it


class Trace:
    """Is given each report of a run, in order; gives them back without their faces.

    `at` are the frames' times in seconds, `seq` their numbers, `ratio` and `raw_ratio` 0..1, NaN where there is none.
    """

    def __init__(self) -> None:
        self.at, self.ratio, self.raw_ratio = array("d"), array("d"), array("d")
        self.seq = array("q")
        self._counts = {label: array("H") for label in LABELS}
        self._starts = array("q", [0])
        self._tracks, self._labels = array("l"), array("B")
        self._boxes, self._protected = array("f"), array("f")
        self._hidden, self._counted = array("B"), array("B")
        self._found_from, self._found = array("q", [0]), array("f")
        self.size = (0, 0)
        self.camera = self.source = ""
        self.models: Versions | None = None

    def __len__(self) -> int:
        return len(self.at)

    def add(self, report: FrameReport) -> None:
        """Note what is kept of it."""
        self.camera, self.source, self.size = report.camera, report.source, report.size
        self.models = report.models
        self.at.append(report.at)
        self.seq.append(report.seq)
        for ratios, ratio in ((self.ratio, report.protected_ratio), (self.raw_ratio, report.raw_ratio)):
            ratios.append(float("nan") if ratio is None else ratio)
        for label, counts in self._counts.items():
            counts.append(report.count(label))
        for person in report.persons or ():
            self._tracks.append(person.track)
            self._labels.append(LABELS.index(person.label))
            self._boxes.extend(person.box)
            self._protected.append(float("nan") if person.protected is None else person.protected)
            self._hidden.append(person.face is None)
            self._counted.append(person.counted)
        self._starts.append(len(self._tracks))
        for face in (*report.faces, *report.near_misses):
            self._found.extend(face.box)
        self._found_from.append(len(self._found))

    def boxes(self, place: int) -> tuple[Box, ...]:
        """Wherever in a frame a face is or may be, in pixels: faces, near misses, and where hidden ones are expected."""
        found = self._found[self._found_from[place] : self._found_from[place + 1]]
        faces = (Box(*found[n : n + 4]) for n in range(0, len(found), 4))
        return (*faces, *(person.box for person in self.persons(place)))

    def counts(self, label: Label) -> "array[int]":
        """How many people had this verdict, by frame."""
        return self._counts[label]

    def people(self, place: int) -> int:
        """How many could be assessed in a frame."""
        return self._counts[Label.PROTECTED][place] + self._counts[Label.UNPROTECTED][place]

    def persons(self, place: int) -> tuple[Person, ...]:
        """Those in view in a frame; `face` is 0, or None where it is hidden."""
        return tuple(
            Person(
                self._tracks[n],
                Box(*self._boxes[4 * n : 4 * n + 4]),
                LABELS[self._labels[n]],
                None if self._protected[n] != self._protected[n] else self._protected[n],
                face=None if self._hidden[n] else 0,
                counted=bool(self._counted[n]),
            )
            for n in range(self._starts[place], self._starts[place + 1])
        )

    def report(self, place: int) -> FrameReport:
        """What was seen in a frame, without its faces."""
        persons = self.persons(place)
        return FrameReport(
            self.camera, self.source, self.seq[place], self.at[place], self.size, (), persons=persons
        )

    def shown_s(self, place: int) -> float:
        """How long a frame is shown: until the next one; the last one as long as that before."""
        if len(self) < 2:
            return USUAL_S
        first = min(place, len(self) - 2)
        return min(max(self.at[first + 1] - self.at[first], 0.0), MAX_SHOWN_S)

    def verdicts(self) -> dict[int, Label]:
        """The last verdict on each person, by her number."""
        return {self._tracks[n]: LABELS[self._labels[n]] for n in range(len(self._tracks))}
