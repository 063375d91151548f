"""A report as records, and as one HTML file that needs nothing else."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class Table:
    """The first column names what the others tell."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """The bytes of a PNG or JPEG; `caption` is what it shows, for those who do not see it too."""

    data: bytes
    caption: str

    @property
    def address(self) -> str:
        kind = "png" if self.data.startswith(b"\x89PNG") else "jpeg"
        return f"data:image/{kind};base64,{b64encode(self.data).decode()}"


@dataclass(frozen=True, slots=True)
class ContactSheet:
    """Many small pictures with captions; `empty` is said when there is none."""

    tiles: tuple[Image, ...]
    empty: str


Block = str | Table | Image | ContactSheet


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """`facts` are the same figures for programs; `warning` says what they are not worth, where they are not."""

    title: str
    lead: tuple[str, ...]
    warning: str | None
    sections: tuple[Section, ...]
    facts: Mapping[str, object]

    @property
    def tables(self) -> list[Table]:
        return [b for section in self.sections for b in section.blocks if isinstance(b, Table)]


STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
p, th, figcaption { overflow-wrap: anywhere; }
.warning { border-left: 0.3rem solid #d06010; padding: 0.5rem 0.8rem; background: #d0601022; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 0.5rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 0.3rem 0; }
th, td { padding: 0.25rem 0.7rem 0.25rem 0; text-align: left; border-bottom: 1px solid #8886; }
tbody th { min-width: 7.5rem; }
td, th + th { text-align: right; white-space: nowrap; }
td.words { text-align: left; white-space: normal; min-width: 8rem; }
.note { font-size: 0.85rem; opacity: 0.8; }
figure { margin: 0; }
figure.chart img { width: 100%; max-width: 40rem; height: auto; background: #fff; border-radius: 4px; }
figcaption { font-size: 0.85rem; opacity: 0.85; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: 0.8rem; }
.sheet img { width: 100%; border-radius: 4px; display: block; }
.sheet figcaption { font-size: 0.75rem; line-height: 1.3; }
"""


def page(report: Report) -> bytes:
    """The report as HTML, with its pictures inside; nothing is loaded and no script runs."""
    warning = f'<p class="warning">{escape(report.warning)}</p>' if report.warning else ""
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(report.title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(report.title)}</h1>",
        warning,
        *(f"<p>{escape(line)}</p>" for line in report.lead),
    ]
    for section in report.sections:
        parts.append(f"<section><h2>{escape(section.title)}</h2>")
        parts += [_block(block) for block in section.blocks]
        parts.append("</section>")
    return "\n".join([*parts, "</body></html>\n"]).encode()


def _block(block: Block) -> str:
    if isinstance(block, str):
        return f"<p>{escape(block)}</p>"
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Image):
        return _figure(block, "chart")
    if not block.tiles:
        return f"<p>{escape(block.empty)}</p>"
    return f'<div class="sheet">{"".join(_figure(tile, "tile") for tile in block.tiles)}</div>'


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in table.headers)
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(map(_cell, row[1:]))}</tr>' for row in table.rows
    )
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<div class="wide"><table><caption>{escape(table.title)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{note}"
    )


def _cell(text: str) -> str:
    kind = "" if text == "-" or any(letter.isdigit() for letter in text) else ' class="words"'
    return f"<td{kind}>{escape(text)}</td>"


def _figure(image: Image, kind: str) -> str:
    caption = escape(image.caption)
    return (
        f'<figure class="{kind}"><img src="{image.address}" alt="{caption}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
