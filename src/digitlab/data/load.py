"""`load_dataset`: from a name or a path to images and labels."""

from __future__ import annotations

import dataclasses
import difflib
import os
from pathlib import Path

from digitlab.data.csv_file import read_csv
from digitlab.data.fetch import Progress, fetch
from digitlab.data.idx_folder import find_idx_files, read_idx_pair
from digitlab.data.image_folder import class_folders, read_image_folder
from digitlab.data.known import KNOWN_SETS, MNIST, KnownSet, recognise
from digitlab.data.npy_folder import find_npy_files, map_npy_pair
from digitlab.data.npz import read_npz
from digitlab.data.places import Files, cache_folder, find_known
from digitlab.data.sample import NAME as SAMPLE
from digitlab.data.sample import load_sample
from digitlab.data.split import DIGIT_NAMES, Dataset, Images, Labels, Split
from digitlab.data.splits import stratified_indices
from digitlab.errors import DataError, DownloadError, UsageError
from digitlab.runs.user_path import recordable_path
from digitlab.text import cut, printable

Parts = dict[str, tuple[Images, Labels]]

TEST_SHARE = 0.2
CSV_SUFFIXES = (".csv", ".csv.gz")


def load_dataset(source: str | Path = "auto", *, progress: Progress | None = None) -> Dataset:
    """Load a data set.

    Args:
        source: ``"mnist"`` or ``"fashion-mnist"`` (looked for in DIGITLAB_DATA, then in the cache, then
            fetched), ``"sample"`` (the embedded 5,000 images), a path to a folder of IDX or NPY files, a CSV
            or NPZ file, or a folder of class folders; or ``"auto"``: full MNIST where it is at hand or can
            be fetched, else the sample, which its note then says.
        progress: Called with file name, bytes done and bytes in all while something is fetched.

    Returns:
        Training and test split. A set without a test part gives up a fixed stratified fifth for it. The images
        of large plain IDX files and of NPY files stay in their files: they are `numpy.memmap`.

    Raises:
        DataError: The data are damaged or not what they should be.
        DownloadError: A known set is neither at hand nor to be fetched.
        UsageError: No such name or path.
    """
    name = str(source)
    if name == "auto":
        return _load_auto(progress)
    if name == SAMPLE:
        return load_sample()
    if name in KNOWN_SETS:
        return _load_known(KNOWN_SETS[name], progress)
    if not name:
        raise _no_such(name)
    return _load_path(Path(source), name)


def _load_auto(progress: Progress | None) -> Dataset:
    try:
        return _load_known(MNIST, progress)
    except DownloadError:
        sample = load_sample()
        note = f"full MNIST is not at hand and cannot be fetched; {sample.note}"
        return dataclasses.replace(sample, note=note)


def _load_known(known: KnownSet, progress: Progress | None) -> Dataset:
    files = find_known(known)
    if files is None:
        files = find_idx_files(fetch(known, cache_folder(), progress=progress))
    return dataclasses.replace(_from_idx(files, known.name, known.class_names), source=known.name)


def _load_path(source: Path, as_given: str) -> Dataset:
    # Not `Path.resolve`: a link is judged by its own name. And os.path, unlike pathlib, takes a path that
    # cannot be (a null byte, no such user) for one that is not there.
    path = Path(os.path.abspath(os.path.expanduser(source)))  # noqa: PTH100, PTH111
    if not os.path.exists(path):  # noqa: PTH110
        raise _no_such(as_given)
    recordable_path(path)
    try:
        return dataclasses.replace(_load_folder(path) if path.is_dir() else _load_file(path), source=str(path))
    except OSError as error:
        raise DataError(
            f"cannot read {error.filename or path}: {error.strerror or error}", hint="check the path and its rights"
        ) from error


def _load_file(path: Path) -> Dataset:
    name = path.name.lower()
    if name.endswith(CSV_SUFFIXES):
        return _with_test({"all": read_csv(path)}, path.name)
    if name.endswith(".npz"):
        return _with_test(read_npz(path), path.name)
    raise UsageError(
        f"{path}: expected a folder, a .csv or an .npz file",
        hint="IDX files are named by the folder that holds them",
    )


def _load_folder(folder: Path) -> Dataset:
    if files := find_idx_files(folder):
        known = recognise(files)
        return _from_idx(files, known.name if known else folder.name, known.class_names if known else None)
    if arrays := find_npy_files(folder):
        return _with_test({part: map_npy_pair(*pair) for part, pair in arrays.items()}, folder.name)
    if tables := _csv_pair(folder):
        return _with_test({part: read_csv(path) for part, path in tables.items()}, folder.name)
    train, test = folder / "train", folder / "test"
    if train.is_dir() and class_folders(train):
        names = tuple(entry.name for entry in class_folders(train))
        parts = {"train": read_image_folder(train, names)}
        if test.is_dir():
            _refuse_unknown_classes(test, names)
            parts["test"] = read_image_folder(test, names)
        return _with_test(parts, folder.name, names)
    if entries := class_folders(folder):
        names = tuple(entry.name for entry in entries)
        return _with_test({"all": read_image_folder(folder, names)}, folder.name, names)
    raise DataError(
        f"{folder}: expected IDX files, NPY files, train.csv and test.csv, or class folders of pictures, found none",
        hint="see docs/data.md for the names and layouts that are recognised",
    )


def _refuse_unknown_classes(test: Path, names: tuple[str, ...]) -> None:
    if unknown := [entry.name for entry in class_folders(test) if entry.name not in names]:
        raise DataError(
            f"{test}: expected the classes of the training part, got also {', '.join(unknown[:5])}",
            hint="every class needs a folder of training pictures",
        )


def _from_idx(files: Files, name: str, class_names: tuple[str, ...] | None) -> Dataset:
    if "train" not in files:
        raise DataError(f"{name}: found test files, but no training files", hint="put train-images-idx3-ubyte beside")
    return _with_test({part: read_idx_pair(*pair) for part, pair in files.items()}, name, class_names)


def _csv_pair(folder: Path) -> dict[str, Path]:
    for train, test in (("train", "test"), ("mnist_train", "mnist_test")):
        for suffix in CSV_SUFFIXES:
            pair = {"train": folder / f"{train}{suffix}", "test": folder / f"{test}{suffix}"}
            if all(path.is_file() for path in pair.values()):
                return pair
    return {}


def _with_test(parts: Parts, name: str, class_names: tuple[str, ...] | None = None) -> Dataset:
    """A data set of its parts; without a test part a fixed stratified fifth becomes it."""
    name = printable(name)
    if "train" not in parts:
        parts = {**parts, "train": parts["all"]}
    names = class_names or _names_for(parts)
    train = Split(*parts["train"], f"{name}/train", names)
    if "test" in parts:
        return Dataset(name, train, Split(*parts["test"], f"{name}/test", names))
    rest, held_out = stratified_indices(train.labels, TEST_SHARE, seed=0, name=name)
    note = f"{name} has no test part; a fixed fifth of it ({len(held_out):,} images) was held out as one"
    return Dataset(name, train.take(rest, train.name), train.take(held_out, f"{name}/test"), note)


def _names_for(parts: Parts) -> tuple[str, ...]:
    """Ten digits, unless the labels say that there are more classes."""
    classes = 1 + max(int(labels.max()) for _, labels in parts.values())
    return DIGIT_NAMES if classes <= len(DIGIT_NAMES) else tuple(str(label) for label in range(classes))


def _no_such(name: str) -> UsageError:
    names = ["auto", SAMPLE, *KNOWN_SETS]
    nearest = difflib.get_close_matches(name[:40].lower(), names, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"a path, or one of {', '.join(names)}"
    return UsageError(f"{cut(name, 200) or 'an empty name'}: neither a known data set nor an existing path", hint=hint)
