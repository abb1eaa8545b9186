"""Charts as inline SVG: nothing but shapes with titles, so that a page stands by itself."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

Part = tuple[str, int, str]
"""Name, count and CSS class of one part of a bar."""

_WIDTH = 1000
_LEAST = 3.0
"""Every part that is there is seen, however small it is."""


def stacked_bar(parts: Sequence[Part], height: int = 22, total: int | None = None) -> Markup:
    """Parts of a whole side by side. With `total` the bar is as long as its share of that."""
    present = [part for part in parts if part[1] > 0]
    whole = total or sum(count for _, count, _ in present)
    shapes, x = [], 0.0
    for name, count, css in present:
        width = max(_LEAST, _WIDTH * count / whole) if whole else 0.0
        width = min(width, _WIDTH - x)
        shapes.append(
            f'<rect class="{escape(css)}" x="{x:.1f}" y="0" width="{width:.1f}" height="{height}">'
            f"<title>{escape(name)}: {count:,}</title></rect>"
        )
        x += width
    label = ", ".join(f"{name} {count:,}" for name, count, _ in present)
    return Markup(  # every text above is escaped
        f'<svg class="bar" role="img" aria-label="{escape(label)}" viewBox="0 0 {_WIDTH} {height}" '
        f'preserveAspectRatio="none" height="{height}">{"".join(shapes)}</svg>'
    )
