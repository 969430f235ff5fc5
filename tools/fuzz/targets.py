"""What is given mutated inputs: each target makes them and runs them, and lets only unexpected exceptions out."""

from __future__ import annotations

import random
import tempfile
import zlib
from functools import cached_property
from pathlib import Path
from typing import Protocol

import seeds
from mutations import mutate_bytes, mutate_json, mutate_text

from digitlab.errors import DigitlabError

# Drawing takes a second: of the runs that are read, one in so many is drawn too.
DRAWN = 100


class Target(Protocol):
    """One kind of input. An input is a byte string; a target whose inputs are files of several kinds marks the kind."""

    name: str

    def open(self) -> None:
        """Import and make what all inputs need, and read the sound inputs; called once per process."""

    def mutate(self, rng: random.Random) -> bytes:
        """An input."""

    def run(self, content: bytes) -> None:
        """Read an input. Any exception is a finding."""


class FileTarget:
    """Inputs that are files: the first line of an input is the file's name, what follows is its content."""

    name: str

    def open(self) -> None:
        """Make the folder that the files are put into."""
        self.folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{self.name}-"))
        for name, content in self.seeds.items():
            self.read(self._write(name, content))

    @cached_property
    def seeds(self) -> dict[str, bytes]:
        """Sound files by name."""
        return self.make_seeds()

    def make_seeds(self) -> dict[str, bytes]:
        """Sound files by name."""
        raise NotImplementedError

    def read(self, path: Path) -> None:
        """What reads such a file; errors of the project's own are expected."""
        raise NotImplementedError

    def mutate(self, rng: random.Random) -> bytes:
        """A sound file, mutated as its format suggests."""
        names = sorted(self.seeds)
        name = rng.choice(names)
        content, other = self.seeds[name], self.seeds[rng.choice(names)]
        textual = name.endswith((".csv", ".toml"))
        mutated = (mutate_text if textual else mutate_bytes)(content, rng, other)
        return f"{name}\n".encode() + mutated

    def run(self, content: bytes) -> None:
        """Write the file, read it, and accept a result or an error of the project's own."""
        name, _, body = content.partition(b"\n")
        try:
            self.read(self._write(name.decode(), body))
        except DigitlabError as error:
            check_error(error)

    def _write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


class Pictures(FileTarget):
    """Pictures of every format, read as numbers."""

    name = "pictures"

    def make_seeds(self) -> dict[str, bytes]:
        """Small pictures of every format and mode."""
        return seeds.pictures()

    def read(self, path: Path) -> None:
        """Open and read it."""
        from digitlab.classifier import load_classifier
        from digitlab.reading import read_number

        self.classifier = getattr(self, "classifier", None) or load_classifier()
        read_number(path, self.classifier)


class Data(FileTarget):
    """NPZ, NPY, IDX and CSV files, plain and gzipped."""

    name = "data"

    def make_seeds(self) -> dict[str, bytes]:
        """Small data sets of every format."""
        return seeds.data_files()

    def read(self, path: Path) -> None:
        """Load the file, or the folder that it is put into beside its sound neighbours."""
        from digitlab.data import load_dataset

        if path.name.endswith((".csv", ".csv.gz", ".npz")):
            load_dataset(path)
            return
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        for name in seeds.companions(path.name):
            (folder / name).write_bytes(self.seeds[name])
        path.rename(folder / path.name)
        try:
            load_dataset(folder)
        finally:
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()


class Settings(FileTarget):
    """TOML files of settings and of search spaces."""

    name = "settings"

    def make_seeds(self) -> dict[str, bytes]:
        """Both kinds, with every key."""
        return seeds.settings()

    def read(self, path: Path) -> None:
        """As `--config` and `--space` do."""
        from digitlab.config import load_config_file
        from digitlab.tuning.space import load_space

        (load_space if path.name.startswith("space") else load_config_file)(path)


class Networks(FileTarget):
    """ONNX files."""

    name = "networks"

    def make_seeds(self) -> dict[str, bytes]:
        """A small network, and the page's second one."""
        return seeds.networks()

    def read(self, path: Path) -> None:
        """Open it, ask it, and make a page of it."""
        import numpy as np

        from digitlab.classifier import load_classifier
        from digitlab.export import export_page

        classifier = load_classifier(path)
        classifier.predict_proba(np.zeros((3, 28, 28), np.uint8))
        export_page(path, self.folder / "page.html")


class Runs:
    """Files of run folders, by their JSON values, their cells and their bytes."""

    name = "runs"

    def open(self) -> None:
        """Make the runs in a folder of this process's own, and their reports."""
        from digitlab.report import write_report

        self.runs = seeds.run_folders(Path(tempfile.mkdtemp(prefix="fuzz-runs-")))
        self.figures = seeds.figure_texts(self.runs)
        for run in self.runs:
            write_report(run)

    @cached_property
    def files(self) -> list[tuple[int, Path, bytes]]:
        """Each file of each run: the run's number, the file's name in it, and its content."""
        with tempfile.TemporaryDirectory() as folder:
            return [
                (number, path.relative_to(run), path.read_bytes())
                for number, run in enumerate(seeds.run_folders(Path(folder)))
                for path in sorted(run.rglob("*"))
                if path.is_file()
            ]

    def mutate(self, rng: random.Random) -> bytes:
        """One file of one run, mutated: the first line names both."""
        number = rng.randrange(len(self.files))
        _, name, content = self.files[number]
        if name.suffix == ".json" and rng.random() < 0.8:
            mutated = mutate_json(content, rng)
        else:
            mutated = (mutate_text if name.suffix == ".csv" else mutate_bytes)(content, rng)
        return f"{number}\n".encode() + mutated

    def run(self, content: bytes) -> None:
        """Read the run and render its page with one file changed; the file is put back."""
        from digitlab.report import write_report
        from digitlab.report.contents import read_contents
        from digitlab.report.html import render_html

        number, _, body = content.partition(b"\n")
        of_run, name, sound = self.files[int(number)]
        run = self.runs[of_run]
        try:
            (run / name).write_bytes(body)
            if zlib.crc32(body) % DRAWN == 0:
                write_report(run)
            else:
                render_html(read_contents(run), self.figures).encode()
        except DigitlabError as error:
            check_error(error)
        finally:
            (run / name).write_bytes(sound)


def check_error(error: DigitlabError) -> None:
    """Two lines that any terminal can show, of a length that a person reads."""
    for line in (error.message, error.hint):
        line.encode()
        assert 0 < len(line) < 2000, f"a line of {len(line):,} characters"


def _all() -> dict[str, Target]:
    from requests_target import Requests

    found: list[Target] = [Pictures(), Data(), Settings(), Networks(), Runs(), Requests()]
    return {target.name: target for target in found}


TARGETS = _all()
