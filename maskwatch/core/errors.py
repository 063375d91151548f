"""Every error that a person may see. Each message names the file, the key or the camera that it is about."""

MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What it raises to read a document that is not as it should be: also numbers without end, and lists in lists in lists."""


class MaskwatchError(Exception):
    """The command cannot go on; the message is one line for the person at the terminal."""


class ConfigError(MaskwatchError):
    """The configuration is wrong; the message has one line a problem, each with its key."""


class SourceError(MaskwatchError):
    """A source gives no (more) frames although it should."""


class SourceRefused(SourceError):  # noqa: N818 - the camera works
    """A camera refuses the user or the password: to ask often would lock us out."""


class ImageError(SourceError):
    """What should be a picture is none that can be looked at; whoever gave it is at fault."""


class ModelError(MaskwatchError):
    """A model file is missing, damaged or of another architecture."""


class DeviceLost(MaskwatchError):  # noqa: N818 - a state
    """The graphics card computes nothing any more in this process; the message says why."""


class OutOfResources(MaskwatchError):  # noqa: N818 - a state
    """The process gets no more memory or threads; only a new one may."""


class AlertError(MaskwatchError):
    """An alert could not be delivered."""


class AlertKept(AlertError):  # noqa: N818 - nothing is lost
    """An alert could not be delivered yet; its sink keeps it, and goes on trying."""


class QueueError(MaskwatchError):
    """A sample could not be stored or read."""


class QueueFull(QueueError):  # noqa: N818 - what is there is well
    """There is no room for another sample."""


class LabelConflict(QueueError):  # noqa: N818 - a conflict is not a fault
    """Somebody labelled a sample while somebody else looked at it; nothing was changed."""


class DataError(MaskwatchError):
    """A data set cannot be read or is not enough to work with."""


class EventError(MaskwatchError):
    """An event could not be stored or read."""


class EventsDamaged(EventError):  # noqa: N818 - what is told is that they are
    """The database of events is damaged, or is none."""


class ServiceError(MaskwatchError):
    """The running service does not answer, or refuses."""


class UserError(MaskwatchError):
    """There is no such user of the console, or what is wanted of one may not be."""


class FleetError(MaskwatchError):
    """What a fleet's registry offers is refused, or cannot be published."""


class FleetUnreachable(FleetError):  # noqa: N818 - what is offered may be well
    """A fleet's registry cannot be reached now; to be asked again."""


class WrongAnswer(FleetUnreachable):
    """A fleet's address answers, but not with what is published; the message says what to mend. To be asked again."""


class SignatureError(FleetError):
    """A fleet's manifest is signed with none of the keys that are trusted."""


class NotInFleet(FleetUnreachable):
    """A fleet's folder can be reached, and has no such file."""
