"""Run folders with damaged files: every kind of damage to each file of a run, and what `digitlab report` makes of it.

`damaged_files` is for whoever wants many of them, such as a fuzzer: it goes through all kinds of damage in a fixed
order, and a seeded sample of them is as good as any other.
"""

import copy
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from digitlab.errors import RunError
from digitlab.report.contents import read_contents
from digitlab.report.html import render_html
from digitlab.report.style import save_figure, styled
from digitlab.report.write import draw_figures

# What no number, text, list or object of a run is. A text stands for itself in JSON, so that it may be no JSON at all.
WRONG_VALUES = (
    "null", "true", '""', '"x"', "-1", "0", "1", "0.5", "1e308", "-1e308", "1e999", "NaN", "Infinity", "-Infinity",
    "1" * 5000, "9" * 19, "1e-320", "[]", "{}", "[[]]", "[null]", '{"a": {}}', r'"\ud800"', r'"\u001b[31m\u0007\u0000"',
    '"<script>alert(1)</script>"', '"javascript:alert(1)"', '"../../x"', json.dumps("long " * 20_000), "[" * 5000,
    json.dumps([0] * 2000), json.dumps({str(i): i for i in range(2000)}), '"' + "\u202e\u00e9\U0001f600" + '"',
)  # fmt: skip
WRONG_CELLS = (
    "", "x", "-1", "0", "1_0", "1e308", "1e999", "nan", "inf", "-inf", "1" * 5000, " 1", "0x10", "\u0663", "1,2",
    '"', "=1+1", "\x00", "\x1b[31m", "true", "1" * 200_000,
)  # fmt: skip
_STUB = '<svg xmlns="http://www.w3.org/2000/svg" width="1pt" height="1pt"></svg>'
_FIGURES = (
    "range_test", "learning_rates", "trials", "finalists", "distorted", "learning_curves", "confusion_validation",
    "confusion_test", "calibration", "risk_coverage", "mistakes",
)  # fmt: skip


def outcome(folder: Path, *, draw: bool = False) -> str:
    """Read a run as its report does, and render the page: ``report`` or ``refused``; anything else is raised.

    Args:
        folder: The run folder; nothing is written into it unless figures are drawn.
        draw: Whether figures are drawn, into a folder beside the run. Otherwise stubs stand for them.
    """
    try:
        contents = read_contents(folder)
    except RunError as error:
        lines = str(error).splitlines()
        assert len(lines) == 2, lines
        assert all(line.isprintable() and len(line) < 1000 for line in lines), lines
        return "refused"
    figures = dict.fromkeys(_FIGURES, _STUB)
    if draw:
        with styled():
            drawn = draw_figures(contents)
            figures = {name: save_figure(figure, folder.parent / "drawn", name) for name, figure in drawn.items()}
    page = render_html(contents, figures)
    page.encode()
    assert "<script" not in page
    assert 'href="javascript:' not in page
    return "report"


def damaged_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The name of a file of a run, and what lies in its place; every kind of damage, one after another."""
    for path in sorted(folder.iterdir()):
        content = path.read_bytes() if path.is_file() else b""
        kinds = {".json": damaged_json, ".csv": damaged_csv, ".npz": damaged_npz}
        if path.suffix in kinds and content:
            for damaged in (*cut_short(content), *kinds[path.suffix](content)):
                yield path.name, damaged


def cut_short(content: bytes) -> Iterator[bytes]:
    """The file ended early, or with something behind it."""
    for size in (0, 1, 2, len(content) // 3, len(content) // 2, len(content) - 2, len(content) - 1):
        yield content[: max(size, 0)]
    yield content + b"\x00"
    yield content + content
    yield b"\xff\xfe" + content
    yield b"\xef\xbb\xbf" + content


def damaged_json(content: bytes) -> Iterator[bytes]:
    """Every value of a JSON file, at every depth, replaced by each of `WRONG_VALUES`, left out and doubled."""
    whole = json.loads(content)
    mark = "a value that stands for the one to put in"
    for where in _places(whole):
        text = json.dumps(_with(whole, where, mark))
        head, tail = text.split(json.dumps(mark))
        for wrong in WRONG_VALUES:
            yield (head + wrong + tail).encode()
        if where and isinstance(where[-1], str):
            yield json.dumps(_without(whole, where)).encode()
            yield f"{head}1, {json.dumps(where[-1])}: 1{tail}".encode()
        elif where:
            yield json.dumps(_without(whole, where)).encode()
            yield (head + "1, 1" + tail).encode()


def damaged_csv(content: bytes) -> Iterator[bytes]:
    """Every cell of the header and of three rows replaced, and rows and columns left out or doubled."""
    rows = [line.split(",") for line in content.decode().splitlines()]
    for number in {0, 1, len(rows) // 2, len(rows) - 1}:
        for column in range(len(rows[number])):
            for wrong in WRONG_CELLS:
                changed = copy.copy(rows)
                changed[number] = [*rows[number][:column], wrong, *rows[number][column + 1 :]]
                yield _csv(changed)
        yield _csv([*rows[:number], *rows[number + 1 :]])
        yield _csv([*rows[:number], rows[number], *rows[number:]])
        yield _csv([*rows[:number], [*rows[number], "1"], *rows[number + 1 :]])
    for column in range(len(rows[0])):
        yield _csv([[*row[:column], *row[column + 1 :]] for row in rows])
        yield _csv([[*row[:column], row[column], *row[column:]] for row in rows])


def damaged_npz(content: bytes) -> Iterator[bytes]:
    """Every array of an archive left out or replaced, with sizes that are promised and not kept, and bytes changed."""
    with np.load(io.BytesIO(content)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for name, array in arrays.items():
        yield _npz({key: value for key, value in arrays.items() if key != name})
        for wrong in _wrong_arrays(array):
            yield _npz({**arrays, name: wrong})
        for header in _wrong_headers(array):
            yield _npz(arrays, {name: header + array.tobytes()})
        yield _npz(arrays, {name: b"", f"{name}x": b"\x00" * 10})
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(content), 100):
        yield content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def _wrong_arrays(array: np.ndarray) -> Iterator[np.ndarray]:
    yield array.astype(np.float64)
    yield array.astype(str)
    yield array.astype(">i4")
    yield np.zeros((0, *array.shape[1:]), array.dtype)
    yield array[..., None]
    yield array.ravel()
    yield np.array(None, dtype=object)
    yield np.array(3)
    yield np.asfortranarray(array)
    yield np.zeros((3000, 28, 28), array.dtype)


def _wrong_headers(array: np.ndarray) -> Iterator[bytes]:
    for shape in ("(1000000000000, 28, 28)", "(-1,)", "()", "1", "(1.5,)", "(True,)", "(" * 200, "None"):
        for kind in (array.dtype.str, "|O", "V0", "x", "|V2000000000"):
            text = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
            yield b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
    yield b"\x93NUMPY\x03\x00\xff\xff\xff\xff{"
    yield b"\x93NUMPY\x02\x00\xff\xff\xff\xff{"


def _npz(arrays: dict[str, np.ndarray], raw: dict[str, bytes] | None = None) -> bytes:
    file = io.BytesIO()
    raw = raw or {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, array)
            archive.writestr(f"{name}.npy", raw.get(name, entry.getvalue()))
        for name in raw.keys() - arrays.keys():
            archive.writestr(f"{name}.npy", raw[name])
    return file.getvalue()


def _csv(rows: list[list[str]]) -> bytes:
    return ("\n".join(map(",".join, rows)) + "\n").encode()


def _places(value: object, where: tuple = ()) -> Iterator[tuple]:
    """The keys and indices of every value. Of a long list only the first two entries and the last are gone into."""
    yield where
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*where, key))
    elif isinstance(value, list):
        for index in sorted({0, 1, len(value) - 1} & set(range(len(value)))):
            yield from _places(value[index], (*where, index))


def _with(value: object, where: tuple, new: object) -> object:
    if not where:
        return new
    changed = copy.copy(value)
    changed[where[0]] = _with(value[where[0]], where[1:], new)
    return changed


def _without(value: object, where: tuple) -> object:
    changed = copy.copy(value)
    if len(where) == 1:
        del changed[where[0]]
    else:
        changed[where[0]] = _without(value[where[0]], where[1:])
    return changed
