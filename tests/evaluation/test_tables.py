from __future__ import annotations

import numpy as np
import pytest

from qtokfeatures.evaluation.tables import TextTable, format_interval, format_number, to_markdown
from qtokfeatures.exceptions import InputError


def test_cells_and_columns_must_agree():
    with pytest.raises(InputError, match="Speed: a row has 1 cells for 2 columns"):
        TextTable("Speed", ("a", "b"), (("1",),))


def test_a_bar_in_a_cell_does_not_end_it():
    assert "| a\\|b | 1 |" in to_markdown([TextTable("T", ("x", "y"), (("a|b", "1"),))])


def test_notes_follow_the_tables_as_a_list():
    page = to_markdown([TextTable("T", ("x",), ())], ["one", "two"])
    assert page.endswith("| --- |\n\n- one\n- two\n")


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [(1.25, 1, "1.2"), (-3.14159, 2, "−3.14"), (-0.001, 1, "0.0"), (np.inf, 1, "–"), (7, 0, "7")],
)
def test_numbers_of_tables(value, digits, written):
    assert format_number(value, digits) == written


def test_a_number_without_an_interval_stands_alone():
    assert format_interval(1.0, (0.5, 2.0), 1) == "1.0 ±0.8"
    assert format_interval(1.0, (np.nan, np.nan), 1) == "1.0"
    assert format_interval(np.nan, (0.0, 1.0), 1) == "–"
