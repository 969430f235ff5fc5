"""`find_image_files`: from what was named to the files of images that are meant, each with its count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from digitlab.bulk.images import ImageRows, format_of, open_images
from digitlab.bulk.place import Place, is_uri, place
from digitlab.bulk.reading import reading
from digitlab.data.idx_folder import find_idx_files
from digitlab.data.known import KNOWN_SETS, KnownSet
from digitlab.data.sample import NAME as SAMPLE
from digitlab.data.split import Images
from digitlab.errors import UsageError

# A file in a folder whose name ends so must hold images; others may hold what they like.
PROMISING = (".npy", ".npz", ".parquet", "idx3-ubyte", "idx3-ubyte.gz")


@dataclass(frozen=True)
class ImageFile:
    """A file of images.

    Args:
        name: What it is called in results and messages.
        address: What `open_file` opens it by, in any process.
        bytes: Its size.
        rows: Images in it.
    """

    name: str
    address: str
    bytes: int
    rows: int


class SampleRows:
    """The 1,000 test images of the embedded sample, which is no file."""

    def __init__(self) -> None:
        from digitlab.data.sample import load_sample

        self._images = load_sample().test.images
        self.count = len(self._images)

    def read(self, start: int, stop: int) -> Images:
        """uint8 [stop - start, 28, 28]."""
        return self._images[start:stop]

    def close(self) -> None:
        """Nothing is open."""


def open_file(address: str) -> ImageRows:
    """The images of an `ImageFile`.

    Raises:
        DataError: The file is not there, damaged, or of another kind.
    """
    return SampleRows() if address == SAMPLE else open_images(place(address))


def find_image_files(data: Sequence[str | Path]) -> tuple[list[ImageFile], list[str]]:
    """The files that are meant, each once, in the order named, those of a folder in the order of their names.

    Args:
        data: Files, folders (of which the files in themselves count, not those of folders below), URIs of either, or
            names of known sets, whose test images are meant.

    Returns:
        The files, and the names of those in folders that hold no images and were passed over. Files of labels beside
        images are no surprise and not among them.

    Raises:
        DataError: A file is damaged, or holds something else although its name says images.
        UsageError: Nothing is there, or nothing in a folder.
    """
    passed_over: list[str] = []
    addresses = dict.fromkeys(address for one in data for address in _addresses(str(one), passed_over))
    return [_counted(address) for address in addresses], passed_over


def _counted(address: str) -> ImageFile:
    rows = open_file(address)
    try:
        if address == SAMPLE:
            return ImageFile(SAMPLE, SAMPLE, 784 * rows.count, rows.count)
        file = place(address)
        with reading(file.name):
            return ImageFile(file.name, file.address, file.size(), rows.count)
    finally:
        rows.close()


def _addresses(named: str, passed_over: list[str]) -> Iterator[str]:
    if named in KNOWN_SETS:
        yield str(_test_images(KNOWN_SETS[named]))
        return
    if named == SAMPLE:
        yield SAMPLE
        return
    where = place(named)
    with reading(where.name):
        kind = where.kind()
    if kind == "nothing" or not named:
        known = ", ".join([SAMPLE, *KNOWN_SETS])
        kinds = "URI" if is_uri(named) else "path"
        raise UsageError(f"{named!r}: expected images, found nothing there", hint=f"an existing {kinds}, or {known}")
    yield from [where.address] if kind == "file" else _in_folder(where, passed_over)


def _in_folder(folder: Place, passed_over: list[str]) -> Iterator[str]:
    found = False
    with reading(folder.name):
        files = [file for file, _ in folder.files()]
    for file in files:
        base = file.name.rpartition("/")[2]
        if base.startswith((".", "_")):
            continue
        kind = format_of(file)
        if kind not in ("labels", "unknown") or (kind == "unknown" and base.endswith(PROMISING)):
            found = True
            yield file.address
        elif kind == "unknown":
            passed_over.append(file.name)
    if not found:
        raise UsageError(
            f"{folder.name}: expected files of images in it, found none", hint="known are IDX, NPY, NPZ and Parquet"
        )


def _test_images(known: KnownSet) -> Path:
    from digitlab.data.fetch import fetch
    from digitlab.data.places import cache_folder, find_known

    files = find_known(known) or find_idx_files(fetch(known, cache_folder()))
    return files["test"][0]
