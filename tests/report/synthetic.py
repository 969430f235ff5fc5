"""Run folders without any training, and the page as a reader meets it."""

import csv
import json
from html.parser import HTMLParser

import numpy as np

from digitlab.data.known import MNIST
from digitlab.evaluation import evaluate_probabilities
from digitlab.runs import RunFolder

HISTORY = [
    {"epoch": e, "loss": 1 / e, "accuracy": 1 - 0.3 / e, "val_loss": loss, "val_accuracy": 0.8, "learning_rate": 1e-3,
     "duration_s": 0.5}
    for e, loss in enumerate((0.7, 0.5, 0.6), start=1)
]  # fmt: skip


def record(class_names, **changes):
    return {
        "format": 1,
        "version": "0.1.0",
        "name": "demo",
        "created": "2026-01-01T00:00:00+00:00",
        "status": "finished",
        "config": {"hidden_units": [256, 128], "learning_rate": 0.001, "patience": 3, "validation_fraction": 0.1},
        "dataset": {
            "name": "demo data", "fingerprint": "f" * 64, "class_names": list(class_names),
            "train": 54_000, "validation": 6_000, "test": 500, "note": "",
        },
        "versions": {"digitlab": "0.1.0"},
        "machine": {"cpu": "a processor", "cores": 2},
        "stages": {"train": {"status": "finished", "duration_s": 3.0}},
        "best_epoch": 2,
        "parameters": 235_146,
        "stopped": "val_loss had not fallen for 3 epochs",
        **changes,
    }  # fmt: skip


def make_run(path, class_names, **changes):
    """A run folder without any training: random answers, right more often than not."""
    rng = np.random.default_rng(0)
    k = len(class_names)
    labels = np.arange(500) % k
    probabilities = rng.dirichlet(np.ones(k) * 0.3, 500)
    probabilities[np.arange(500), labels] += 0.6
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    evaluation = evaluate_probabilities(labels.astype(np.uint8), probabilities, class_names=class_names)
    folder = RunFolder(path)
    folder.write_record(record(class_names, **changes))
    folder.write_history(HISTORY)
    content = {"validation": evaluation.to_dict(), "test": evaluation.to_dict()}
    (path / "evaluation.json").write_text(json.dumps(content))
    images = rng.integers(0, 256, (24, 28, 28), dtype=np.uint8)
    np.savez(path / "predictions.npz", validation_mistake_images=images, test_mistake_images=images)
    return evaluation


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.outside, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.outside += [
            v for k, v in attrs if k in ("src", "href", "xlink:href", "action") and not v.startswith(("#", "data:"))
        ]

    def handle_data(self, data):
        self.text.append(data)


def parse(html):
    page = Page()
    page.feed(html)
    return page


def text_of(html):
    return " ".join(" ".join(parse(html).text).split())


COLUMNS = (
    "trial", "iteration", "bracket", "rung", "index", "seed", "status", "hidden_units", "learning_rate", "batch_size",
    "dropout", "distortion", "weight_decay", "first_epoch", "last_epoch", "score", "best_epoch", "val_loss",
    "duration_s", "error",
)  # fmt: skip

DOCUMENT = {
    "validation_accuracy": 0.9785, "test_accuracy": 0.9758, "test_loss": 0.0846, "hidden_units": [256, 128],
    "learning_rate": 0.001,
}  # fmt: skip

SEEDS = {
    "seeds": [0, 1, 2], "test_accuracies": [0.97, 0.98, 0.99], "test_losses": [0.08, 0.09, 0.1],
    "mean_accuracy": 0.98, "deviation": 0.01,
}  # fmt: skip


def trial(name, units="256-128", score=0.97, **changes):
    """A row of trials.csv; a score of `None` is a failure."""
    failed = score is None
    row = {
        "trial": name, "iteration": 0, "bracket": 0, "rung": 0, "index": 0, "seed": 1, "hidden_units": units,
        "status": "failed" if failed else "completed", "learning_rate": 0.001, "batch_size": 32, "dropout": 0.0,
        "distortion": 0.0, "weight_decay": 0.0,
        "first_epoch": 0, "last_epoch": 10, "score": score, "best_epoch": None if failed else 9,
        "val_loss": None if failed else 0.1, "duration_s": 1.5, "error": "out of memory" if failed else "",
    }  # fmt: skip
    return {**row, **changes}


TRIALS = [
    trial("b1-r0-00", "64-32", 0.93, learning_rate=0.0001, last_epoch=3, bracket=1),
    trial("b1-r0-01", "256-128", 0.96, last_epoch=3, bracket=1),
    trial("b1-r1-01", "256-128", 0.975, rung=1, bracket=1),
    trial("b0-r0-00", "32-32", 0.95),
]


def write_trials(path, rows=TRIALS):
    with (path / "trials.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def finalist(rank, units, accuracies, **changes):
    mean = float(np.mean(accuracies))
    return {
        "rank": rank, "hidden_units": units, "learning_rate": 0.001, "batch_size": 32, "dropout": 0.0,
        "weight_decay": 0.0, "search_score": 0.975, "seeds": list(range(len(accuracies))), "accuracies": accuracies,
        "losses": [0.1] * len(accuracies), "epochs": [6] * len(accuracies), "mean_accuracy": mean,
        "deviation": float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else 0.0, **changes,
    }  # fmt: skip


def search(**changes):
    rungs = [(1, 0, 3, 0, 3), (1, 1, 1, 3, 10), (0, 0, 2, 0, 10)]
    names = ("bracket", "number", "trials", "first_epoch", "last_epoch")
    return {
        "plan": [{"iteration": 0, **dict(zip(names, rung, strict=True))} for rung in rungs],
        "trials": 6,
        "epochs": 72,
        "failed": [],
        "finalists": [finalist(0, [256, 128], [0.97, 0.972]), finalist(1, [192, 64], [0.974, 0.976])],
        "choice": {
            "winner": 1, "runner_up": 0, "difference": 0.004, "interval": [-0.002, 0.01], "is_sure": False,
            "sentence": "The winner leads the next by 0.40 points: either would do.",
        },
        "best": {"hidden_units": [192, 64], "learning_rate": 0.001, "validation_accuracy": 0.975},
        "space": {"hidden_layers": [2], "units": [32, 64], "learning_rate": [0.001, 0.0001], "dropout": []},
        "lanes": 2,
        "duration_s": 95.2,
        **changes,
    }  # fmt: skip


def diagnostic(rate, losses):
    rows = [
        {"epoch": e, "loss": loss, "accuracy": 0.9, "val_loss": loss + 0.01, "val_accuracy": 0.91,
         "learning_rate": rate, "duration_s": 0.5}
        for e, loss in enumerate(losses, start=1)
    ]  # fmt: skip
    return {"learning_rate": rate, "history": rows}


def scan(**changes):
    return {
        "suggestion": 0.001,
        "steepest": 0.0031,
        "valley": 0.0012,
        "diverged": True,
        "steps": 50,
        "sentence": "Of the rates trained, 0.001 is suggested.",
        "diagnostics": [diagnostic(0.01, [0.5, 0.4]), diagnostic(0.001, [0.3, 0.2])],
        **changes,
    }


def write_scan(path, losses=None):
    rates = np.logspace(-5, -1, 50)
    losses = 2.3 - 2 / (1 + (0.002 / rates)) if losses is None else losses
    rows = [f"{step},{rate:.9g},{loss},{loss}" for step, (rate, loss) in enumerate(zip(rates, losses, strict=True), 1)]
    (path / "scan.csv").write_text("\n".join(["step,learning_rate,loss,smoothed_loss", *rows]) + "\n")


RECOMMENDED = {
    "report": "recommended/report.html",
    "epochs": 40,
    "test": {"accuracy": 0.992, "accuracy_interval": [0.98, 0.997], "loss": 0.03, "n": 500},
    "comparison": {
        "n": 500, "both_right": 480, "only_a": 16, "only_b": 1, "both_wrong": 3, "accuracy_difference": 0.03,
        "accuracy_interval": [0.0123, 0.0476], "p_value": 0.00031, "loss_difference": -0.1,
        "loss_interval": [-0.2, -0.01],
    },
}  # fmt: skip


def make_scan(path, **changes):
    RunFolder(path).write_record(_searching("scan", scan=scan(), **changes))
    write_scan(path)


def make_tune(path, trials=TRIALS, **changes):
    RunFolder(path).write_record(_searching("tune", **{"search": search(), **changes}))
    write_trials(path, trials)


def make_study(path, class_names=tuple("0123456789"), **changes):
    told = {"command": "study", "scan": scan(), "search": search(), "seeds": SEEDS, "document": DOCUMENT, **changes}
    # Only a study of all of MNIST is compared with the document.
    dataset = {**record(class_names)["dataset"], "fingerprint": MNIST.fingerprint, "test": 10_000}
    evaluation = make_run(path, class_names, **{"dataset": dataset, **told})
    write_scan(path)
    write_trials(path)
    return evaluation


def _searching(command, **changes):
    """The record of a run that has searched and trained no network of its own."""
    whole = record(tuple("0123456789"), command=command, stages={}, **changes)
    return {key: value for key, value in whole.items() if key not in ("best_epoch", "parameters", "stopped")}
