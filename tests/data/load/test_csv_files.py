"""Tables with a row an image; what is wrong with one is told with its row and column."""

import gzip
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sets import everything, pictures, write_csv

from digitlab.data import load_dataset
from digitlab.errors import DataError


def set_cell(row, column, value):
    def change(rows):
        rows[row][column] = value

    return change


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz", "TABLE.CSV"])
@pytest.mark.parametrize(
    ("header", "label_at"), [(False, 0), (True, 0), (True, 784), (True, 300)], ids=["none", "first", "last", "middle"]
)
def test_a_csv_file_is_read_with_or_without_a_header_wherever_its_label_stands(tmp_path, name, header, label_at):
    dataset = load_dataset(write_csv(tmp_path / name, header=header, label_at=label_at))
    expected = [(image.tobytes(), label) for label, image in enumerate(pictures(10))]
    assert everything(dataset) == sorted(expected)
    assert (len(dataset.train), len(dataset.test)) == (8, 2)
    assert dataset.name == name


@pytest.mark.parametrize("name", ["Label", " class ", "target", "y"])
def test_the_labels_column_goes_by_several_names(tmp_path, name):
    path = write_csv(tmp_path / "t.csv", header=True, label_at=784, change=set_cell(0, 784, name))
    assert sorted(label for _, label in everything(load_dataset(path))) == list(range(10))


@pytest.mark.parametrize("label_at", [0, 784])
def test_a_header_may_call_its_pixels_by_numbers(tmp_path, label_at):
    def number_them(rows):
        rows[0] = [cell.removeprefix("pixel") for cell in rows[0]]

    path = write_csv(tmp_path / "t.csv", header=True, label_at=label_at, change=number_them)
    assert everything(load_dataset(path)) == sorted(
        (image.tobytes(), label) for label, image in enumerate(pictures(10))
    )


@pytest.mark.parametrize("header", [True, False])
def test_a_byte_order_mark_is_no_part_of_the_first_cell(tmp_path, header):
    path = write_csv(tmp_path / "t.csv", header=header)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert sorted(label for _, label in everything(load_dataset(path))) == list(range(10))


def test_carriage_returns_and_blank_lines_do_no_harm(tmp_path):
    path = write_csv(tmp_path / "t.csv")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
    assert len(everything(load_dataset(path))) == 10


@pytest.mark.parametrize("names", [("train.csv", "test.csv"), ("mnist_train.csv.gz", "mnist_test.csv.gz")])
def test_a_folder_with_two_tables_has_a_training_and_a_test_part(tmp_path, names):
    write_csv(tmp_path / names[0], 30)
    write_csv(tmp_path / names[1], 20)
    dataset = load_dataset(tmp_path)
    assert (len(dataset.train), len(dataset.test), dataset.note) == (30, 20, "")


@pytest.mark.parametrize("row", [0, 3])
@pytest.mark.parametrize("header", [True, False])
def test_a_missing_column_is_told_with_its_row(tmp_path, row, header):
    path = write_csv(tmp_path / "t.csv", header=header, change=lambda rows: rows[row].pop())
    message = rf"t\.csv, row {row + 1}: expected 785 columns .*got 784\nhint: "
    with pytest.raises(DataError, match=message):
        load_dataset(path)


@pytest.mark.parametrize("row", [0, 4])
@pytest.mark.parametrize("value", ["0.5", "12.0"])
def test_a_float_pixel_is_told_with_its_row_and_column_and_a_hint_on_scaling(tmp_path, row, value):
    path = write_csv(tmp_path / "t.csv", change=set_cell(row, 2, value))
    with pytest.raises(DataError, match=rf"row {row + 1}, column 3: .*got '{value}'\nhint: .*not scaled to \[0, 1\]"):
        load_dataset(path)


@pytest.mark.parametrize("value", ["", "x", "nan", "1e2"])
@pytest.mark.parametrize("column", [1, 400])
@pytest.mark.parametrize("row", [0, 4])
def test_a_cell_that_is_no_number_is_told_and_its_row_never_left_out(tmp_path, row, column, value):
    path = write_csv(tmp_path / "t.csv", change=set_cell(row, column, value))
    with pytest.raises(DataError, match=rf"row {row + 1}, column {column + 1}: expected a whole number, got '{value}'"):
        load_dataset(path)


@pytest.mark.parametrize("value", [256, -1, 10**30])
def test_a_pixel_beyond_a_byte_is_told_with_its_row(tmp_path, value):
    path = write_csv(tmp_path / "t.csv", change=set_cell(2, 700, str(value)))
    with pytest.raises(DataError, match=rf"row 3: expected pixels from 0 to 255, got {value}\nhint: "):
        load_dataset(path)


@pytest.mark.parametrize("value", [-1, 100, 10**30])
@pytest.mark.parametrize("row", [0, 2])
def test_a_label_out_of_range_is_told_with_its_row(tmp_path, row, value):
    path = write_csv(tmp_path / "t.csv", change=set_cell(row, 0, str(value)))
    with pytest.raises(DataError, match=rf"row {row + 1}: expected a label from 0 to 99, got {value}\nhint: "):
        load_dataset(path)


@pytest.mark.parametrize("keep", [0, 1], ids=["empty", "only a header"])
def test_a_table_without_rows_is_said_to_have_none(tmp_path, keep):
    path = write_csv(tmp_path / "t.csv", header=True, change=lambda rows: rows.__delitem__(slice(keep, None)))
    with pytest.raises(DataError, match="expected at least one row, got none"):
        load_dataset(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_table_that_is_not_utf_8_is_said_so(tmp_path, encoding):
    path = write_csv(tmp_path / "t.csv")
    path.write_bytes(path.read_text().encode(encoding))
    with pytest.raises(DataError, match="expected a CSV file, got: 'utf-8' codec can't decode"):
        load_dataset(path)


def test_a_gzipped_table_cut_short_is_refused(tmp_path):
    path = write_csv(tmp_path / "t.csv.gz")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="expected a CSV file, got: "):
        load_dataset(path)


def test_a_small_table_that_unpacks_to_one_endless_line_takes_little_memory(tmp_path):
    with gzip.open(tmp_path / "t.csv.gz", "wb", compresslevel=1) as file:
        for _ in range(40):
            file.write(b"0" * 1_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            load_dataset(tmp_path / "t.csv.gz")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


@given(content=st.binary(max_size=300) | st.text(alphabet='0123456789,.-"\n\rlabel ', max_size=300).map(str.encode))
@settings(deadline=None)
def test_any_bytes_given_as_a_table_are_a_data_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)  # too short for one picture
    with pytest.raises(DataError):
        load_dataset(path)
