"""Drawn examples for the guidelines: faces as SVG, so that no person's picture is needed."""

SKIN, HAIR, MASK, EDGE = "#f0c9a4", "#4a3526", "#7fb2e5", "#3f6ea3"
_HEAD = (
    f'<path d="M22 54Q18 18 60 18t38 36l-4 10H26z" fill="{HAIR}"/>'
    f'<ellipse cx="60" cy="66" rx="33" ry="41" fill="{SKIN}"/>'
    f'<path d="M27 54q8-24 33-24t33 24q-14-10-33-10T27 54z" fill="{HAIR}"/>'
)
_EYES = '<circle cx="47" cy="58" r="4" fill="#2a2320"/><circle cx="73" cy="58" r="4" fill="#2a2320"/>'
_NOSE = (
    '<path d="M60 62l-5 15q5 4 10 0" fill="none" stroke="#b98a63" stroke-width="3" stroke-linecap="round"/>'
)
_MOUTH = '<path d="M49 90q11 7 22 0" fill="none" stroke="#b1584c" stroke-width="4" stroke-linecap="round"/>'


def _mask(top: int, bottom: int, half: int) -> str:
    """From `top` to `bottom`, `half` wide to each side, with its strings to the ears."""
    left, right, middle = 60 - half, 60 + half, (top + bottom) // 2
    return (
        f'<path d="M28 62L{left} {top + 4}M92 62L{right} {top + 4}" stroke="{EDGE}" stroke-width="2"/>'
        f'<path d="M{left} {top + 4}Q60 {top - 6} {right} {top + 4}L{right - 3} {middle}Q60 {bottom + 12} {left + 3} {middle}z"'
        f' fill="{MASK}" stroke="{EDGE}" stroke-width="2"/>'
    )


def _box(place: tuple[int, int, int, int], colour: str, dashes: str = "") -> str:
    x, y, width, height = place
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="none" stroke="{colour}" '
        f'stroke-width="4"{dashed}/>'
    )


_GOOD, _BAD = "#1f7ae0", "#d23b1e"
_FACE = _HEAD + _EYES + _NOSE
EXAMPLES = {
    "protected": _FACE + _MOUTH + _mask(70, 98, 29),
    "unprotected": _FACE + _MOUTH,
    "under_nose": _FACE + _MOUTH + _mask(82, 102, 28),
    "on_chin": _FACE + _MOUTH + _mask(97, 107, 22),
    "hand": _FACE
    + _MOUTH
    + f'<path d="M38 120l6-40q16-10 34 0l4 40z" fill="{SKIN}" stroke="#b98a63" stroke-width="3"/>',
    "turned_away": f'<path d="M22 60Q18 18 60 18t38 42q0 48-38 48T22 60z" fill="{HAIR}"/>',
    "box_right": _FACE + _MOUTH + _box((25, 40, 70, 70), _GOOD),
    "box_wrong": _FACE + _MOUTH + _box((8, 8, 104, 110), _BAD, "7 5") + _box((42, 52, 36, 30), _BAD, "7 5"),
}
"""By name; the guidelines tell what each shows."""


def svg(name: str) -> str:
    """The drawing, 120 x 120. Raises `KeyError` for a name that is none."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 120" width="120" height="120">'
        f'<rect width="120" height="120" rx="10" fill="#e9edf2"/>{EXAMPLES[name]}</svg>'
    )
