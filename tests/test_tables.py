"""CSV tables: cells stay in their columns, or the row is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtokfeatures.benches.clips import read_manifest as read_bench_manifest
from qtokfeatures.exceptions import InputError
from qtokfeatures.pipelines import read_manifest
from qtokfeatures.pipelines.manifest import manifest_columns
from qtokfeatures.rendering.recordings import read_listing
from qtokfeatures.tables import read_table
from qtokfeatures.training.corpus import read_timings


def table(folder: Path, text: str, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_have_the_numbers_of_a_spreadsheet(tmp_path: Path) -> None:
    found = read_table(table(tmp_path, '\ufeffa,b\n1,"2, 3"\n\n , \n4\n5,6,,\n'))
    assert found.columns == ["a", "b"]
    assert found.rows == {
        2: {"a": "1", "b": "2, 3"},
        5: {"a": "4", "b": ""},
        6: {"a": "5", "b": "6"},
    }
    assert found.errors == {}


def test_a_row_of_more_cells_than_columns_is_an_error(tmp_path: Path) -> None:
    found = read_table(table(tmp_path, "a,b\n1,2,3\n4,5\n"))
    assert list(found.rows) == [3]
    assert found.errors[2].startswith("3 cells for 2 columns")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a,b,a\n1,2,3\n", r"list\.csv: several columns are named a;"),
        ("a, a\n1,2\n", "several columns are named a;"),
        ('a,b\n1,"2\n3,4\n', "unexpected end of data"),
        ('a,b\n1,"2" x\n', "expected a CSV file in UTF-8"),
        ("", "with a header, got an empty one"),
    ],
)
def test_tables_that_would_lose_cells_are_refused(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        read_table(table(tmp_path, text))


def test_unnamed_columns_may_repeat(tmp_path: Path) -> None:
    assert read_table(table(tmp_path, "a,,\n1,,\n")).rows[2]["a"] == "1"


def test_a_manifest_lists_rows_of_too_many_cells(tmp_path: Path) -> None:
    """An unquoted comma in a label neither cuts the label nor merges classes."""
    (tmp_path / "a.wav").touch()
    path = table(tmp_path, "path,label\na.wav,piano, grand\na.wav,piano\n")
    found = read_manifest(path, label="label", group=None)
    assert [(one.label, one.place) for one in found.recordings] == [("piano", f"{path}, row 3")]
    ((place, error),) = found.errors
    assert place == f"{path}, row 2"
    assert error.startswith("3 cells for 2 columns")


READERS = {
    "manifest": lambda path: read_manifest(path, label="label", group=None),
    "columns": manifest_columns,
    "bench manifest": lambda path: read_bench_manifest(path.parent, ["path", "label"]),
    "listing": read_listing,
    "timings": lambda path: read_timings(path.parent, "words"),
}
HEADERS = {
    "listing": "path,kind,licence,source,split",
    "timings": "name,start,end,word",
}
NAMES = {"bench manifest": "manifest.csv", "timings": "words.csv"}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_refuses_two_columns_of_one_name(tmp_path: Path, reader: str) -> None:
    header = HEADERS.get(reader, "path,label")
    first = header.split(",")[0]
    path = table(tmp_path, f"{header},{first}\n", NAMES.get(reader, "list.csv"))
    with pytest.raises(InputError, match=f"several columns are named {first}"):
        READERS[reader](path)


@pytest.mark.parametrize("reader", ["bench manifest", "listing", "timings"])
def test_other_readers_refuse_rows_of_too_many_cells(tmp_path: Path, reader: str) -> None:
    header = HEADERS.get(reader, "path,label")
    row = ",".join("0" for _ in header.split(","))
    path = table(tmp_path, f"{header}\n{row}\n{row},x\n", NAMES.get(reader, "list.csv"))
    with pytest.raises(InputError, match=r"row 3: .* cells for"):
        READERS[reader](path)


def test_times_are_numbers(tmp_path: Path) -> None:
    table(tmp_path, "name,start,end,word\na,0,x,one\n", "words.csv")
    with pytest.raises(InputError, match="expected start and end as numbers"):
        read_timings(tmp_path, "words")
