"""On Keras' JAX backend everything is as on TensorFlow, which need not be installed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from test_compiled_epochs import BATCH, SEED, network, problem

from digitlab.cli.main import main
from digitlab.errors import UsageError
from digitlab.lanes.server import lane_context
from digitlab.model.backend import keras
from digitlab.runs import RunFolder, keras_backend
from digitlab.training.compiled_epochs import CompiledEpochs

HERE = Path(__file__).parent
TENSORFLOW = "tensorflow tensorboard keras-tuner keras_tuner"
# What was written of TensorFlow and is asked of JAX too.
SHARED = (
    "test_compiled_epochs.py::test_it_ends_with_the_weights_of_plain_fit_on_the_same_batches",
    "test_compiled_epochs.py::test_validation_scores_are_those_of_evaluate_on_the_same_images",
    "test_compiled_epochs.py::test_sample_and_class_weights_act_as_in_plain_fit",
    "test_compiled_epochs.py::test_batch_normalisation_keeps_the_statistics_of_whole_batches",
    "test_compiled_epochs.py::test_a_second_fit_on_data_of_the_same_shape_compiles_nothing",
    "test_shards.py::test_one_shard_of_all_images_ends_bit_for_bit_where_training_in_memory_ends",
    "test_shards.py::test_several_shards_end_with_the_weights_of_plain_fit_on_the_same_batches",
    "test_shards.py::test_what_is_drawn_goes_on_from_shard_to_shard_and_begins_anew_in_none",
    "test_recipe.py::test_a_training_ends_with_the_average_of_the_weights_that_it_went_through",
    "test_teacher.py::test_the_students_labels_are_so_much_the_teachers_answers_and_the_rest_their_own",
    "test_committee.py::test_it_says_the_mean_of_what_its_members_say",
    "test_committee.py::test_an_interrupted_one_goes_on_with_the_member_that_it_was_at_and_ends_the_same",
    "test_strokes.py::test_a_hook_leads_from_the_top_of_a_1_to_the_left_and_down",
    "../scan/test_scan.py::test_its_losses_are_those_of_plain_steps_at_the_same_rates_on_the_same_batches",
    "../scan/test_scan.py::test_it_ends_where_the_loss_has_risen_to_four_times_its_lowest",
)
TRAIN = ("train", "--data", "sample", "--hidden", "16", "--batch-size", "100", "--epochs", "6")


def environment(absent=TENSORFLOW, **changes):
    path = [str(HERE / "on_jax"), str(HERE), os.environ.get("PYTHONPATH", "")]
    surroundings = {
        "KERAS_BACKEND": "jax",
        "ABSENT": absent,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiling is most of what is waited for here
    }
    return {**os.environ, **surroundings, **changes}


def start(*arguments, **more):
    command = [sys.executable, "-m", "digitlab", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """The folder in which weights go to the cases on JAX and come from them, and how these ended."""
    folder = tmp_path_factory.mktemp("cases")
    x, y = problem()
    for optimizer in (keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.01)):
        model = network(optimizer)
        before = model.get_weights()
        CompiledEpochs(model, batch_size=BATCH).fit(x, y, epochs=1, seed=SEED)
        arrays = {"before": before, "after": model.get_weights()}
        named = {f"{when}_{i}": a for when, weights in arrays.items() for i, a in enumerate(weights)}
        np.savez(folder / f"{type(optimizer).__name__}.npz", **named)
    # JAX has no float64 unless it is asked for.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not float64"]
    chosen = [str(HERE / "on_jax" / "jax_cases.py"), *(str(HERE / name) for name in SHARED)]
    told = subprocess.run(
        [*command, *chosen], env=environment(JAX_CASES=str(folder)), capture_output=True, text=True, cwd=HERE.parents[1]
    )
    return folder, told


@pytest.mark.slow
def test_what_holds_on_tensorflow_holds_on_jax(cases):
    _, told = cases
    assert told.returncode == 0, told.stdout[-6000:] + told.stderr[-2000:]


@pytest.mark.slow
def test_without_tensorflow_a_run_killed_and_resumed_goes_from_data_to_report_and_ends_bit_for_bit(cases, tmp_path):
    folder, _ = cases
    out = tmp_path / "run"
    process = start(*TRAIN, "--out", out, env=environment())
    deadline = time.monotonic() + 120
    while not (out / "checkpoints" / "state.npz").exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(RunFolder(out).read_history()) < 6, "it was quicker than the signal"

    resumed = start("train", "--resume", out, env=environment())
    _, told = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, told
    assert "starting JAX" in told
    record = RunFolder(out).read_record()
    assert record["status"] == "finished"
    assert record["backend"] == "jax"
    assert {"jax", "jaxlib", "keras"} <= set(record["versions"])
    assert "tensorflow" not in record["versions"]
    assert (out / "model.onnx").exists()
    assert (out / "report.html").exists()
    with np.load(folder / "default.npz") as archive:
        expected = [archive[name] for name in archive.files]
    for ours, theirs in zip(keras.saving.load_model(out / "model.keras").get_weights(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_where_tensorflow_is_installed_too_a_training_on_jax_neither_imports_it_nor_lets_it_speak(tmp_path):
    lines = """
import sys
import numpy as np
from digitlab.config import TrainConfig
from digitlab.data import Split
from digitlab.training.train import train
images, labels = np.zeros((40, 28, 28), np.uint8), np.arange(40, dtype=np.uint8) % 2
train(Split(images, labels, "two", ("a", "b")), TrainConfig(hidden_units=(4,), epochs=1), out=sys.argv[1])
print([name for name in ("tensorflow", "tensorboard") if name in sys.modules])
"""
    command = [sys.executable, "-c", lines, str(tmp_path / "run")]
    told = subprocess.run(command, env=environment(absent=""), capture_output=True, text=True)
    assert (told.stdout, told.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("backend", "arguments", "said", "hint"),
    [
        ("torch", ["train", "--data", "sample"], "to be tensorflow or jax, got torch", "KERAS_BACKEND=jax"),
        ("torch", ["train", "--resume", "run"], "to be tensorflow or jax, got torch", "KERAS_BACKEND=jax"),
        *(
            ("jax", [verb, "--data", "sample"], "TensorFlow backend alone, got jax", "KERAS_BACKEND=tensorflow")
            for verb in ("scan", "tune", "study")
        ),
    ],
)
def test_a_backend_that_cannot_do_it_is_refused_in_two_lines(
    backend, arguments, said, hint, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    if "--resume" in arguments:
        RunFolder(Path("run")).write_record(
            {
                "format": 1, "command": "train", "name": "run", "status": "running", "stages": {}, "versions": {},
                "machine": {}, "config": {}, "dataset": {"source": "sample"},
            }
        )  # fmt: skip
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    first, second = capfd.readouterr().err.strip().splitlines()
    assert caught.value.code == 2
    assert said in first
    assert second.startswith("hint: ")
    assert hint in second
    assert sorted(tmp_path.rglob("*")) == before


def test_lanes_are_not_started_for_another_backend(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(UsageError, match="got jax"):
        lane_context()


@pytest.mark.parametrize(
    ("absent", "backend", "hint"),
    [
        (f"{TENSORFLOW} jax", "", 'hint: pip install "digitlab[train]"'),
        (TENSORFLOW, "", 'hint: set KERAS_BACKEND=jax, or pip install "digitlab[train]"'),
        (f"{TENSORFLOW} jax", "jax", 'hint: pip install "digitlab[jax]"'),
    ],
)
def test_where_the_backend_is_not_installed_the_hint_says_how_to_get_one(absent, backend, hint, tmp_path):
    command = [sys.executable, "-c", "import digitlab.training.train"]
    # A home of its own, since Keras' keras.json may name a backend.
    surroundings = environment(absent, KERAS_BACKEND=backend, KERAS_HOME=str(tmp_path))
    told = subprocess.run(command, env=surroundings, capture_output=True, text=True)
    assert told.stderr.strip().splitlines()[-1] == hint


def test_the_backend_is_the_environments_else_that_of_kerass_own_file_else_tensorflow(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert keras_backend() == "tensorflow"
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    assert keras_backend() == "jax"
    (tmp_path / "keras.json").write_text("{")
    assert keras_backend() == "tensorflow"
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert keras_backend() == "torch"
