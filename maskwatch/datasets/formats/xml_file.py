"""XML files of strangers: no entities, and one kind of error."""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import EntitiesForbidden
from defusedxml.ElementTree import fromstring

from maskwatch.core.errors import DataError
from maskwatch.platform.files import read_file


def parse_xml(path: Path) -> Element:
    """The root of a file of strangers. Raises `DataError`, naming it, when it is no XML or declares entities."""
    try:
        root: Element = fromstring(read_file(path))
    except OSError as e:
        raise DataError(f"{path}: {e.strerror}") from e
    except EntitiesForbidden as e:
        raise DataError(f"{path}: declares the entity {e.name!r}; files with entities are not read") from e
    except (ParseError, ValueError, LookupError) as e:  # also an encoding that is none
        raise DataError(f"{path}: is not XML ({e})") from e
    return root
