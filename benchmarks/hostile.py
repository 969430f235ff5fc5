"""Every input made to harm: what becomes of it, in how many seconds and at how much memory beyond the imports.

    python benchmarks/hostile.py [FOLDER] [--study RUN] [--train RUN]

FOLDER is the folder `cases/hostile` (in DIGITLAB_DATA or ../shared by default), or any other with files of its kinds: a
file's kind is told by its name. Each input is handled in a process of its own that is forked after all imports, with
limits on memory and time. Files of runs are laid over a copy of a finished run of the same kind, which is made here if
none is given. What is sent over HTTP is left out. It prints a table in Markdown, and exits with 1 if any input ended in
something else than a result or an error of digitlab's own, or took more than the limits that are shown.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from digitlab.errors import DigitlabError
from digitlab.text import cut, printable_line

MOST_S, MOST_MB = 2.0, 500
# A picture of 64 million pixels may take longer.
LARGE, LARGE_S = ("rgba64M.png", "gray16_64M.png"), 3.0
# A child that goes further is ended: its row then says so.
LIMIT_S, LIMIT_BYTES = 120, 8 * 2**30
# Both are bodies of requests.
OVER_HTTP = ("string_bomb", "punycode")
NOT_INPUTS = ("README.md",)
PICTURES = (".png", ".jpg", ".eps", ".gif", ".tif", ".webp", ".bmp", ".ppm")
OUTCOMES = ("result", "error", "UNEXPECTED", "KILLED")

Handler = Callable[[Path, Path], str]


def main() -> None:
    """Handle every input and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=None)
    parser.add_argument("--study", type=Path, help="a finished run of `digitlab study`")
    parser.add_argument("--train", type=Path, help="a finished run of `digitlab train`")
    options = parser.parse_args()
    folder = options.folder or find_hostile()
    import_everything()
    print("| input | what was done | outcome | s | peak MB |\n|---|---|---|---|---|")
    bad = 0
    with tempfile.TemporaryDirectory() as scratch:
        runs = {"study": options.study, "rec": options.train, "scratch": Path(scratch)}
        for path in sorted(entry for entry in folder.iterdir() if entry.is_file()):
            for what, handler in handlers(path, runs):
                outcome, text, seconds, megabytes = measured(handler, path)
                limit = LARGE_S if path.name in LARGE else MOST_S
                wrong = outcome in ("UNEXPECTED", "KILLED") or seconds > limit or megabytes > MOST_MB
                bad += wrong
                shown = cut(printable_line(text.replace(f"{path.parent}/", "")), 110).replace("|", "\\|")
                row = [path.name, what, f"{outcome}: {shown}{' **!**' if wrong else ''}"]
                print(f"| {' | '.join(row)} | {seconds:.2f} | {megabytes:.0f} |", flush=True)
    raise SystemExit(1 if bad else 0)


def find_hostile() -> Path:
    """The folder of the inputs where it is found by itself."""
    roots = [Path(os.environ.get("DIGITLAB_DATA", ".")), Path(__file__).parents[2] / "shared"]
    for root in roots:
        if (root / "cases" / "hostile").is_dir():
            return root / "cases" / "hostile"
    raise SystemExit("expected a folder cases/hostile in DIGITLAB_DATA or ../shared, found none")


def import_everything() -> None:
    """All modules that a handler needs, so that no child imports any."""
    import cv2
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401
    from PIL import Image

    import digitlab.bulk.text
    import digitlab.export
    import digitlab.reading
    import digitlab.report  # noqa: F401

    Image.init()
    cv2.setNumThreads(1)


def handlers(path: Path, runs: dict[str, Any]) -> Iterator[tuple[str, Handler]]:
    """What is done with an input, by its name."""
    name = path.name
    if name in NOT_INPUTS or name.startswith(OVER_HTTP):
        return
    if name.startswith("run_"):
        yield "report", lambda path, scratch: report(path, scratch, runs)
    elif name.startswith("toml"):
        yield "settings", settings
    elif name.endswith(".onnx"):
        yield from {"load": load_network, "page": page, "predict --json": as_json, "predict": as_csv}.items()
    elif name == "class_folder_eps.png":
        yield from {"class folder": class_folder, "read": read_picture}.items()
    elif name.startswith("pic_") or name.lower().endswith(PICTURES):
        yield "read", read_picture
    else:
        yield from {"data set": load_data, "predict": predict_images}.items()


def measured(handler: Handler, path: Path) -> tuple[str, str, float, float]:
    """Outcome, its text, seconds, and MB at the peak beyond what the child began with."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    started = time.perf_counter()
    process = multiprocessing.get_context("fork").Process(target=_child, args=(handler, path, sender))
    process.start()
    sender.close()
    answered = receiver.poll(LIMIT_S)
    with contextlib.suppress(EOFError):
        if answered:
            outcome: tuple[str, str, float, float] = receiver.recv()
            process.join()
            return outcome
    process.kill()
    process.join()
    return "KILLED", f"exit code {process.exitcode}", time.perf_counter() - started, float("nan")


def _child(handler: Handler, path: Path, sender: Any) -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + LIMIT_BYTES, used + LIMIT_BYTES))
    with tempfile.TemporaryDirectory() as scratch, Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)  # what libraries say of damage
        os.chdir(scratch)
        before = _start_of_peak()
        started = time.perf_counter()
        try:
            outcome = "result", handler(path, Path(scratch))
        except DigitlabError as error:
            outcome = "error", f"{type(error).__name__}: {error.message}"
        except BaseException as error:  # noqa: BLE001 - which one it is is what is looked for
            outcome = "UNEXPECTED", f"{type(error).__name__}: {error}"
        seconds = time.perf_counter() - started
        sender.send((*outcome, seconds, (_peak() - before) / 1e6))


def _start_of_peak() -> int:
    """Bytes in use now; the peak is counted from here where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _peak() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def read_picture(path: Path, scratch: Path) -> str:
    """As `digitlab read` and the server do."""
    from digitlab import load_classifier, read_number

    return f"{[line.text for line in read_number(path, load_classifier())]}"


def class_folder(path: Path, scratch: Path) -> str:
    """A picture among those of a class."""
    import digitlab

    for label in "01":
        (scratch / "set" / label).mkdir(parents=True)
        shutil.copy(path, scratch / "set" / label / path.name)
    return f"{len(digitlab.load_dataset(scratch / 'set').train)} images"


def _as_data(path: Path, scratch: Path) -> Path:
    """The file itself, or the file that a Python literal ``('KIND:name', {name: bytes})`` holds."""
    if not path.name.startswith("data_"):
        return path
    _, files, *_ = ast.literal_eval(path.read_text())
    for name, content in files.items():
        (scratch / name).write_bytes(content)
    return scratch / next(iter(files))


def load_data(path: Path, scratch: Path) -> str:
    """As a data set, and described as `digitlab data inspect` does."""
    import digitlab
    from digitlab.data.inspect import describe

    file = _as_data(path, scratch)
    if file.suffix == ".npy":  # which is one file of a set
        (scratch / "set").mkdir()
        file = file.rename(scratch / "set" / "train-images.npy").parent
        np.save(file / "train-labels.npy", np.arange(30) % 10)
    return f"{describe(digitlab.load_dataset(file))['train']}"


def predict_images(path: Path, scratch: Path) -> str:
    """As images to `digitlab predict`."""
    return _predicted(None, str(_as_data(path, scratch)), "csv")


def _predicted(model: Path | None, data: str, form: Any) -> str:
    from digitlab import load_classifier
    from digitlab.bulk.parts import cut_images
    from digitlab.bulk.predict import Predictor
    from digitlab.bulk.sources import find_image_files
    from digitlab.bulk.text import text_of

    classifier = load_classifier(model)
    parts = cut_images(find_image_files([data])[0], 100_000)
    with contextlib.closing(Predictor(classifier)) as predictor:
        names = classifier.class_names
        text = "".join(text_of(parts, predictor, names, form, files=True, probabilities=True))
    if form == "jsonl":
        for line in text.splitlines():
            json.loads(line, parse_constant=_refuse_constant)
    return text


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} in JSON")


def load_network(path: Path, scratch: Path) -> str:
    """As a network."""
    import digitlab

    return f"{digitlab.load_classifier(path).class_names}"


def page(path: Path, scratch: Path) -> str:
    """As a page, beside a file that is nobody's business."""
    from digitlab.export import export_page

    (scratch / "secret.pem").write_bytes(b"SECRET" * 10_000)
    return f"{export_page(path, scratch / 'page.html').stat().st_size} bytes"


def as_json(path: Path, scratch: Path) -> str:
    """Predictions as JSON lines."""
    return _predicted(path, "sample", "jsonl")


def as_csv(path: Path, scratch: Path) -> str:
    """Predictions as CSV."""
    return _predicted(path, "sample", "csv")


def settings(path: Path, scratch: Path) -> str:
    """As settings of a training."""
    from digitlab.config import load_config_file

    return f"{load_config_file(path)}"


def report(path: Path, scratch: Path, runs: dict[str, Any]) -> str:
    """Files of a run laid over a finished one, and its report."""
    from digitlab.report import write_report

    if path.suffix == ".json":
        kind, files = "study", {"run.json": path.read_bytes()}
    else:
        kind, files, *_ = ast.literal_eval(path.read_text(encoding="utf-8"))
    run = scratch / "run"
    shutil.copytree(finished_run(kind, runs), run)
    for name, content in files.items():
        (run / name).write_bytes(content)
    html = write_report(run).read_text(encoding="utf-8")
    if 'href="javascript:' in html.lower():
        raise ValueError("a link that runs JavaScript")
    return f"{len(html)} characters of HTML"


def finished_run(kind: str, runs: dict[str, Any]) -> Path:
    """The finished run that was named, or one that is made once, small, on the embedded sample."""
    folder: Path = runs[kind] or runs["scratch"] / kind
    if not folder.exists():
        small = ["--max-epochs", "2", "--finalists", "1", "--finalist-seeds", "1", "--units", "8,16"]
        verb = ["study", *small] if kind == "study" else ["train", "--hidden", "8", "--epochs", "2"]
        command = [sys.executable, "-m", "digitlab", *verb, "--data", "sample", "--out", str(folder)]
        subprocess.run(command, check=True, capture_output=True)
    return folder


if __name__ == "__main__":
    main()
