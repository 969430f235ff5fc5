"""The tuner is KerasTuner's, for users' own hypermodels too; whatever a trial does, the search ends."""

import functools
import json
import math
import re
import shutil
import subprocess

import keras_tuner
import pytest
import search_hypermodels as hypermodels

from digitlab.errors import MachineError, RunError, UsageError
from digitlab.tuning.hyperband import WEIGHTS_KEPT, Hyperband

pytestmark = pytest.mark.slow


def tuner_of(folder, hypermodel=hypermodels.of_rates, max_epochs=3, lanes=2, **more):
    return Hyperband(
        hypermodel, max_epochs=max_epochs, lanes=lanes, directory=str(folder), project_name="search", **more
    )


def search(tuner, data, **more):
    tuner.search(data.x, data.y, validation_data=data.validation, **{"batch_size": 60, **more})
    return tuner


def trials_of(tuner):
    """What must not depend on when and where: status, score, best epoch, values and metrics of every trial."""
    found = {}
    for name, trial in tuner.oracle.trials.items():
        metrics = trial.metrics.get_config()["metrics"]
        metrics.pop("duration_s", None)
        found[name] = (trial.status, trial.score, trial.best_step, trial.hyperparameters.values, metrics)
    return found


@pytest.fixture(scope="module")
def searched(data, tmp_path_factory):
    """A finished search of nine rates: 9, 3 and 1 trials, 5 and 2, 3; the lowest loss is best, and rarely a tie."""
    return search(tuner_of(tmp_path_factory.mktemp("rates"), max_epochs=9, objective="val_loss"), data)


def test_it_is_keras_tuners_hyperband_with_its_plan(searched):
    assert isinstance(searched, keras_tuner.Hyperband)
    rungs = [name[:5] for name in searched.oracle.trials]
    assert {rung: rungs.count(rung) for rung in rungs} == {
        "b2-r0": 9,
        "b2-r1": 3,
        "b2-r2": 1,
        "b1-r0": 5,
        "b1-r1": 2,
        "b0-r0": 3,
    }


def test_its_summary_names_the_best_first(searched, capsys):
    searched.results_summary(num_trials=2)
    printed = capsys.readouterr().out
    scores = [float(score) for score in re.findall(r"^Score: (.*)$", printed, re.MULTILINE)]
    best = sorted(trial.score for trial in searched.oracle.trials.values())
    assert scores == pytest.approx(best[:2])
    assert "learning_rate: " in printed


def test_the_best_hyperparameters_are_those_of_the_lowest_loss_in_any_epoch(searched):
    # Worked out from the observations themselves and not from the trials' scores.
    lowest = {
        trial.hyperparameters.values["learning_rate"]: observation.mean()
        for trial in searched.oracle.trials.values()
        for observation in trial.metrics.get_history("val_loss")
        if observation.mean() == min(o.mean() for t in searched.oracle.trials.values() for o in losses_of(t))
    }
    assert set(lowest) == {searched.get_best_hyperparameters()[0].values["learning_rate"]}
    assert min(lowest.values()) < 0.9 * math.log(4), "a search that learns nothing would prove nothing"


def losses_of(trial):
    return trial.metrics.get_history("val_loss")


def test_the_best_models_score_what_their_trials_scored(searched, data):
    trials = searched.oracle.get_best_trials(WEIGHTS_KEPT)
    models = searched.get_best_models(WEIGHTS_KEPT)
    assert any(trial.trial_id[4] != "0" for trial in trials), "one of them must be a promoted one"
    for trial, model in zip(trials, models, strict=True):
        loss, _ = model.evaluate(*data.validation, verbose=0)
        assert loss == pytest.approx(trial.score, abs=1e-5)


def test_a_promoted_trial_goes_on_with_its_epochs(searched):
    for name, trial in searched.oracle.trials.items():
        values = trial.hyperparameters.values
        steps = [o.step for o in trial.metrics.get_history("val_accuracy")]
        assert steps == list(range(values["tuner/initial_epoch"] + 1, values["tuner/epochs"] + 1)), name


def test_what_nobody_goes_on_from_is_gone(searched, tmp_path):
    files = [path for path in (tmp_path / searched.project_dir).rglob("*") if path.is_file()]
    assert not [path for path in files if path.name == "state.npz"]
    kept = {path.parent.name for path in files if path.name.endswith(".weights.h5")}
    best = {f"trial_{trial.trial_id}" for trial in searched.oracle.get_best_trials(WEIGHTS_KEPT)}
    assert kept == best
    assert not [path for path in files if path.name.startswith(".unfinished-")]


def again(searched, tmp_path, **more):
    """Another tuner over a copy of the finished search."""
    folder = tmp_path / "again"
    shutil.copytree(searched.project_dir, folder / "search")
    return tuner_of(folder, **{"max_epochs": 9, "objective": "val_loss", **more})


def test_a_finished_search_is_read_and_not_trained_again(searched, data, tmp_path, monkeypatch):
    monkeypatch.setattr("digitlab.tuning.hyperband.Lanes", None)  # to start one would be an error
    tuner = search(again(searched, tmp_path), data)
    assert trials_of(tuner) == trials_of(searched)
    assert [t.trial_id for t in tuner.oracle.get_best_trials(5)] == [
        t.trial_id for t in searched.oracle.get_best_trials(5)
    ]
    loss, _ = tuner.get_best_models()[0].evaluate(*data.validation, verbose=0)
    assert loss == pytest.approx(searched.oracle.get_best_trials()[0].score, abs=1e-5)


def test_what_was_lost_of_a_search_is_trained_again_by_one_lane_to_the_same_scores(searched, data, tmp_path):
    # The hypermodel takes its weights and its dropout from Keras' global generators.
    tuner = again(searched, tmp_path, lanes=1)
    # Two brackets whole, since what their promotions begin with went when the search had ended.
    for lost in ("b2-*", "b1-*"):
        for folder in (tmp_path / "again" / "search").glob(f"trial_{lost}"):
            shutil.rmtree(folder)
    assert trials_of(search(tuner, data)) == trials_of(searched)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hypermodel": hypermodels.of_fates}, "another space"),
        ({"max_epochs": 10}, "another plan"),
        ({"factor": 2}, "another plan"),
        ({"hyperband_iterations": 2}, "another iterations"),
        ({"objective": "val_accuracy"}, "another objective"),
        ({"seed": 1}, "another seed"),
        ({"batch_size": 30}, "another batch size"),
        ({"pixel": 1}, "another data"),
        ({"label": 1}, "another data"),
        ({"software": 1}, "another software"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_folder_of_another_search_is_refused_and_left_as_it_is(searched, data, tmp_path, monkeypatch, changes, said):
    monkeypatch.setattr("digitlab.tuning.hyperband.Lanes", None)
    x, y = data.x.copy(), data.y.copy()
    settings = dict(changes)
    x[0, 0, 0] += settings.pop("pixel", 0)
    if settings.pop("label", 0):
        y[0] = y[0, ::-1]
    batch_size = settings.pop("batch_size", 60)
    if settings.pop("software", 0):
        monkeypatch.setattr("digitlab.tuning.hyperband.describe_versions", lambda: {"keras": "2.0"})
    tuner = again(searched, tmp_path, **settings)
    before = {path: path.read_bytes() for path in (tmp_path / "again").rglob("*.json")}
    with pytest.raises(RunError, match=said) as caught:
        tuner.search(x, y, validation_data=data.validation, batch_size=batch_size)
    assert len(str(caught.value).splitlines()) == 2
    assert {path: path.read_bytes() for path in (tmp_path / "again").rglob("*.json")} == before


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"space": 3}'])
def test_a_damaged_record_is_said_so_in_two_lines(searched, data, tmp_path, content):
    tuner = again(searched, tmp_path)
    (tmp_path / "again" / "search" / "search.json").write_text(content)
    with pytest.raises(RunError, match=r"search\.json: expected a search's record") as caught:
        search(tuner, data)
    assert len(str(caught.value).splitlines()) == 2


def test_a_damaged_trial_is_said_so_in_two_lines(searched, data, tmp_path):
    tuner = again(searched, tmp_path)
    path = tmp_path / "again" / "search" / "trial_b2-r1-00" / "trial.json"
    path = next(path.parent.parent.glob("trial_b2-r1-*/trial.json"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunError, match=r"trial\.json: expected a trial of this search") as caught:
        search(tuner, data)
    assert len(str(caught.value).splitlines()) == 2


def test_a_folder_that_another_search_holds_is_refused(searched, data, tmp_path):
    from digitlab.runs import RunFolder

    tuner = again(searched, tmp_path)
    with RunFolder(tmp_path / "again" / "search").lock():
        with pytest.raises(RunError, match="in use by another digitlab process"):
            search(tuner, data)


def test_a_lambda_is_refused_in_two_lines(data, tmp_path):
    tuner = tuner_of(tmp_path, lambda hp: hypermodels.of_rates(hp))
    with pytest.raises(UsageError, match="cannot be sent to the lanes' processes") as caught:
        search(tuner, data)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("objective", ["val_cleverness", ["val_loss", "val_accuracy"]], ids=str)
def test_an_objective_that_no_epoch_has_is_refused(data, tmp_path, objective):
    if objective == "val_cleverness":
        objective = keras_tuner.Objective(objective, "max")
    with pytest.raises(UsageError) as caught:
        search(tuner_of(tmp_path, objective=objective, lanes=1), data)
    assert len(str(caught.value).splitlines()) == 2


@pytest.fixture(scope="module")
def fates(data, tmp_path_factory):
    """A search of nine configurations of which one raises, one explodes and one ends its process."""
    return search(tuner_of(tmp_path_factory.mktemp("fates"), hypermodels.of_fates, max_epochs=9), data)


def test_trials_that_raise_explode_or_end_their_process_are_named_and_cost_nothing_but_themselves(fates):
    of_bracket_2 = {
        trial.hyperparameters.values["fate"]: trial
        for name, trial in fates.oracle.trials.items()
        if name.startswith("b2-r0")
    }
    assert set(of_bracket_2) == set(map(str, hypermodels.FATES))
    bad = {fate: of_bracket_2[fate] for fate in hypermodels.BAD}
    assert all(trial.status == "FAILED" and trial.score is None for trial in bad.values())
    assert re.search(r"ValueError: no such\s+network", bad["raises"].message)
    assert re.search(r"epoch 1 of b2-r0-\d\d ended with .*loss nan", bad["explodes"].message)
    assert bad["leaves"].message == "its process ended with exit code 3, twice"
    others = [trial for fate, trial in of_bracket_2.items() if fate not in hypermodels.BAD]
    assert all(trial.status == "COMPLETED" for trial in others)


def test_nine_three_one_stays_nine_three_one(fates):
    rungs = [name[:5] for name in fates.oracle.trials]
    assert [rungs.count(f"b2-r{rung}") for rung in range(3)] == [9, 3, 1]
    assert len(rungs) == 9 + 3 + 1 + 5 + 2 + 3
    best = fates.get_best_hyperparameters()[0].values["fate"]
    assert best not in hypermodels.BAD
    assert math.isfinite(fates.oracle.get_best_trials()[0].score)
    assert fates.get_best_models()


TROUBLES = {
    "ENOSPC": "No space left on device",
    "EIO": "Input/output error",
    "memory": "not enough memory",
    "SIGKILL": "killed by SIGKILL, and again when it was tried alone",
}


def tuner_of_machine(folder, lanes=2, **more):
    """A tuner whose machine meets with the trouble that a file of that name in the folder tells of."""
    hypermodel = functools.partial(hypermodels.of_a_troubled_machine, folder / "trouble")
    return tuner_of(folder, hypermodel, max_epochs=3, lanes=lanes, **more)


@pytest.fixture(scope="module")
def untroubled(data, tmp_path_factory):
    return search(tuner_of_machine(tmp_path_factory.mktemp("untroubled")), data)


def third_rate(tuner):
    return tuner.oracle.trials["b1-r0-02"].hyperparameters.values["learning_rate"]


def test_a_failure_of_the_machine_stops_the_search_is_never_a_trial_and_changes_no_result(data, untroubled, tmp_path):
    trouble = tmp_path / "trouble"
    for number, (kind, words) in enumerate(TROUBLES.items()):
        trouble.write_text(f"{third_rate(untroubled)} {kind}")
        with pytest.raises(MachineError) as caught:
            search(tuner_of_machine(tmp_path, lanes=1 + number % 2), data)
        assert words in caught.value.message
        assert re.search(r"training b\d-r\d-\d\d: ", caught.value.message)
        assert len(str(caught.value).splitlines()) == 2
        found = [json.loads(path.read_text()) for path in tmp_path.glob("search/trial_*/trial.json")]
        assert all(trial["status"] == "COMPLETED" for trial in found)
    trouble.unlink()
    again = search(tuner_of_machine(tmp_path, lanes=1), data)
    assert trials_of(again) == trials_of(untroubled)


def test_a_trial_whose_process_was_killed_once_is_tried_again_and_changes_no_result(data, untroubled, tmp_path):
    trouble = tmp_path / "trouble"
    trouble.write_text(f"{third_rate(untroubled)} SIGKILL once")
    again = search(tuner_of_machine(tmp_path), data)
    assert not trouble.exists()
    assert trials_of(again) == trials_of(untroubled)


def test_a_damaged_checkpoint_of_a_rung_stops_the_search_and_its_hint_mends_it(data, untroubled, tmp_path):
    class CutError(Exception):
        """A search that is left before its second rung."""

    def cut(tuner):
        if any(name.startswith("b1-r1") for name in tuner.oracle.trials):
            raise CutError

    with pytest.raises(CutError):
        search(tuner_of_machine(tmp_path, listener=cut), data)
    states = list(tmp_path.glob("search/trial_b1-r0-*/state.npz"))
    for state in states:
        state.write_bytes(state.read_bytes()[:-100])
    assert states
    with pytest.raises(RunError, match="expected this run's checkpoint") as caught:
        search(tuner_of_machine(tmp_path, lanes=1), data)
    command = re.fullmatch(r"the file is damaged; (rm -r \S+) and repeat the command", caught.value.hint)[1]
    subprocess.run(command, shell=True, check=True)
    again = search(tuner_of_machine(tmp_path, lanes=1), data)
    assert trials_of(again) == trials_of(untroubled)


def test_a_search_of_which_every_trial_fails_is_a_run_error_that_says_why(data, tmp_path):
    with pytest.raises(RunError, match=r"every trial of the search failed.*out of luck") as caught:
        search(tuner_of(tmp_path, hypermodels.of_no_luck), data)
    assert len(str(caught.value).splitlines()) == 2


def test_a_class_with_conditions_is_searched_too(data, tmp_path):
    tuner = search(tuner_of(tmp_path, hypermodels.OfWidths(), lanes=1), data)
    trials = tuner.oracle.trials
    assert all(trial.status == "COMPLETED" for trial in trials.values())
    values = [trial.hyperparameters.values for trial in trials.values()]
    assert all(("units" in of_one) == (of_one["kind"] == "wide") for of_one in values)
    assert {of_one["kind"] for of_one in values} == {"narrow", "wide"}
    highest = max(o.mean() for trial in trials.values() for o in trial.metrics.get_history("val_accuracy"))
    _, accuracy = tuner.get_best_models()[0].evaluate(*data.validation, verbose=0)
    assert accuracy == pytest.approx(highest, abs=1e-6)


def test_keras_tuners_own_arguments_act_as_they_do_there(data, tmp_path):
    tuner = tuner_of(
        tmp_path,
        hypermodels.compiled_otherwise,
        loss="categorical_crossentropy",
        optimizer="sgd",
        metrics=["accuracy"],
        max_model_size=28 * 28 * 100,
        lanes=1,
    )
    search(tuner, data)
    for trial in tuner.oracle.trials.values():
        if trial.hyperparameters.values["units"] == 400:
            assert "Oversized model" in trial.message
        else:
            assert trial.status == "COMPLETED", trial.message
    assert {t.hyperparameters.values["units"] for t in tuner.oracle.trials.values()} == {4, 5, 400}
    _, accuracy = tuner.get_best_models()[0].evaluate(*data.validation, verbose=0)
    assert accuracy == pytest.approx(tuner.oracle.get_best_trials()[0].score, abs=1e-6)


def test_a_network_without_an_input_layer_is_built_by_the_images(data, tmp_path):
    tuner = search(tuner_of(tmp_path, hypermodels.without_input, lanes=1), data)
    assert {trial.status for trial in tuner.oracle.trials.values()} == {"COMPLETED"}
    _, accuracy = tuner.get_best_models()[0].evaluate(*data.validation, verbose=0)
    assert accuracy == pytest.approx(tuner.oracle.get_best_trials()[0].score, abs=1e-6)
