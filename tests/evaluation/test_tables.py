from __future__ import annotations

import pytest

from qtokfeatures.evaluation.tables import TextTable, to_markdown
from qtokfeatures.exceptions import InputError


def test_cells_and_columns_must_agree():
    with pytest.raises(InputError, match="Speed: 1 cells for 2 columns"):
        TextTable("Speed", ("a", "b"), (("1",),))


def test_a_bar_in_a_cell_does_not_end_it():
    assert "| a\\|b | 1 |" in to_markdown([TextTable("T", ("x", "y"), (("a|b", "1"),))])


def test_notes_follow_the_tables_as_a_list():
    page = to_markdown([TextTable("T", ("x",), ())], ["one", "two"])
    assert page.endswith("| --- |\n\n- one\n- two\n")
