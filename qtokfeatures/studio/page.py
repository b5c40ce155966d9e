"""Self-contained HTML pages: nothing fetched, legible on a phone."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

_STYLE = """
:root{color-scheme:light;--ink:#222;--faint:#5f5f5f;--line:#dcdcdc;--accent:#0072b2}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1rem 1rem 4rem;color:var(--ink);background:#fff;
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0}
h2{font-size:1.2rem;margin:2.2rem 0 .6rem;border-top:1px solid var(--line);padding-top:1.2rem}
h1,h2,p,figcaption,.name{overflow-wrap:anywhere}
p{margin:.5rem 0;max-width:46rem}
.faint,figcaption{color:var(--faint);font-size:.875rem}
figure{margin:1rem 0}
.picture{overflow-x:auto;-webkit-overflow-scrolling:touch}
.canvas{position:relative;min-width:38rem;max-width:100%}
.canvas img{display:block;width:100%;height:auto}
.spot{position:absolute;width:1.4rem;height:1.4rem;margin:-.7rem 0 0 -.7rem;border-radius:50%}
.spot:hover,.spot:focus{outline:2px solid var(--accent);outline-offset:-2px}
.cards{display:grid;gap:.75rem;margin:.75rem 0;
grid-template-columns:repeat(auto-fill,minmax(15.5rem,1fr))}
.card{border:1px solid var(--line);border-radius:.5rem;padding:.6rem .75rem;min-width:0}
.card.playing{border-color:var(--accent);box-shadow:0 0 0 1px var(--accent)}
.card .name{font-weight:600;margin:0}
.card p{margin:0 0 .35rem}
audio{width:100%;height:2.5rem;display:block}
.wide{overflow-x:auto}
table{border-collapse:collapse;margin:.75rem 0;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.3rem 1.1rem .3rem 0;border-bottom:1px solid var(--line);
vertical-align:top}
th{font-weight:600;font-size:.875rem;color:var(--faint)}
td:not(:last-child){white-space:nowrap}
td.number{text-align:right}
@media (max-width:40rem){.picture::after{content:"swipe sideways for the whole picture";
display:block;position:sticky;left:0;width:100%;color:var(--faint);font-size:.8rem;text-align:center}}
@media (max-width:36rem){body{padding:.5rem .75rem 3rem}h1{font-size:1.35rem}
table,thead,tbody{display:block}
tr{display:flex;flex-wrap:wrap;border-bottom:1px solid var(--line);padding:.3rem 0}
th,td,td.number{flex:0 0 calc(100%/var(--columns));min-width:0;border:0;padding:0 .3rem 0 0;
text-align:left}
td:not(:last-child){white-space:normal;overflow-wrap:anywhere}
th{font-size:.75rem}
th:last-child,td:last-child{flex-basis:100%}
td:last-child{color:var(--faint);font-size:.9rem}}
"""

_SCRIPT = """
document.addEventListener("play", function (event) {
  document.querySelectorAll("audio").forEach(function (other) {
    var card = other.closest(".card");
    if (other !== event.target) { other.pause(); }
    if (card) { card.classList.toggle("playing", other === event.target); }
  });
}, true);
document.querySelectorAll(".spot").forEach(function (spot) {
  spot.addEventListener("click", function (event) {
    var card = document.querySelector(spot.getAttribute("href"));
    var player = card && card.querySelector("audio");
    if (player) { event.preventDefault(); player.currentTime = 0; player.play(); }
  });
});
"""

_EMPTY_ELEMENTS = frozenset({"img", "meta", "br"})


def page(title: str, blocks: Iterable[object], *, lead: str = "") -> str:
    """Return a complete HTML document; `blocks` are markup, or strings shown as text."""
    head = join(
        [
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("title", title),
            element("style", Markup(_STYLE)),
        ]
    )
    body = join(
        [
            element("h1", title),
            element("p", lead) if lead else "",
            *blocks,
            element("script", Markup(_SCRIPT)),
        ]
    )
    root = element("html", element("head", head), element("body", body), lang="en")
    return f"<!DOCTYPE html>\n{root}\n"


def section(heading: str, *blocks: object, anchor: str | None = None) -> Markup:
    """Return a heading and its blocks."""
    return element("section", element("h2", heading), *blocks, id=anchor)


def table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> Markup:
    """Return a table; on a narrow screen the last cell of a row stands below the others."""
    head = element("tr", *(element("th", name) for name in header))
    body = [element("tr", *map(_cell, row)) for row in rows]
    return element(
        "div",
        element(
            "table",
            element("thead", head),
            element("tbody", *body),
            style=f"--columns:{max(1, len(header) - 1)}",
        ),
        class_="wide",
    )


def picture(png: bytes, *, alt: str, caption: str = "", spots: Iterable[Markup] = ()) -> Markup:
    """Return a picture that stays legible on a narrow screen by scrolling."""
    source = f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
    canvas = element("div", element("img", src=source, alt=alt), *spots, class_="canvas")
    return element(
        "figure",
        element("div", canvas, class_="picture"),
        element("figcaption", caption) if caption else "",
    )


def spots(
    positions: NDArray[np.float64], names: Sequence[str], targets: Sequence[str | None]
) -> list[Markup]:
    """Return places (n, 2) in a picture, as shares of its size, that play a clip when touched."""
    return [
        element(
            "a",
            class_="spot",
            href=f"#{target}",
            title=name,
            aria_label=f"play {name}",
            style=f"left:{100 * left:.2f}%;top:{100 * top:.2f}%",
        )
        for (left, top), name, target in zip(positions, names, targets, strict=True)
        if target is not None
    ]


def player(name: str, source: str, *, note: str = "", anchor: str | None = None) -> Markup:
    """Return a card with a name and an audio player."""
    return element(
        "div",
        element("p", name, class_="name"),
        element("p", note, class_="faint") if note else "",
        element("audio", controls=True, preload="metadata", src=source, aria_label=f"play {name}"),
        class_="card",
        id=anchor,
    )


def cards(players: Iterable[Markup]) -> Markup:
    """Return players side by side, as many as fit."""
    return element("div", *players, class_="cards")


def _cell(value: object) -> Markup:
    if isinstance(value, (int, float)):
        shown = f"{value:,.3g}" if isinstance(value, float) else f"{value:,}"
        return element("td", shown, class_="number")
    return element("td", escape(value))


class Markup(str):
    """HTML that goes into a page unescaped."""

    __slots__ = ()


def escape(text: object) -> Markup:
    """Return `text` as markup that shows it literally; markup stays as it is."""
    return text if isinstance(text, Markup) else Markup(html.escape(str(text), quote=True))


def element(name: str, /, *children: object, **attributes: object) -> Markup:
    """Return one HTML element with escaped children and attributes.

    True writes a bare attribute, None and False omit it; a trailing underscore is dropped.

    Examples
    --------
    >>> element("a", "R & B", href="#clip-1", class_="spot")
    '<a href="#clip-1" class="spot">R &amp; B</a>'
    """
    opening = "".join([name, *(_attribute(key, value) for key, value in attributes.items())])
    if name in _EMPTY_ELEMENTS:
        return Markup(f"<{opening}>")
    return Markup(f"<{opening}>{join(children)}</{name}>")


def join(parts: Iterable[object]) -> Markup:
    """Concatenate parts, escaping those that are not markup."""
    return Markup("".join(escape(part) for part in parts))


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(value)}"'
