"""Configurations are checked when they are made, and say what is wrong."""

import contextlib
import dataclasses
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitlab.config import TrainConfig, load_config_file, load_preset, preset_names
from digitlab.errors import ConfigError, UsageError


def test_the_document_preset_is_the_documents_procedure():
    config = load_preset("document")
    assert config.hidden_units == (256, 128)
    assert (config.learning_rate, config.batch_size, config.patience) == (0.001, 32, 3)
    assert config.validation_fraction == 0.1


def test_every_shipped_preset_loads_and_carries_its_name():
    assert [load_preset(name).preset for name in preset_names()] == preset_names()


def test_an_unknown_key_names_the_nearest_known_one():
    with pytest.raises(ConfigError, match=r"unknown configuration key 'learning_rat'[\s\S]*learning_rate"):
        TrainConfig.from_mapping({"learning_rat": 0.1})


@pytest.mark.parametrize("name", ["default", "small-best", "best", "committee", "shipped"])
def test_what_is_trained_to_be_used_is_trained_on_all_images_and_never_chosen_by_an_epoch(name):
    config = load_preset(name)
    assert (config.validation_fraction, config.patience) == (0.0, 0)


def test_small_best_has_no_layer_over_256_units_and_learns_from_its_labels_alone():
    config = load_preset("small-best")
    assert max(config.hidden_units) <= 256
    assert (config.members, config.teacher) == (1, "")


def test_an_unknown_preset_names_the_nearest_known_one():
    with pytest.raises(ConfigError, match=r"unknown preset 'documnt'[\s\S]*'document'"):
        load_preset("documnt")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", True),
        ("learning_rate", "0.1"),
        ("batch_size", 0),
        ("batch_size", 32.0),
        ("epochs", -1),
        ("validation_fraction", 1.0),
        ("hidden_units", (0,)),
        ("hidden_units", "256"),
        ("seed", -1),
    ],
)
def test_an_impossible_value_is_refused_by_its_keys_name(key, value):
    with pytest.raises(ConfigError, match=f"^{key}: expected"):
        TrainConfig.from_mapping({key: value})


@given(
    st.lists(st.integers(1, 4096), max_size=5).map(tuple),
    st.floats(1e-8, 100),
    st.integers(1, 1000),
    st.integers(0, 2**31 - 1),
)
def test_a_configuration_survives_the_way_through_a_dictionary(units, rate, batch, seed):
    config = TrainConfig(hidden_units=units, learning_rate=rate, batch_size=batch, seed=seed)
    assert TrainConfig.from_mapping(config.to_dict()) == config


def test_a_file_states_only_what_differs(tmp_path):
    (tmp_path / "mine.toml").write_text("hidden_units = [64]\n")
    config = load_config_file(tmp_path / "mine.toml", load_preset("document"))
    assert config == load_preset("document").replace(hidden_units=(64,))


@pytest.mark.parametrize("content", [b"hidden_units = [", b"\xff\xfe", None])
def test_a_file_that_is_no_toml_is_said_so(tmp_path, content):
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="TOML"):
        load_config_file(path)


KEYS = [field.name for field in dataclasses.fields(TrainConfig)]


@pytest.mark.parametrize("key", [*KEYS, "unheard_of"])
@pytest.mark.parametrize(
    "value",
    [
        "9" * 5000,
        "0x" + "f" * 5000,
        "[" * 3000,
        "inf",
        "-nan",
        "1979-05-27T07:32:00Z",
        "07:32:00",
        "{a = 1}",
        "[[1], [2.5]]",
        '"\\u202e\\u001b[31m"',
        "[" + "0," * 2000 + "]",
        "-0x1",
        "true",
    ],
)
def test_any_value_of_any_key_is_right_or_an_error_of_readable_length(tmp_path, key, value):
    path = tmp_path / "mine.toml"
    path.write_text(f"{key} = {value}\n")
    if (key, value) == ("batch_normalization", "true"):
        assert load_config_file(path).batch_normalization
        return
    with pytest.raises(ConfigError) as caught:
        load_config_file(path)
    assert len(caught.value.message) < 600
    assert caught.value.message.isprintable()


@given(data=st.data())
def test_settings_with_any_text_in_them_are_right_or_a_config_error(tmp_path_factory, data):
    text = "hidden_units = [64, 32]\nlearning_rate = 0.001\npatience = 3\nteacher = ''\n"
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        inserted = data.draw(st.text(alphabet="0123456789.,[]{}\"'=\n-+eE_#\\\x1b é", max_size=6))
        text = text[:at] + inserted + text[at + data.draw(st.integers(0, 2)) :]
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", newline="")
    with contextlib.suppress(ConfigError):
        assert isinstance(load_config_file(path), TrainConfig)


def test_a_file_of_settings_without_end_is_not_read_to_it(tmp_path):
    path = tmp_path / "mine.toml"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ConfigError, match="at most 10,000 bytes, got a longer one"):
        load_config_file(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_in_the_place_of_settings_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "mine.toml")
    with pytest.raises(ConfigError, match="got a named pipe"):
        load_config_file(tmp_path / "mine.toml")


@pytest.mark.parametrize("path", ["x" * 300, "a\x00b"])
def test_a_path_that_cannot_be_is_wrong_usage(path):
    with pytest.raises(UsageError, match="expected a path, got one that cannot be"):
        load_config_file(path)
