"""A report as records, and as one self-contained HTML file."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


@dataclass(frozen=True, slots=True)
class Table:
    """The first column names what the others tell."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """The bytes of a PNG or JPEG; `caption` is also its alternative text."""

    data: bytes
    caption: str

    @property
    def address(self) -> str:
        """A `data:` URL that holds the bytes, for the `src` of an HTML image."""
        kind = "png" if self.data.startswith(b"\x89PNG") else "jpeg"
        return f"data:image/{kind};base64,{b64encode(self.data).decode()}"


@dataclass(frozen=True, slots=True)
class ContactSheet:
    """Many small pictures with captions; `empty` is the text where there are none.

    `wide`: the pictures are whole scenes; `pairs`: each is two pictures side by side.
    """

    tiles: tuple[Image, ...]
    empty: str
    wide: bool = False
    pairs: bool = False


Block = str | Table | Image | ContactSheet


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the content below it, in order; a string is a paragraph."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """`facts` are the same figures for programs; `warning` says, where needed, why they must not be relied on."""

    title: str
    lead: tuple[str, ...]
    warning: str | None
    sections: tuple[Section, ...]
    facts: Mapping[str, object]

    @property
    def tables(self) -> list[Table]:
        """The tables of all sections, in the order of the report."""
        return [b for section in self.sections for b in section.blocks if isinstance(b, Table)]


def page(report: Report) -> bytes:
    """The report as HTML, with its images inside; nothing is loaded and no script runs."""
    return _template().render(report=report).encode()


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("maskwatch.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.tests |= {
        "table": lambda block: isinstance(block, Table),
        "image": lambda block: isinstance(block, Image),
        "words": lambda cell: cell != "-" and not any(letter.isdigit() for letter in cell),
    }
    return environment.get_template("report.html.jinja")
