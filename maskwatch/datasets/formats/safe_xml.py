"""XML from strangers: entities, with which a few lines can fill the memory or name other files, are refused."""

from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers.expat import ExpatError, ParserCreate

from maskwatch.core.errors import DataError


def parse(path: Path) -> Element:
    """The root of a file. Raises `DataError`, naming it, when it is no XML or declares entities."""

    def refuse(name: str, *_: object) -> None:
        raise DataError(f"{path}: declares the entity {name!r}; files with entities are not read")

    builder = TreeBuilder()
    parser = ParserCreate()
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(path.read_bytes(), True)
    except OSError as e:
        raise DataError(f"{path}: {e.strerror}") from e
    except (ExpatError, ValueError, LookupError) as e:  # also an encoding that is none
        raise DataError(f"{path}: is not XML ({e})") from e
    return builder.close()
