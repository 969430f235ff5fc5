"""One search by `digitlab.tune` with the engine that is named; says how long its trials and its finalists took."""

import contextlib
import json
import sys
import time

import digitlab
from digitlab.cluster import search as on_ray
from digitlab.config import TrainConfig
from digitlab.tuning.config import SearchConfig


def main(data: str, engine: str, seed: int, out: str, address: str | None) -> None:
    """Search; seconds count from when lanes or Ray's workers are asked for, with Ray itself being up."""
    split = digitlab.load_dataset(data).train
    config = SearchConfig(base=TrainConfig(seed=seed), engine=engine)
    moments = {"begun": time.perf_counter()}
    start_ray = on_ray.ray_session

    @contextlib.contextmanager
    def ray_session(*args, **options):
        with start_ray(*args, **options) as ray:
            moments["begun"] = time.perf_counter()
            yield ray

    def told(progress):
        if progress.finalists is not None:
            moments.setdefault("searched", time.perf_counter())

    on_ray.ray_session = ray_session
    result = digitlab.tune(split, config=config, out=out, address=address, progress=told)
    row = {
        "search_s": moments["searched"] - moments["begun"],
        "finalists_s": time.perf_counter() - moments["searched"],
        "trials": len(result.trials),
        "epochs": sum(len(trial.history) for trial in result.trials),
        "finalists_epochs": sum(sum(finalist.epochs) for finalist in result.finalists),
        "validation_accuracy": max(trial.score for trial in result.trials if trial.score is not None),
        "best": list(result.best.config.hidden_units),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5] if len(sys.argv) > 5 else None)
