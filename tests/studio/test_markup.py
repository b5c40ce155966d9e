"""HTML from parts: what is text stays text."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.studio.page import Markup, element, escape, join

HOSTILE = "<script>alert('x')</script> & \"quoted\""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    return reader


def test_text_and_attributes_are_escaped() -> None:
    found = _read(element("p", HOSTILE, title=HOSTILE))
    assert found.tags == [("p", {"title": HOSTILE})]
    assert found.text == HOSTILE


def test_markup_goes_in_as_it_is() -> None:
    assert element("p", Markup("<b>x</b>")) == "<p><b>x</b></p>"


def test_parts_of_markup_are_text_again() -> None:
    assert not isinstance(Markup("<b>x</b>")[0:3], Markup)
    assert escape(Markup("<b>x</b>")[0:3]) == "&lt;b&gt;"


def test_attributes_that_are_flags_or_absent() -> None:
    built = element("audio", controls=True, loop=False, id=None, class_="a", aria_label="b")
    assert built == '<audio controls class="a" aria-label="b"></audio>'


def test_an_attribute_may_be_called_name() -> None:
    assert element("meta", name="viewport") == '<meta name="viewport">'


def test_joining_escapes_each_part() -> None:
    assert join(["<", Markup("<br>"), 3]) == "&lt;<br>3"


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc"))))
def test_any_text_survives_the_page(text: str) -> None:
    found = _read(element("p", text, title=text))
    assert found.text == text
    assert found.tags[0][1]["title"] == text
