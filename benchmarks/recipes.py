"""Compare recipes on held-out training images: what chose the presets.

    python benchmarks/recipes.py --seeds 3 "" "averaging=0" "label_smoothing=0.1 epochs=60"

Each argument is one recipe: differences from --preset, as TOML values. Each is trained on 54,000 images and scored,
after its last epoch, on the 6,000 held out; nothing here opens the test split. Rows are appended to recipes.csv.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
import tomllib
from pathlib import Path

import digitlab
from digitlab.config import TrainConfig, load_preset

ROWS = Path(__file__).with_suffix(".csv")
COLUMNS = ("preset", "differences", "seed", "seconds", "validation_accuracy", "validation_loss")


def parse(differences: str, preset: str) -> TrainConfig:
    """A recipe from its differences."""
    values = tomllib.loads("\n".join(differences.split()))
    return load_preset(preset).replace(**{"validation_fraction": 0.1, "patience": 0, **values})


def score(config: TrainConfig, split: digitlab.Split) -> tuple[float, float, float]:
    """Seconds, accuracy and loss on the held-out images."""
    from digitlab.model.keras_classifier import KerasClassifier

    started = time.perf_counter()
    run = digitlab.train(split, config)
    seconds = time.perf_counter() - started
    epoch = statistics.median(row["duration_s"] for row in run.history)
    print(f"{epoch:.2f} s an epoch", end="  ")
    assert run.validation is not None
    evaluation = digitlab.evaluate(KerasClassifier(run.model), run.validation)
    return seconds, evaluation.accuracy, evaluation.loss


def main() -> None:
    """Train them in turn, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    split = digitlab.load_dataset(options.data).train
    found: dict[str, list[float]] = {recipe: [] for recipe in options.recipes}
    for seed in range(options.seeds):
        for recipe in options.recipes:
            seconds, accuracy, loss = score(parse(recipe, options.preset).replace(seed=seed), split)
            found[recipe].append(accuracy)
            row = (options.preset, recipe, seed, round(seconds, 1), round(accuracy, 5), round(loss, 5))
            keep(row)
            print(dict(zip(COLUMNS[1:], row[1:], strict=True)), flush=True)
    for recipe, accuracies in found.items():
        spread = f" +- {100 * statistics.stdev(accuracies):.3f}" if len(accuracies) > 1 else ""
        print(f"{100 * statistics.fmean(accuracies):.3f} %{spread}  {recipe or '(the preset itself)'}")


def keep(row: tuple[object, ...]) -> None:
    """Append a row to recipes.csv."""
    fresh = not ROWS.exists()
    with ROWS.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if fresh:
            writer.writerow(COLUMNS)
        writer.writerow(row)


if __name__ == "__main__":
    main()
