from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.benches.model_card import BEGIN, END, fill_card, update_card
from qtokfeatures.exceptions import InputError

CARD = f"# mini\n\nAbove.\n\n{BEGIN}\nold\n{END}\n\nBelow.\n"

texts = st.text(st.characters(codec="utf-8", exclude_characters="<\r"))


@given(texts, texts, texts)
def test_only_what_is_between_the_markers_changes_and_only_once(above, new, below):
    page = f"{above}{BEGIN}old{END}{below}"
    filled = fill_card(page, new)
    assert filled.startswith(above + BEGIN)
    assert filled.endswith(END + below)
    assert new.strip() in filled
    assert fill_card(filled, new) == filled


def test_a_card_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    card = tmp_path / "mini.md"
    card.write_text(CARD, encoding="utf-8")
    card.chmod(0o644)
    update_card(card, "| new – table |\n")
    expected = f"# mini\n\nAbove.\n\n{BEGIN}\n\n| new – table |\n\n{END}\n\nBelow.\n"
    assert card.read_text(encoding="utf-8") == expected
    assert card.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [card]


@pytest.mark.parametrize(
    "page",
    ["", "no markers", BEGIN, f"{END} {BEGIN}", f"{BEGIN}{BEGIN}{END}", f"{BEGIN}{END}{END}"],
)
def test_a_card_with_other_markers_is_left_alone(tmp_path, page):
    card = tmp_path / "mini.md"
    card.write_text(page)
    with pytest.raises(InputError, match=r"mini\.md: expected .* once each"):
        update_card(card, "new")
    assert card.read_text() == page


def test_markers_are_not_put_in(tmp_path):
    with pytest.raises(InputError, match="must not hold them"):
        fill_card(CARD, f"a {END} b")


def test_a_missing_card_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.md: the model card cannot be read"):
        update_card(tmp_path / "nowhere.md", "new")


def test_the_card_of_mini_has_its_markers(pytestconfig):
    page = (pytestconfig.rootpath / "docs" / "mini.md").read_text(encoding="utf-8")
    assert fill_card(page, "new").count("new") >= 1
