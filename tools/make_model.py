"""Train the two networks that ship with digitlab, and write their card: `make model`.

    python tools/make_model.py [--data mnist] [--out runs/shipped] [--readable runs/readable]
    python tools/make_model.py --fingerprints    # only those of the images that it was trained on

One names the digit; its recipe is the preset `shipped`, the seed its own. The other says whether a picture is a digit
at all (readable.py). The test split is opened when everything is decided, and nothing
is chosen by it. Interrupted, the same command goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import string
from pathlib import Path
from typing import Any

import numpy as np

import digitlab
from digitlab.cli.console import percent
from digitlab.cli.progress import EpochBar
from digitlab.config import load_preset
from digitlab.data.fingerprints import FINGERPRINTS_FILE, fingerprint_split, write_fingerprints
from digitlab.data.known import MNIST
from digitlab.report.words import counted
from digitlab.runs import RunFolder, write_text
from digitlab.study.train import train_and_report
from readable import EACH, RECIPE, THRESHOLDS, error_rates, train_readable
from weaknesses import SURE, garments, hard_forms

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "src" / "digitlab" / "shipped"
MOST_BYTES = 1_000_000
# Pictures of each kind that is no digit, on which the errors of `readable.onnx` are counted.
HELD_OUT = 2000
DECIDING = ("keras", "tensorflow", "jax", "numpy")


def main() -> None:
    """Train, export, score, write the card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--out", type=Path, default=Path("runs/shipped"))
    parser.add_argument("--readable", type=Path, default=Path("runs/readable"))
    parser.add_argument("--fingerprints", action="store_true", help="write only the fingerprints of MNIST's images")
    options = parser.parse_args()
    dataset = digitlab.load_dataset(options.data)
    if options.fingerprints:
        print(write_training_fingerprints(dataset))
        return
    folder = RunFolder(options.out)
    if not (folder.exists() and folder.read_record()["status"] == "finished"):
        with EpochBar() as bar:
            train_and_report(dataset, load_preset("shipped"), options.out, progress=bar)
    file = digitlab.export_onnx(options.out, PACKAGE / "model.onnx", half=True)
    readable = train_readable(dataset.train, options.readable, PACKAGE / "readable.onnx")
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{file}: expected at most {MOST_BYTES:,} bytes, got {size:,}")
    write_training_fingerprints(dataset)
    write_text(PACKAGE / "model_card.md", card(folder.read_record(), file, readable, dataset))
    print(f"{file}: {size:,} bytes, {readable.name}: {readable.stat().st_size:,} bytes, and their card beside them")


def write_training_fingerprints(dataset: digitlab.Dataset) -> Path:
    """The fingerprints of the images that the shipped network is trained on: all of MNIST's training part.

    The preset `shipped` holds nothing out.
    """
    if dataset.fingerprint != MNIST.fingerprint:
        raise SystemExit(f"expected MNIST, got {dataset.name} with the fingerprint {dataset.fingerprint}")
    path = PACKAGE / FINGERPRINTS_FILE
    write_fingerprints(path, fingerprint_split(dataset.train))
    return path


def card(record: dict[str, Any], file: Path, readable: Path, dataset: digitlab.Dataset) -> str:
    """The model card, scores measured on the very files that ship."""
    classifier = digitlab.load_classifier(file)
    scores = digitlab.evaluate(classifier, dataset.test)
    config, train = record["config"], record["stages"]["train"]
    template = string.Template((HERE / "model_card.md").read_text(encoding="utf-8"))
    return template.substitute(
        size=f"{file.stat().st_size:,}",
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        widths="-".join(map(str, (784, *config["hidden_units"], 10))),
        weights=f"{record['parameters']:,}",
        count=f"{record['dataset']['train']:,}",
        fingerprint=record["dataset"]["train_fingerprint"],
        epochs=record["epochs"],
        minutes=f"{train['duration_s'] / 60:.0f}",
        threads=counted(record["machine"]["threads"], "core"),
        cpu=record["machine"]["cpu"],
        versions=", ".join(f"{name} {version}" for name, version in record["versions"].items() if name in DECIDING),
        config=json.dumps(config),
        n=f"{scores.n:,}",
        accuracy=percent(scores.accuracy),
        low=percent(scores.accuracy_interval[0]),
        high=percent(scores.accuracy_interval[1]),
        loss=f"{scores.loss:.4f}",
        calibration=percent(scores.expected_calibration_error),
        classes=classes(scores),
        forms=forms(classifier, dataset.test),
        garments=garments(classifier),
        readable_size=f"{readable.stat().st_size:,}",
        readable_sha256=hashlib.sha256(readable.read_bytes()).hexdigest(),
        readable_widths="-".join(map(str, (784, *RECIPE.hidden_units, 2))),
        readable_epochs=RECIPE.epochs,
        each=f"{EACH:,}",
        thresholds=" | ".join(f"{threshold:g}" for threshold in THRESHOLDS),
        rates=error_rates(digitlab.load_classifier(readable), dataset.test, HELD_OUT),
        seed=config["seed"],
        sure=f"{SURE:g}",
    )


def classes(scores: digitlab.Evaluation) -> str:
    """A row a digit."""
    rows = []
    for row in scores.per_class:
        low, high = row.recall_interval
        rows.append(
            f"| {row.name} | {percent(row.recall)} ({percent(low)} to {percent(high)}) | {percent(row.precision)} |"
        )
    return "\n".join(rows)


def forms(classifier: digitlab.Classifier, test: digitlab.Split) -> str:
    """A row for each way in which the test images were made harder."""
    rows = []
    for name, images in hard_forms(test.images):
        right = float(np.mean(classifier.predict(images) == test.labels))
        rows.append(f"| {name} | {percent(right)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
