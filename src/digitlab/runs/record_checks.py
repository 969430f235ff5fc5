"""`check_record`: what run.json may hold, key by key.

Whatever digitlab uses of the record is checked here for its type and range, once, when the file is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from digitlab.runs.checks import (
    MOST_COUNTED,
    Check,
    CheckError,
    epoch,
    fields,
    finite,
    flag,
    interval,
    list_of,
    mapping_of,
    number,
    one_of,
    optional,
    positive,
    relative_path,
    seconds,
    share,
    shown,
    text,
    whole,
    within,
)

FORMAT = 1
# As many as a data set may have, as many hidden layers as a search may try times two, and the widest layer times 64.
MOST_CLASSES, MOST_LAYERS, MOST_UNITS = 100, 32, 2**20
MOST_EPOCHS = 100_000

_name = text(1000)
_epochs = whole(0, MOST_EPOCHS)
_loss = finite
_hidden_units = list_of(whole(1, MOST_UNITS), most=MOST_LAYERS)


def _plain(value: object) -> Any:
    """A value that has no parts."""
    if value is None or isinstance(value, bool):
        return value
    return text(1000)(value) if isinstance(value, str) else finite(value)


def _setting(value: object) -> Any:
    return list_of(_plain, most=1000)(value) if isinstance(value, list) else _plain(value)


def _setting_or_group(value: object) -> Any:
    return mapping_of(_setting, most=100)(value) if isinstance(value, dict) else _setting(value)


_known_settings = fields(
    {},
    {
        "hidden_units": _hidden_units,
        "patience": _epochs,
        "validation_fraction": share,
        "members": whole(1, 1000),
        "seed": whole(0, 2**31 - 1),
    },
)
_settings = mapping_of(_setting_or_group, most=200)


def _config(values: object) -> dict[str, Any]:
    return _settings(_known_settings(values))


def _alone(value: object) -> Any:
    """A number of settings, or one: what a study was begun with is checked by the classes that it is made into."""
    return mapping_of(_alone, most=200)(value) if isinstance(value, dict) else _setting(value)


# What a data set is described by. A record may know less of it, but not a report, nor what a verb prints.
_description: dict[str, Check[Any]] = {
    "name": _name,
    "fingerprint": _name,
    "class_names": list_of(_name, least=1, most=MOST_CLASSES),
    "train": whole(),
    "validation": whole(),
    "note": text(),
}
_dataset = fields({}, {**_description, "test": whole(), "train_fingerprint": _name, "source": text()})
check_file_state = fields({"bytes": whole(), "sha256": text(64, least=64)})


def _files(values: object) -> dict[str, Any]:
    return {relative_path(name): state for name, state in mapping_of(check_file_state, most=10_000)(values).items()}


_stage = fields({"status": one_of("running", "finished")}, {"duration_s": seconds, "files": _files})
_machine = fields({}, {"threads": whole(1, 4096), "device": _name, "cpu_features": optional(list_of(_name, most=1000))})
_score_fields = fields(
    {"accuracy": share, "loss": _loss, "n": whole(1), "accuracy_interval": interval(0, 1)},
    {"trained_on": optional(whole())},
)


def _scores(value: object) -> dict[str, Any]:
    return _among(_score_fields(value), "trained_on")


def _among(checked: dict[str, Any], *counts: str) -> dict[str, Any]:
    """Check that counts of images are not above the number of images, `n`."""
    for name in counts:
        within(name, optional(whole(0, checked["n"])), checked.get(name))
    return checked


# A row of a history, with scores of the held-out images.
_row: dict[str, Check[Any]] = {
    "epoch": epoch,
    "loss": _loss,
    "accuracy": share,
    "val_loss": _loss,
    "val_accuracy": share,
    "learning_rate": finite,
    "duration_s": seconds,
}
check_row = fields(_row)


def check_row_with(*names: str) -> Check[dict[str, Any]]:
    """The check of a row of a history that must have at least these of its columns."""
    return fields({name: _row[name] for name in names}, _row)


_diagnostic = fields({"learning_rate": positive, "history": list_of(check_row, least=1, most=MOST_EPOCHS)})
_scan = fields(
    {
        "suggestion": positive,
        "steepest": positive,
        "valley": positive,
        "diverged": flag,
        "sentence": text(),
        "diagnostics": list_of(_diagnostic, most=1000),
    }
)

_rung = fields(
    {
        "iteration": whole(0, 1000),
        "bracket": whole(0, 1000),
        "trials": whole(0, 10**6),
        "first_epoch": _epochs,
        "last_epoch": _epochs,
    },
    {"number": whole(0, 1000)},
)
_finalist_fields = fields(
    {
        "rank": whole(0, 999),
        "hidden_units": _hidden_units,
        "learning_rate": positive,
        "search_score": share,
        "seeds": list_of(whole(), least=1, most=100),
        "accuracies": list_of(share, least=1, most=100),
        "losses": list_of(_loss, least=1, most=100),
        "epochs": list_of(_epochs, least=1, most=100),
        "mean_accuracy": share,
        "deviation": number(0, 1),
    },
    {"batch_size": whole(1), "dropout": finite, "distortion": finite, "weight_decay": finite},
)


def _finalist(value: object) -> dict[str, Any]:
    checked = _finalist_fields(value)
    for name in ("accuracies", "losses", "epochs"):
        if len(checked[name]) != len(checked["seeds"]):
            raise CheckError(f"one value per seed, {len(checked['seeds'])}", shown(checked[name]), (name,))
    return checked


_search_fields = fields(
    {
        "plan": list_of(_rung, least=1),
        "trials": whole(),
        "epochs": whole(),
        "finalists": list_of(_finalist, least=1, most=100),
        "choice": fields({"winner": whole(0, 999), "sentence": text()}),
        "space": mapping_of(list_of(_plain, most=1000), most=50),
        "lanes": optional(whole(1, 10**6)),
        "duration_s": seconds,
        "failed": list_of(fields({"trial": _name, "error": text(10**6)})),
        "best": fields({"hidden_units": _hidden_units, "learning_rate": positive, "validation_accuracy": share}),
    },
    {"validation_overlap": text()},
)


def _search(value: object) -> dict[str, Any]:
    checked = _search_fields(value)
    ranks = [finalist["rank"] for finalist in checked["finalists"]]
    if ranks != list(range(len(ranks))):
        raise CheckError("the ranks from 0 on", shown(", ".join(map(str, ranks))), ("finalists",))
    within("winner", whole(0, len(ranks) - 1), checked["choice"]["winner"])
    if not any(rung["iteration"] == 0 for rung in checked["plan"]):
        raise CheckError("the rungs of the iteration 0", "none", ("plan",))
    return checked


_seeds_fields = fields(
    {
        "seeds": list_of(whole(), least=1, most=100),
        "test_accuracies": list_of(share, least=1, most=100),
        "test_losses": list_of(_loss, least=1, most=100),
        "mean_accuracy": share,
        "deviation": number(0, 1),
    }
)


def _seeds(value: object) -> dict[str, Any]:
    checked = _seeds_fields(value)
    for name in ("test_accuracies", "test_losses"):
        if len(checked[name]) != len(checked["seeds"]):
            raise CheckError(f"one value per seed, {len(checked['seeds'])}", shown(checked[name]), (name,))
    return checked


_document = fields(
    {
        "validation_accuracy": share,
        "test_accuracy": share,
        "test_loss": _loss,
        "hidden_units": _hidden_units,
        "learning_rate": positive,
    }
)
_comparison_fields = fields(
    {
        "n": whole(1),
        "both_right": whole(),
        "only_a": whole(),
        "only_b": whole(),
        "both_wrong": whole(),
        "accuracy_difference": number(-1, 1),
        "accuracy_interval": interval(-1, 1),
        "p_value": share,
        "loss_difference": finite,
        "loss_interval": interval(-1e9, 1e9),
    },
    {"trained_on_a": optional(whole()), "trained_on_b": optional(whole())},
)


def _comparison(value: object) -> dict[str, Any]:
    return _among(_comparison_fields(value), "trained_on_a", "trained_on_b")


_recommended = fields(
    {"report": relative_path, "epochs": _epochs, "test": _scores, "comparison": _comparison},
    {
        "run": relative_path,
        "best_epoch": _epochs,
        "parameters": whole(),
        "duration_s": seconds,
        "stages_duration_s": seconds,
    },
)
_study: Check[dict[str, Any]] = mapping_of(_alone, most=20)

check_fields = fields(
    {
        "format": one_of(FORMAT),
        "name": _name,
        "status": one_of("running", "interrupted", "finished"),
        "config": _config,
        "dataset": _dataset,
        "stages": mapping_of(_stage, most=50),
        "versions": mapping_of(_name, most=200),
        "machine": lambda value: mapping_of(_setting, most=50)(_machine(value)),
    },
    {
        "version": _name,
        "created": _name,
        "command": _name,
        "backend": _name,
        "teacher": optional(fields({"file": text(), "sha256": _name}, {"training_images_known": flag})),
        "validation": optional(_scores),
        "test": optional(_scores),
        "test_opened": optional(_name),
        "epochs": _epochs,
        "best_epoch": optional(_epochs),
        "stopped": text(),
        "parameters": whole(0, MOST_COUNTED),
        "study": optional(_study),
        "scan": optional(_scan),
        "search": optional(_search),
        "seeds": optional(_seeds),
        "document": optional(_document),
        "document_note": text(),
        "recommended": optional(_recommended),
    },
)


def check_record(value: object) -> dict[str, Any]:
    """Check what run.json holds.

    Args:
        value: The value of the file, as `read_json` returns it.

    Returns:
        The record, unchanged.

    Raises:
        CheckError: Names the key whose value digitlab does not write.
    """
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise CheckError(f"a record of format {FORMAT}", shown(value))
    return check_fields(value)


def check_described(record: dict[str, Any]) -> dict[str, Any]:
    """Check that a record says what a report needs of the run and its data set.

    Args:
        record: What `check_record` returned.

    Returns:
        The record, unchanged.

    Raises:
        CheckError: Names the key that is missing.
    """
    return _described(record)


def check_results(record: dict[str, Any], stages: Iterable[str]) -> dict[str, Any]:
    """Check that a record holds the results of stages that have ended.

    Args:
        record: What `check_record` returned.
        stages: The stages' names.

    Returns:
        The record, unchanged.

    Raises:
        CheckError: Names the key that is missing.
    """
    for stage in stages:
        _results.get(stage, fields({}))(record)
    return _described(record)


def _any(value: object) -> object:
    return value


def _present(value: object) -> object:
    if value is None:
        raise CheckError("a value", "null")
    return value


_described = fields({"version": _name, "created": _name, "dataset": fields(_description)})
_results: dict[str, Check[dict[str, Any]]] = {
    "scan": fields({"scan": _present}),
    "tune": fields({"search": _present}),
    "train": fields({"epochs": _present, "best_epoch": _any, "parameters": _present}),
    "evaluate": fields({"validation": _any, "test": _any}),
    "seeds": fields({"seeds": _present, "test": _present, "document": _present}),
    "recommend": fields({"recommended": optional(fields({"run": _present}))}),
}
