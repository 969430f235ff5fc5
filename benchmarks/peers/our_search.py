"""digitlab's Hyperband over the document's space, timed from the first line: imports and lanes' start-up count."""

import time

started = time.perf_counter()

from digitlab.lanes.server import prepare_lanes  # noqa: E402

if __name__ == "__main__":
    prepare_lanes()
    import json
    import tempfile
    from pathlib import Path

    from common import argument_parser

    from digitlab.config import TrainConfig
    from digitlab.data import load_dataset, stratified_split

    options = argument_parser().parse_args()
    fitted, held_out = stratified_split(load_dataset(options.data).train, 0.1, options.seed)

    from digitlab.training.held_out import one_hot
    from digitlab.tuning.config import SearchConfig
    from digitlab.tuning.space import SearchSpace
    from digitlab.tuning.tune import make_tuner, read_trials

    config = SearchConfig(base=TrainConfig(batch_size=options.batch_size, seed=options.seed))
    with tempfile.TemporaryDirectory() as folder:
        tuner = make_tuner(Path(folder), SearchSpace(), config, 10)
        tuner.search(
            fitted.images,
            one_hot(fitted),
            validation_data=(held_out.images, one_hot(held_out)),
            batch_size=options.batch_size,
        )
        ended = time.perf_counter()
        trials = read_trials(tuner)
        print(
            json.dumps(
                {
                    "search_s": ended - started,
                    "from_start_s": ended - started,
                    "trials": len(trials),
                    "epochs": sum(len(trial.history) for trial in trials),
                    "validation_accuracy": max(trial.score for trial in trials if trial.score is not None),
                }
            )
        )
