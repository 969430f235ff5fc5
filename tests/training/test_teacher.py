"""A student learns from a teacher's answers to the images that it sees itself."""

import numpy as np
import pytest

from digitlab.config import TrainConfig
from digitlab.data import Split
from digitlab.data.fingerprints import count_among
from digitlab.errors import ConfigError, ModelError, RunError
from digitlab.model.backend import keras
from digitlab.model.build import build_mlp
from digitlab.model.keras_classifier import load_keras_classifier
from digitlab.runs import RunFolder
from digitlab.training.compiled_epochs import CompiledEpochs
from digitlab.training.teacher import Teacher
from digitlab.training.train import train
from digitlab.training.trained_images import copies_held_out
from digitlab.tuning.config import SearchConfig


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)
    labels = (np.arange(75) % 3).astype(np.uint8)
    return Split(rng.integers(0, 256, (75, 28, 28), dtype=np.uint8), labels, "noise", ("a", "b", "c"))


@pytest.fixture
def teacher_file(tmp_path):
    build_mlp(TrainConfig(hidden_units=(7,), seed=9), 3).save(tmp_path / "teacher.keras")
    return tmp_path / "teacher.keras"


class Interrupt(keras.callbacks.Callback):
    """Ends a training after so many epochs; after none, never."""

    def __init__(self, epochs=1):
        super().__init__()
        self.epochs = epochs

    def get_state(self):
        return {}

    def set_state(self, state):
        pass

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.epochs:
            raise KeyboardInterrupt


def student(**changes):
    return build_mlp(TrainConfig(hidden_units=(5,), seed=1, **changes), 3)


def test_the_students_labels_are_so_much_the_teachers_answers_and_the_rest_their_own(split):
    teacher = build_mlp(TrainConfig(hidden_units=(7,), seed=9), 3)
    wanted = np.eye(3, dtype="float32")[split.labels]
    taught, told = student(), student()
    CompiledEpochs(taught, batch_size=10, teacher=Teacher(teacher, 0.4)).fit(split.images, wanted, epochs=2)
    mixed = 0.6 * wanted + 0.4 * teacher.predict(split.images, verbose=0)
    CompiledEpochs(told, batch_size=10).fit(split.images, mixed, epochs=2)
    for a, b in zip(taught.get_weights(), told.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_the_teacher_itself_learns_nothing(split):
    teacher = build_mlp(TrainConfig(hidden_units=(7,), batch_normalization=True, seed=9), 3)
    before = [w.copy() for w in teacher.get_weights()]
    wanted = np.eye(3, dtype="float32")[split.labels]
    CompiledEpochs(student(), batch_size=10, teacher=Teacher(teacher, 1.0)).fit(split.images, wanted, epochs=1)
    for a, b in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_run_names_its_teacher_and_refuses_to_go_on_under_another(split, teacher_file, tmp_path):
    config = TrainConfig(hidden_units=(5,), epochs=3, patience=0, teacher=str(teacher_file), distillation=0.5)

    with pytest.raises(KeyboardInterrupt):
        train(split, config, out=tmp_path / "run", callbacks=[Interrupt()])
    build_mlp(TrainConfig(hidden_units=(7,), seed=10), 3).save(teacher_file)
    with pytest.raises(RunError, match="another teacher"):
        train(split, config, out=tmp_path / "run")


def test_under_the_same_teacher_an_interrupted_run_ends_bit_for_bit_the_same(split, teacher_file, tmp_path):
    config = TrainConfig(hidden_units=(5,), epochs=3, patience=0, teacher=str(teacher_file), distillation=0.5)
    straight = train(split, config)
    with pytest.raises(KeyboardInterrupt):
        train(split, config, out=tmp_path / "run", callbacks=[Interrupt()])
    resumed = train(split, config, out=tmp_path / "run", callbacks=[Interrupt(0)])
    for a, b in zip(straight.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_student_knows_its_teachers_training_images_too_as_far_as_they_are_known(split, teacher_file, tmp_path):
    of_teacher, of_student = split.take(np.arange(40), "first"), split.take(np.arange(30, 60), "second")
    config = TrainConfig(hidden_units=(5,), epochs=1, patience=0, validation_fraction=0.0)
    train(of_teacher, config, out=tmp_path / "teacher")
    taught = config.replace(teacher=str(tmp_path / "teacher"), distillation=0.5)
    train(of_student, taught, out=tmp_path / "student")
    known = load_keras_classifier(tmp_path / "student" / "model.keras").training_fingerprints
    assert count_among(split, known) == 60
    assert RunFolder(tmp_path / "student").read_record()["teacher"]["training_images_known"] is True

    train(of_student, config.replace(teacher=str(teacher_file), distillation=0.5), out=tmp_path / "other")
    known = load_keras_classifier(tmp_path / "other" / "model.keras").training_fingerprints
    assert count_among(split, known) == 30
    assert RunFolder(tmp_path / "other").read_record()["teacher"]["training_images_known"] is False


def test_held_out_images_that_are_copies_of_training_images_are_counted(split):
    config = TrainConfig(validation_fraction=0.2)
    assert copies_held_out(split, config) == (0, 15)
    twice = Split(split.images[np.arange(75) // 3 * 3], split.labels, "thrice", split.class_names)
    copies, held_out = copies_held_out(twice, config)
    assert held_out == 15
    assert copies > 0


def test_a_teacher_of_other_classes_is_refused(split, tmp_path):
    build_mlp(TrainConfig(hidden_units=(7,)), 4).save(tmp_path / "four.keras")
    config = TrainConfig(teacher=str(tmp_path / "four.keras"), distillation=0.5)
    with pytest.raises(ModelError, match="a teacher of 3 classes, got 4"):
        train(split, config, out=tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()


@pytest.mark.parametrize(("teacher", "share"), [("runs/a", 0.0), ("", 0.5), (7, 0.5)])
def test_a_teacher_without_a_share_is_refused_and_a_share_without_a_teacher(teacher, share):
    with pytest.raises(ConfigError, match="a teacher and a share"):
        TrainConfig(teacher=teacher, distillation=share)


@pytest.mark.parametrize("base", [{"teacher": "runs/a", "distillation": 0.5}, {"members": 2}])
def test_a_search_refuses_committees_and_teachers(base):
    with pytest.raises(ConfigError, match="a single network that learns from its labels"):
        SearchConfig(base=TrainConfig(patience=0, **base))
