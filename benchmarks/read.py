"""Reading real pictures: ours beside a plain resize with the document's network, and beside Tesseract.

    python benchmarks/read.py
    python benchmarks/read.py --sections accuracy    # where other work runs beside it, and spoils timings

It needs the folder `wild` (wild.py) and, for its column, Debian's tesseract-ocr. The document's network is trained here
by `digitlab train --preset document`. Nothing is fitted to what is counted: the shipped networks are as they are. It
rewrites the sections "Reading" and "Time of reading" of RESULTS.md.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

import digitlab
from digitlab.evaluation.calibration import expected_calibration_error
from digitlab.evaluation.intervals import wilson_interval
from digitlab.imaging.picture import open_picture
from results import machine_line, spread, write_section
from wild import WildSet, cheque_boxes, find_wild, is_right, numbers, single_digits

Grey = npt.NDArray[np.uint8]
# Tesseract is given what it likes: dark on white, digits of some height, a margin.
TESSERACT_SIDE, TESSERACT_MARGIN = 100, 20
# Its modes: one character, one line, one block of lines.
CHARACTER, LINE, BLOCK = 10, 7, 6
RUNS = 9
PACKAGES = ("onnxruntime", "opencv-python-headless", "pillow", "numpy")
SECTIONS = ("accuracy", "time")
# The pictures that are timed: a photo of a megapixel, one of a phone, and many small ones.
PHOTO, PHONE, SMALL, MANY = (1200, 900), (4032, 3024), 100, 1000


def main() -> None:
    """Read every set in every way, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=SECTIONS)
    options = parser.parse_args()
    folder = find_wild()
    if folder is None:
        raise SystemExit("expected a folder wild in DIGITLAB_DATA or ../shared, found none")
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as temporary:
        if "accuracy" in options.sections:
            document = document_network(options.data, Path(temporary) / "document")
            write_section("Reading", accuracies(folder, document, Path(temporary)))
        if "time" in options.sections:
            write_section("Time of reading", times(Path(temporary)))


def document_network(data: str, out: Path) -> digitlab.Classifier:
    """The document's network, trained by its procedure."""
    command = [sys.executable, "-m", "digitlab", "train", "--preset", "document", "--data", data, "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return digitlab.load_classifier(out)


def accuracies(folder: Path, document: digitlab.Classifier, temporary: Path) -> str:
    """The section "Reading"."""
    sets, cheques = list(single_digits(folder)), cheque_boxes(folder)
    readings = {one.name: [digitlab.read_digit(picture) for picture in one.pictures] for one in (*sets, cheques)}
    ways: dict[str, list[list[str] | None]] = {}
    for one in (*sets, cheques):
        plain = [plainly(picture, document, one.bright_ink) for picture in one.pictures]
        ways[one.name] = [
            [printed(picture) for picture in one.pictures],
            [reading.label if reading.readable else "?" for reading in readings[one.name]],
            [reading.label for reading in readings[one.name]],
            plain,
            tesseract(one, CHARACTER, temporary),
        ]
        print(one.name, right(ways[one.name][0] or (), one), file=sys.stderr)
    several = []
    for one in numbers(folder):
        mode = LINE if one.name == "cheque_amounts" else BLOCK
        rows = [[printed(picture) for picture in one.pictures], [whatever(picture) for picture in one.pictures]]
        several.append(row(one, [*rows, tesseract(one, mode, temporary)]))
    table = [*(row(one, ways[one.name]) for one in sets), mean_row(sets, ways), row(cheques, ways[cheques.name])]
    lines = "\n".join
    return f"""
Digits of real people, none of them MNIST's: how many are right, with 95 % intervals (Wilson).

- **Printed**: what `digitlab read` prints for the picture, at its threshold of 0.5. It is right if it is the label and
  nothing else: a `?`, a digit too many or another row makes it wrong.
- **`read_digit`**: from Python, for a picture of one digit; right if it is readable at the threshold of 0.5 and its
  label is right. "No threshold" takes the label whether or not it is readable.
- **Plain resize**: the picture made 28x28 grey pixels, its ink bright (it is told which sets are so, and goes by the
  border elsewhere), and the document's network (`digitlab train --preset document`).
- **Tesseract**: digits only, given dark on white, likewise, at {TESSERACT_SIDE} pixels and more with a margin. In its
  mode for a single character; for amounts that for a single line, for other pictures that for a block.

The shipped networks are used as they are. Framing and reading were developed on these very sets, `numbers` apart
(docs/experiments.md), so expect less on others.

| one digit a picture | pictures | printed | `read_digit` | `read_digit`, no threshold | plain resize | Tesseract |
|---|---|---|---|---|---|---|
{lines(table)}

`digitlab read` looks for rows of digits, as on a page, and `read_digit` takes the whole picture for one digit. Small
bitmaps that a digit fills to the edges (optdigits32, semeion, digits cut out of a cheque) are made for the second.

Several digits on a picture, whole pictures: every row must be right, and nothing else may be found. In `numbers` some
labels accept several answers.

| several digits a picture | pictures | printed | no threshold | Tesseract |
|---|---|---|---|---|
{lines(several)}

What `read_digit` calls unreadable at the threshold of 0.5, how often the rest is right, and how far the probabilities
of all are off (expected calibration error):

| one digit a picture | called unreadable | right where readable | right where not | calibration error |
|---|---|---|---|---|
{lines(unreadable(one, readings[one.name]) for one in (*sets, cheques))}

{machine_line(PACKAGES)} {tesseract_version()}.
Command: `python benchmarks/read.py`
"""


def times(temporary: Path) -> str:
    """The section "Time of reading"."""
    return f"""
Seconds, median and ends of {RUNS} runs, on one core; a process of its own from its start to its end, imports
included, the page cache warm:

| | seconds |
|---|---|
{timings(temporary)}

{machine_line(PACKAGES)}
Command: `python benchmarks/read.py`
"""


def row(wild_set: WildSet, ways: Sequence[Sequence[str] | None]) -> str:
    """A row of the first two tables."""
    shares = " | ".join(share(read, wild_set) for read in ways)
    return f"| {wild_set.name} | {len(wild_set.texts):,} | {shares} |"


def mean_row(sets: Sequence[WildSet], ways: dict[str, list[list[str] | None]]) -> str:
    """The mean over sets, each counting as much as another."""
    means = []
    for way in zip(*(ways[one.name] for one in sets), strict=True):
        accuracies = [
            right(read, one) / len(one.texts) for read, one in zip(way, sets, strict=True) if read is not None
        ]
        means.append(f"{100 * statistics.mean(accuracies):.1f} %" if accuracies else "–")
    return f"| **mean of these {len(sets)} sets** | | {' | '.join(means)} |"


def plainly(picture: Any, document: digitlab.Classifier, bright_ink: bool | None) -> str:
    """The picture as a beginner would prepare it."""
    grey = bright_on_dark(open_picture(picture).grey, bright_ink)
    return str(document.predict(cv2.resize(grey, (28, 28), interpolation=cv2.INTER_AREA)[None])[0])


def bright_on_dark(grey: Grey, bright_ink: bool | None) -> Grey:
    """Inverted where its ink is dark; where nobody says, where the border is brighter than the middle of the scale."""
    if bright_ink is not None:
        return grey if bright_ink else 255 - grey
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return 255 - grey if np.median(border) > 127 else grey


def printed(picture: Any) -> str:
    """What `digitlab read` prints, rows parted by "/"; what is not readable is ``?``."""
    return "/".join(line.text for line in digitlab.read_number(picture))


def whatever(picture: Any) -> str:
    """The same, with the label of every digit, whether or not it is readable."""
    return "/".join("".join(digit.label for digit in line.digits) for line in digitlab.read_number(picture))


def tesseract(wild_set: WildSet, mode: int, temporary: Path) -> list[str] | None:
    """What Tesseract reads, rows parted by "/"; `None` where it is not installed."""
    if shutil.which("tesseract") is None:
        return None
    folder = Path(tempfile.mkdtemp(dir=temporary))
    paths = []
    for number, picture in enumerate(wild_set.pictures):
        dark = 255 - bright_on_dark(open_picture(picture).grey, wild_set.bright_ink)
        scale = max(1.0, TESSERACT_SIDE / max(dark.shape))
        dark = cv2.resize(dark, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        paper = int(np.percentile(dark, 90))
        paths.append(folder / f"{number:05d}.png")
        Image.fromarray(np.pad(dark, TESSERACT_MARGIN, constant_values=paper)).save(paths[-1])
    (folder / "list.txt").write_text("".join(f"{path}\n" for path in paths))
    command = ["tesseract", str(folder / "list.txt"), "stdout", "--psm", str(mode), "--dpi", "150"]
    command += ["-c", "tessedit_char_whitelist=0123456789", "-c", "page_separator=\f"]
    pages = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\f")[: len(paths)]
    if len(pages) != len(paths):
        raise SystemExit(f"expected {len(paths)} pages of Tesseract, got {len(pages)}")
    return ["/".join("".join(line.split()) for line in page.splitlines() if line.strip()) for page in pages]


def tesseract_version() -> str:
    """Of the one that was measured."""
    if shutil.which("tesseract") is None:
        return "Tesseract is not installed"
    return (
        subprocess.run(["tesseract", "--version"], check=True, capture_output=True, text=True)
        .stdout.split("\n")[0]
        .capitalize()
    )


def right(read: Sequence[str], wild_set: WildSet) -> int:
    """How many are read as they are."""
    return sum(is_right(one, text) for one, text in zip(read, wild_set.texts, strict=True))


def share(read: Sequence[str] | None, wild_set: WildSet) -> str:
    """Percent, count and interval."""
    if read is None:
        return "–"
    count, n = right(read, wild_set), len(wild_set.texts)
    low, high = wilson_interval(count, n)
    return f"{100 * count / n:.1f} % ({count:,}; {100 * low:.1f}–{100 * high:.1f})"


def unreadable(wild_set: WildSet, readings: Sequence[digitlab.Reading]) -> str:
    """A row of the third table."""
    correct = np.array([reading.label == text for reading, text in zip(readings, wild_set.texts, strict=True)])
    readable = np.array([reading.readable for reading in readings])
    probabilities = np.stack([reading.probabilities for reading in readings])
    labels = np.array([int(text) for text in wild_set.texts], np.uint8)
    error = expected_calibration_error(labels, probabilities)
    of_others = f"{100 * correct[~readable].mean():.0f} % of {(~readable).sum()}" if (~readable).any() else "–"
    return (
        f"| {wild_set.name} | {100 * (~readable).mean():.1f} % | {100 * correct[readable].mean():.1f} % "
        f"| {of_others} | {100 * error:.1f} % |"
    )


def timings(temporary: Path) -> str:
    """The rows of the last table."""
    page = sheet(PHOTO)
    Image.fromarray(page).save(temporary / "photo.jpg")
    Image.fromarray(cv2.resize(page, PHONE, interpolation=cv2.INTER_CUBIC)).save(temporary / "phone.jpg", quality=92)
    (temporary / "many").mkdir()
    sample = digitlab.load_dataset("sample").train.images
    for number in range(MANY):
        small = cv2.resize(255 - sample[number], (SMALL, SMALL), interpolation=cv2.INTER_CUBIC)
        Image.fromarray(small).save(temporary / "many" / f"{number:04d}.png")
    rows = (
        ("`digitlab read photo.jpg`, 1 megapixel, ten digits", lambda: command("photo.jpg", temporary)),
        ("`digitlab read phone.jpg`, 12 megapixels, ten digits", lambda: command("phone.jpg", temporary)),
        (f"`digitlab read` of a folder of {MANY:,} pictures of {SMALL}x{SMALL}", lambda: command("many", temporary)),
    )
    return "\n".join(f"| {name} | {spread(timed(work))} |" for name, work in rows)


def sheet(size: tuple[int, int]) -> Grey:
    """Ten digits of the sample in two rows on shaded paper."""
    width, height = size
    split = digitlab.load_dataset("sample").train
    page = np.zeros((height, width), np.uint8)
    for digit in range(10):
        row, column = divmod(digit, 5)
        image = split.images[np.flatnonzero(split.labels == digit)[0]]
        y, x = 120 + row * 380, 80 + column * 220
        page[y : y + 200, x : x + 200] = cv2.resize(image, (200, 200), interpolation=cv2.INTER_CUBIC)
    light = np.linspace(0.6, 1, width)[None, :]
    grain = np.random.default_rng(0).normal(0, 3, (height, width))
    return np.clip((235 - page * 0.75) * light + grain, 0, 255).astype(np.uint8)


def command(name: str, folder: Path) -> None:
    """The command as a user types it, on the first core."""
    program = [str(Path(sys.executable).with_name("digitlab")), "read", str(folder / name), "--json"]
    if shutil.which("taskset"):
        program = ["taskset", "-c", "0", *program]
    subprocess.run(program, check=True, capture_output=True)


def timed(work: Callable[[], None]) -> list[float]:
    """Seconds of each run, after one that warms the page cache."""
    work()
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return seconds


if __name__ == "__main__":
    main()
