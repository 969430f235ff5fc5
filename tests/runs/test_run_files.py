"""JSON, CSV and NPZ files of a run that are damaged, or made to fill the memory."""

import io
import json
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from digitlab.errors import RunError
from digitlab.runs.checks import CheckError, cell, fields, finite, list_of, reading, relative_path, share, shown, text
from digitlab.runs.csv_file import read_rows
from digitlab.runs.json_file import MOST_JSON_BYTES, read_json
from digitlab.runs.npz_file import read_arrays


def refused(path, read):
    """The two lines that a file ends in; what is read is thrown away."""
    with pytest.raises(RunError) as caught, reading(path, "restore it"):
        read(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
    return lines[0]


READERS = {
    "JSON": read_json,
    "CSV": lambda path: list(read_rows(path, ("a",))),
    "NPZ": lambda path: read_arrays(path, lambda name: True, 2**20),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_only_regular_files_are_read(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    assert "named pipe" in refused(tmp_path / "pipe", read)
    assert "device" in refused(tmp_path / "zero", read)
    assert "folder" in refused(tmp_path / "folder", read)
    assert "No such file" in refused(tmp_path / "nothing", read)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[" * 100_000, "recursion"),
        ("[" * 40 + "]" * 40, "at most 32 levels"),
        ("1" * 5000, "5000 digits"),
        ('{"a": 1e999}', "finite"),
        ('{"a": NaN}', "finite"),
        ('{"a": 1, "a": 2}', "'a' twice"),
        ('{"a": ', "Expecting value"),
        ('"' + "\x1b[31m" + '"', "control character"),
        (" " * MOST_JSON_BYTES + "1", "bytes"),
    ],
)
def test_json_that_digitlab_does_not_write_is_refused(tmp_path, content, words):
    (tmp_path / "run.json").write_text(content)
    assert words in refused(tmp_path / "run.json", read_json)


def test_the_worst_json_takes_thirty_times_its_size_in_memory_and_not_more(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps([[]] * 2**16))
    tracemalloc.start()
    read_json(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30 * path.stat().st_size


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "one column a, got none"),
        ("b\n1\n", "one column a, got none among 'b'"),
        ("a,a\n1,1\n", "one column a, got 2"),
        ("a,b\n1\n", "2 cells in line 2, got 1"),
        ("a\n" + "1\n" * 100_001, "100,000 rows"),
        (",".join("a" * 200), "100 columns"),
    ],
)
def test_csv_that_digitlab_does_not_write_is_refused(tmp_path, content, words):
    (tmp_path / "trials.csv").write_text(content)
    assert words in refused(tmp_path / "trials.csv", READERS["CSV"])


def test_arrays_come_back_as_they_were_saved(tmp_path):
    arrays = {
        "a": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "none": np.zeros((0, 28, 28), np.uint8),
        "text": np.array("record é"),
        "number": np.array(3.5),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        found = read_arrays(tmp_path / "a.npz", lambda name: True, 2**20)
        assert found.keys() == arrays.keys()
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)
    assert read_arrays(tmp_path / "a.npz", "a".__eq__, 96).keys() == {"a"}


def archive_of(path, method=zipfile.ZIP_DEFLATED, **entries):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.npy", content)


def entry(shape, kind="|u1", content=b""):
    head = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + content


def read(path):
    return read_arrays(path, lambda name: True, 2**20)


@pytest.mark.parametrize(
    "content",
    [
        entry("(1000000000000, 28, 28)"),
        entry("(-1,)", content=b"1"),
        entry("(1,)", kind="|O", content=b"12345678"),
        entry("(" * 150),
        entry("(2,)", content=b"1"),
        entry("(1,)", content=b"12"),
        entry("(1,)")[:9],
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
        b"rubbish",
        b"",
    ],
)
def test_an_array_that_is_not_what_its_header_says_is_refused(tmp_path, content):
    archive_of(tmp_path / "a.npz", a=content)
    assert "a.npz" in refused(tmp_path / "a.npz", read)


def test_a_bomb_is_refused_by_what_it_declares_before_it_is_unpacked(tmp_path):
    zeros = b"\x00" * (64 * 2**20)
    archive_of(tmp_path / "a.npz", a=entry(f"({len(zeros)},)", content=zeros))
    tracemalloc.start()
    assert "bytes for 'a'" in refused(tmp_path / "a.npz", read)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


def test_a_bomb_that_declares_less_than_it_holds_gives_no_more_than_it_declares(tmp_path):
    path = tmp_path / "a.npz"
    content = entry("(100,)", content=b"\x00" * 2**20)
    archive_of(path, a=content)
    size = struct.pack("<I", len(content))
    path.write_bytes(path.read_bytes().replace(size, struct.pack("<I", len(entry("(100,)")) + 100)))
    refused(path, read)


def test_methods_of_compression_that_set_aside_memory_are_refused(tmp_path):
    archive_of(tmp_path / "a.npz", zipfile.ZIP_LZMA, a=entry("(1,)", content=b"1"))
    assert "method 14" in refused(tmp_path / "a.npz", read)


def test_an_archive_of_very_many_entries_is_refused_before_they_are_listed(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(20_001):
            archive.writestr(str(number), b"")
    (tmp_path / "a.npz").write_bytes(file.getvalue())
    assert "20,000 arrays" in refused(tmp_path / "a.npz", read)


def test_the_first_wrong_value_is_named_with_its_place_and_shown_in_printable_characters():
    check = fields({"search": fields({"finalists": list_of(fields({"mean": share}))})})
    with pytest.raises(CheckError) as caught:
        check({"search": {"finalists": [{"mean": 0.5}, {"mean": "\x1b[31m\ud800"}]}})
    expected = r"search.finalists[1].mean: expected a number from 0 to 1, got '\x1b[31m\ud800'"
    assert str(caught.value) == expected
    with pytest.raises(CheckError, match=r"^search: expected a value, got none$"):
        check({})


@pytest.mark.parametrize("value", [True, None, "1", [1], float("nan"), float("inf"), 10**400, -(10**400), 1e300])
def test_what_is_no_number_that_a_float32_holds_is_refused(value):
    with pytest.raises(CheckError, match="expected a number"):
        finite(value)


@pytest.mark.parametrize("content", ["1_0", " 1", "0x10", "\u0663", "nan", "1e99999", "", "1" * 500, "+", "e5", "--1"])
def test_cells_that_python_alone_takes_for_numbers_are_refused(content):
    with pytest.raises(CheckError, match="number"):
        cell(finite)(content)


@pytest.mark.parametrize(("content", "value"), [("3", 3), ("-0.5", -0.5), (".5", 0.5), ("1.", 1.0), ("1e-7", 1e-7)])
def test_cells_are_read_as_numbers(content, value):
    assert cell(finite)(content) == value


@pytest.mark.parametrize(
    "path",
    [
        "javascript:alert(1)", "JaVaScRiPt:x", "data:text/html,x", "//example.org/x", "/etc/passwd", "../x",
        "a/../../x", "a\\b", "a%2f..", "java\nscript:x", "", ".", "http://example.org", " javascript:x",
        "\x01javascript:x",
    ],
)  # fmt: skip
def test_only_plain_relative_paths_may_be_links(path):
    with pytest.raises(CheckError):
        relative_path(path)
    assert relative_path("recommended/report.html") == "recommended/report.html"


def test_lone_surrogates_are_no_text():
    with pytest.raises(CheckError, match="Unicode"):
        text()("\ud800")


def test_any_value_is_shown_in_a_few_printable_characters():
    for value in ("x" * 10**6, "\ud800\x1b\n" * 100, 10**5000, [0] * 10**5, {"a": 1}, None, True, 1e300, float("nan")):
        assert len(shown(value)) < 130
        assert shown(value).isprintable()
