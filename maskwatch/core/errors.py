"""Every error that a person may see. Each message names the file, the key or the camera that it is about."""

MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What reading a malformed document may raise, also one with infinite numbers or lists nested without end."""


class MaskwatchError(Exception):
    """The command cannot go on; the message is one line for the person at the terminal."""


class ConfigError(MaskwatchError):
    """The configuration is wrong; the message has one line a problem, each with its key."""


class SourceError(MaskwatchError):
    """A source gives no frames, or no more, although it should."""


class SourceRefused(SourceError):  # noqa: N818 - the camera works
    """A camera refuses the user or the password; trying often would lock the user out."""


class ImageError(SourceError):
    """An array or file is not a picture that can be analysed; the fault is its giver's, not the program's."""


class ModelError(MaskwatchError):
    """A model file is missing, damaged or of another architecture."""


class DeviceLost(MaskwatchError):  # noqa: N818 - a state
    """The graphics card can no longer be used by this process; the message says why."""


class OutOfResources(MaskwatchError):  # noqa: N818 - a state
    """The process gets no more memory or threads; a new process may."""


class AlertError(MaskwatchError):
    """An alert could not be delivered."""


class AlertKept(AlertError):  # noqa: N818 - nothing is lost
    """An alert could not be delivered yet; its sink keeps it and goes on trying."""


class QueueError(MaskwatchError):
    """A sample could not be stored or read."""


class QueueFull(QueueError):  # noqa: N818 - a state
    """There is no room for another sample."""


class LabelConflict(QueueError):  # noqa: N818 - a conflict is not a fault
    """A sample was labelled by somebody else meanwhile; nothing was changed."""


class DataError(MaskwatchError):
    """A data set cannot be read, or holds too little to work with."""


class EventError(MaskwatchError):
    """An event could not be stored or read."""


class EventsDamaged(EventError):  # noqa: N818 - a state
    """The database of events is damaged, or the file is no database."""


class ServiceError(MaskwatchError):
    """The running service does not answer, or refuses."""


class UserError(MaskwatchError):
    """There is no such user of the console, or what is asked for is not allowed."""


class FleetError(MaskwatchError):
    """What a fleet's registry offers is refused, or something cannot be published there."""


class FleetUnreachable(FleetError):  # noqa: N818 - a state
    """A fleet's registry cannot be reached now; a later try may succeed."""


class WrongAnswer(FleetUnreachable):
    """A fleet's address answers, but not with what is published; the message says what to mend. To be asked again."""


class SignatureError(FleetError):
    """A fleet's manifest is not signed with any of the trusted keys."""


class NotInFleet(FleetUnreachable):
    """A fleet's folder can be reached, but has no such file."""
