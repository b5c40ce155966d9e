"""HTML built from parts, where every string is text until it is said to be markup."""

from __future__ import annotations

import html
from collections.abc import Iterable

_EMPTY_ELEMENTS = frozenset({"img", "meta", "br"})


class Markup(str):
    """A string that is already HTML and goes into a page as it is."""

    __slots__ = ()


def escape(text: object) -> Markup:
    """Return `text` as markup that shows it literally; markup stays as it is.

    Examples
    --------
    >>> escape("a <b> & c")
    'a &lt;b&gt; &amp; c'
    >>> escape(Markup("<b>"))
    '<b>'
    """
    return text if isinstance(text, Markup) else Markup(html.escape(str(text), quote=True))


def element(name: str, /, *children: object, **attributes: object) -> Markup:
    """Build one HTML element; text in it and in its attributes is escaped.

    Parameters
    ----------
    name : str
        The element, such as ``"p"``.
    *children : object
        Markup, or anything else to be shown as text.
    **attributes : object
        ``True`` writes the bare name, ``None`` and ``False`` leave it out. A trailing underscore
        is dropped (``class_``).

    Returns
    -------
    Markup
        The element.

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
    """Put parts after one another, escaping those that are not markup."""
    return Markup("".join(escape(part) for part in parts))


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(value)}"'
