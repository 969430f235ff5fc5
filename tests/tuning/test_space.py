"""A search space: its size, the file that states it, and what KerasTuner sees of it."""

import itertools

import keras_tuner
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitlab.config import TrainConfig
from digitlab.errors import ConfigError
from digitlab.tuning.config import SearchConfig
from digitlab.tuning.space import SearchSpace, load_space


def test_the_default_is_the_documents_space_of_192_configurations():
    space = SearchSpace()
    assert space.units == (32, 64, 96, 128, 160, 192, 224, 256)
    assert set(space.learning_rate) == {5e-3, 1e-3, 1e-4}
    assert space.hidden_layers == (2,)
    assert space.size == 8 * 8 * 3


def test_the_size_counts_the_widths_of_every_depth_and_every_other_choice():
    space = SearchSpace(hidden_layers=(1, 3), units=(8, 16), learning_rate=(0.1,), dropout=(0.0, 0.2, 0.5))
    assert space.size == (2 + 8) * 3
    assert len(list(space.shapes())) == space.shape_count == 10
    assert set(space.shapes()) >= {(8,), (16,), (8, 16, 8)}


def test_a_file_states_only_what_differs(tmp_path):
    (tmp_path / "mine.toml").write_text("hidden_layers = [1, 2]\ndropout = [0, 0.25]\nbatch_size = 64\n")
    space = load_space(tmp_path / "mine.toml")
    assert space == SearchSpace(hidden_layers=(1, 2), dropout=(0.0, 0.25), batch_size=(64,))


@pytest.mark.parametrize("content", [b"units = [", b"\xff\xfe", None])
def test_a_file_that_is_no_toml_is_said_so(tmp_path, content):
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="TOML"):
        load_space(path)


def test_an_unknown_key_names_the_nearest_known_one():
    with pytest.raises(ConfigError, match=r"unknown search space key 'unit'[\s\S]*'units'"):
        SearchSpace.from_mapping({"unit": [32, 64]})


def distinct(values):
    return st.lists(values, min_size=1, max_size=4, unique=True).map(tuple)


spaces = st.builds(
    SearchSpace,
    hidden_layers=distinct(st.integers(1, 3)),
    units=st.lists(st.integers(1, 512), min_size=2, max_size=4, unique=True).map(tuple),
    learning_rate=distinct(st.floats(1e-6, 1)),
    dropout=st.just(()) | distinct(st.floats(0, 0.9)),
    batch_size=st.just(()) | distinct(st.integers(1, 512)),
    weight_decay=st.just(()) | distinct(st.floats(0, 1)),
)


@given(spaces)
def test_a_space_survives_the_way_through_a_dictionary(space):
    assert SearchSpace.from_mapping(space.to_dict()) == space


@given(spaces)
def test_the_size_is_that_of_the_enumerated_product(space):
    widths = [w for depth in space.hidden_layers for w in itertools.product(space.units, repeat=depth)]
    others = [space.learning_rate, space.dropout or (0,), space.batch_size or (0,), space.weight_decay or (0,)]
    assert space.size == len(set(itertools.product(widths, *others)))


@pytest.mark.parametrize(
    "values",
    [
        {"units": []},
        {"units": [32, 32]},
        {"units": [32, 0]},
        {"units": [32, 64.5]},
        {"units": ["32", "64"]},
        {"units": [[32], [64]]},
        {"units": [{"min": 32}]},
        {"hidden_layers": [0, 1]},
        {"hidden_layers": [17]},
        {"hidden_layers": [2.0]},
        {"learning_rate": []},
        {"learning_rate": [0.0, 0.1]},
        {"learning_rate": [float("nan"), 0.1]},
        {"learning_rate": ["0.1", "0.2"]},
        {"dropout": [0.1, 1.0]},
        {"batch_size": [0, 32]},
        {"weight_decay": [-0.1, 0.1]},
        {"units": [32], "learning_rate": [0.1]},  # one configuration is no space
    ],
    ids=str,
)
def test_an_impossible_value_is_a_config_error_of_two_lines(values):
    with pytest.raises(ConfigError) as caught:
        SearchSpace.from_mapping(values)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("key", ["units", "hidden_layers", "dropout", "learning_rate"])
def test_the_error_names_the_key_that_the_user_wrote(key):
    with pytest.raises(ConfigError, match=f"^{key}: "):
        SearchSpace.from_mapping({key: ["many", "few"]})


def declared(space):
    hp = keras_tuner.HyperParameters()
    space.declare(hp)
    return hp


def test_keras_tuner_sees_the_same_choices():
    hp = declared(SearchSpace())
    assert {h.name: list(h.values) for h in hp.space} == {
        "hidden_layers": [2],
        "units_1": list(range(32, 257, 32)),
        "units_2": list(range(32, 257, 32)),
        "learning_rate": [5e-3, 1e-3, 1e-4],
    }


def test_only_the_units_of_layers_that_exist_are_active():
    space = SearchSpace(hidden_layers=(1, 3), units=(8, 16))
    hp = declared(space)
    active = {h.name for h in hp.space if hp.is_active(h)}
    assert active == {"hidden_layers", "units_1", "learning_rate"}  # the first choice is one layer
    hp.values["hidden_layers"] = 3
    hp.ensure_active_values()
    active = {h.name for h in hp.space if hp.is_active(h)}
    assert active == {"hidden_layers", "units_1", "units_2", "units_3", "learning_rate"}


def test_whole_numbers_beside_fractions_are_one_kind_of_value_to_keras_tuner():
    # KerasTuner refuses a choice of 0 and 0.25, which is how a person writes it.
    space = SearchSpace.from_mapping({"dropout": [0, 0.25], "weight_decay": [0, 0.01], "learning_rate": [1, 0.5]})
    hp = declared(space)
    assert {h.name: h.values for h in hp.space}["dropout"] == [0.0, 0.25]


def test_a_choice_becomes_the_configuration_that_train_takes():
    space = SearchSpace(hidden_layers=(1, 2), units=(8, 16), dropout=(0.0, 0.5))
    base = TrainConfig(seed=7, batch_size=64, epochs=9)
    values = {"hidden_layers": 2, "units_1": 16, "units_2": 8, "learning_rate": 1e-4, "dropout": 0.5}
    assert space.config_for({**values, "tuner/epochs": 3}, base) == TrainConfig(
        hidden_units=(16, 8), learning_rate=1e-4, dropout=0.5, seed=7, batch_size=64, epochs=9
    )
    # What KerasTuner keeps of a layer that the chosen depth does not have changes nothing.
    assert space.config_for({**values, "hidden_layers": 1}, base).hidden_units == (16,)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"max_epochs": 0}, "max_epochs"),
        ({"factor": 1}, "factor"),
        ({"factor": 3.0}, "factor"),
        ({"iterations": 0}, "iterations"),
        ({"finalists": 0}, "finalists"),
        ({"finalist_seeds": "3"}, "finalist_seeds"),
        ({"base": TrainConfig(validation_fraction=0.0)}, "validation_fraction"),
    ],
)
def test_an_impossible_search_is_refused_by_its_keys_name(changes, said):
    with pytest.raises(ConfigError, match=f"^{said}: "):
        SearchConfig(**changes)
