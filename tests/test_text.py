"""What strangers' text becomes: escaped for terminals, logs and JSON, no formula in a spreadsheet, never too long."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitlab.errors import LONGEST, DataError
from digitlab.text import UNPRINTABLE, csv_text, json_escaped, printable, printable_line, shortened, text_of_csv


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("\x1b[31mX\x07", r"\x1b[31mX\x07"),
        ("a\u202eb", r"a\u202eb"),
        ("\ud800", r"\ud800"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb", r"a\x0ab"),
        ("Größe ☃ \U0001f600 کتاب‌ها", "Größe ☃ \U0001f600 کتاب‌ها"),
    ],
)
def test_control_characters_are_escaped_and_letters_and_signs_are_not(text, escaped):
    assert printable(text) == escaped


def test_a_line_stays_one():
    assert printable_line("a\r\nb\tc\x1b") == r"a b c\x1b"


@given(text=st.text(max_size=50))
def test_json_says_the_same_and_holds_no_control_character(text):
    document = json_escaped(json.dumps({"name": text}, ensure_ascii=False))
    assert json.loads(document) == {"name": text}
    assert not UNPRINTABLE.search(document)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_a_cell_that_a_spreadsheet_would_run_begins_with_an_apostrophe(start):
    assert csv_text(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


@pytest.mark.parametrize("text", ["", "7", "Ankle boot", "T-shirt/top", "a=b", "'quoted'"])
def test_other_cells_stay_as_they_are(text):
    assert csv_text(text) == text


@given(text=st.text(alphabet="'=+-@\t\nab1", max_size=6))
def test_a_cell_comes_back_as_the_text_that_it_was(text):
    assert text_of_csv(csv_text(text)) == text


def test_a_number_of_thousands_of_digits_can_be_told():
    assert shortened(1 << 100_000) == "int that is too large to be shown"
    assert shortened("x" * 1000) == f"'{'x' * 78}…"


def test_an_error_is_two_lines_of_bounded_length_whatever_it_quotes():
    error = DataError("got \x1b[2J\nforged: line\ud800" + "x" * 10_000, hint="a\nb")
    assert error.message.startswith(r"got \x1b[2J forged: line\ud800xxx")
    assert len(error.message) < LONGEST + 20
    assert len(str(error).splitlines()) == 2
    str(error).encode()
