"""``digitlab predict``."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, cast

import typer

from digitlab.cli.console import print_json, stderr
from digitlab.cli.endings import FileEnding
from digitlab.cli.engine import LOCAL, Address, Overwrite, PartsBar, make_engine
from digitlab.cli.interruption import interruption
from digitlab.cli.paths import checked
from digitlab.errors import RunError, UsageError

if TYPE_CHECKING:
    from digitlab.bulk.text import TextFormat

TEXT_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl"}


def predict(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="Files of images (IDX, NPY, NPZ, Parquet), folders of them, URIs such as s3://, or mnist for its test "
            "images.",
        ),
    ],
    model: Annotated[
        Path | None, typer.Option(callback=checked, help="Run folder or .onnx file. Default: the shipped network.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(help="A .csv or .jsonl file, or a folder or URI for Parquet. Default: CSV on standard output."),
    ] = None,
    probabilities: Annotated[
        bool | None, typer.Option(help="The probabilities of all classes too.  [default: in Parquet]")
    ] = None,
    part_rows: Annotated[
        int, typer.Option(help="Images at most that are read, answered and written at once.")
    ] = 100_000,
    engine: Annotated[str, typer.Option(help="local or ray: this process, or all cores of a cluster.")] = LOCAL,
    address: Address = None,
    overwrite: Overwrite = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="With --out: print one JSON object of what was done. Without: JSON lines, not CSV."
        ),
    ] = False,
) -> None:
    """Name the digits of MNIST-format images in bulk: to Parquet, restartable, or to CSV or JSON lines."""
    form = TEXT_SUFFIXES.get(Path(out).suffix.lower()) if out else ("jsonl" if as_json else "csv")
    chosen = make_engine(engine, address)
    if form is None:
        from digitlab.bulk import predict_files

        with PartsBar("images") as bar:
            outcome = predict_files(
                cast("list[str | Path]", data),
                str(out),
                model=model,
                probabilities=probabilities is not False,
                part_rows=part_rows,
                engine=chosen,
                overwrite=overwrite,
                progress=bar,
            )
            bar.end(outcome)
        _note(outcome.passed_over)
        if as_json:
            print_json(dataclasses.asdict(outcome))
        return
    if engine != LOCAL:
        raise UsageError(
            f"--engine {engine}: expected a folder as --out, got {out or 'none'}", hint="--out FOLDER, for Parquet"
        )
    with _target(out, overwrite=overwrite) as target:
        rows = _write(target, data, model, cast("TextFormat", form), part_rows, probabilities=bool(probabilities))
    if as_json and out:
        print_json({"out": out, "rows": rows})


def _write(
    target: IO[str], data: list[str], model: Path | None, form: TextFormat, part_rows: int, *, probabilities: bool
) -> int:
    """Write every row; how many there are."""
    from digitlab.bulk.parts import cut_images
    from digitlab.bulk.place import place
    from digitlab.bulk.predict import Predictor
    from digitlab.bulk.sources import find_image_files
    from digitlab.bulk.text import text_of
    from digitlab.classifier import load_classifier
    from digitlab.runs import available_cores

    classifier = load_classifier(model, threads=available_cores())
    files, passed_over = find_image_files(cast("list[str | Path]", data))
    _note(passed_over)
    parts = cut_images(files, part_rows)
    several = len(data) > 1 or place(data[0]).kind() == "folder"
    names = classifier.class_names
    with contextlib.closing(Predictor(classifier)) as predictor:
        for text in text_of(parts, predictor, names, form, files=several, probabilities=probabilities):
            target.write(text)
    return sum(part.rows for part in parts)


def _note(passed_over: Sequence[str]) -> None:
    if passed_over:
        more = f" and {len(passed_over) - 3:,} more" if len(passed_over) > 3 else ""
        names = ", ".join(passed_over[:3])
        stderr.print(f"note: no images in {names}{more}, passed over", style="yellow", markup=False)


@contextlib.contextmanager
def _target(out: str | None, *, overwrite: bool) -> Iterator[IO[str]]:
    """Standard output, or a file that appears whole or not at all."""
    if out is None:
        yield sys.stdout
        return
    from digitlab.bulk.place import is_uri
    from digitlab.runs import atomic_path
    from digitlab.runs.user_path import user_path

    if is_uri(out):
        raise UsageError(f"--out: expected a path for {Path(out).suffix}, got {out}", hint="a folder there: Parquet")
    path = user_path(out)
    if path.exists() and not overwrite:
        raise RunError(f"{path}: expected no such file yet, found one", hint="add --overwrite, or choose another --out")
    if not overwrite:
        interruption.ending = FileEnding(path)
    with atomic_path(path, clean_up=True) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield file
