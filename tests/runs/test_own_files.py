"""Links inside a run folder, and what is removed from it: nothing of anybody else's is written to or removed."""

import os
import signal

import pytest

from digitlab.errors import RunError
from digitlab.runs import RunFolder
from digitlab.runs.layout import RUN
from digitlab.runs.own_files import refuse_links, remove_own_files, remove_unfinished
from digitlab.study.folder import refuse_foreign_folder

OWN = (
    "run.json", "history.csv", "model.keras", "model.onnx", "model.html", "evaluation.json", "predictions.npz",
    "report.html", "distorted.npz", "scan.csv", "trials.csv", "checkpoints/state.npz", "checkpoints/best.keras",
    "tensorboard/train/events.out.tfevents.1795637699.vm.8332.1.v2",
    "tensorboard/i1-b2-r0-07/events.out.tfevents.1795637699.vm.8332.1",
    "figures/trials.svg", "figures/confusion_test.png", "search/search.json", "search/.lock",
    "search/trial_b1-r0-01/trial.json", "search/trial_b1-r0-01/state.npz",
    "search/trial_b1-r0-01/checkpoint.weights.h5",
    "search/ray/tuner.pkl", "search/ray/05079_00000/checkpoint_000000/_dict_checkpoint.pkl",
    "finalists/0-seed-1.json", "finalists/0-seed-1.weights.h5", "members/2/history.csv", "members/2/model.keras",
    "members/2/checkpoints/state.npz", "recommended/run.json", "recommended/.lock", "recommended/figures/trials.png",
    "recommended/checkpoints/best.keras", ".unfinished-run-a1b2c3_4.json",
    "search/trial_b1-r0-01/.unfinished-state-abcdefgh.npz",
)  # fmt: skip
OTHERS = (
    "notes.txt", "figures/mine.svg", "search/notes.txt", "search/trial_b1-r0-01/notes.txt",
    "search/trial_mine/trial.json",
    "finalists/best.json", "recommended/thesis.tex", "members/2/photo.png", "members/mine/history.csv",
    "checkpoints/older/state.npz", "tensorboard/train/notes.txt", ".unfinished-thesis.tex", "mine/run.json",
)  # fmt: skip
LINKED = ("checkpoints", "tensorboard", "figures", "search", "finalists", "members", "recommended")


def fill(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def files_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_what_digitlab_wrote_is_removed_and_the_users_own_files_stay(tmp_path):
    fill(tmp_path, (*OWN, *OTHERS))
    remove_own_files(tmp_path)
    assert files_in(tmp_path) == set(OTHERS)
    assert all((tmp_path / name).read_text() == name for name in OTHERS)


def test_a_folder_of_digitlab_alone_is_left_empty(tmp_path):
    fill(tmp_path, OWN)
    remove_own_files(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_record_is_removed_last(tmp_path, monkeypatch):
    fill(tmp_path, OWN)
    removed = []
    unlink = os.unlink
    monkeypatch.setattr("pathlib.Path.unlink", lambda self, missing_ok=False: (removed.append(self), unlink(self)))
    remove_own_files(tmp_path)
    assert removed[-1] == tmp_path / "run.json"


def test_links_are_removed_and_not_followed(tmp_path):
    elsewhere, run = tmp_path / "elsewhere", tmp_path / "run"
    fill(elsewhere, ("search.json", "secret", "events.out.tfevents.1"))
    fill(run, ("run.json",))
    for name in LINKED:
        (run / name).symlink_to(elsewhere)
    (run / "history.csv").symlink_to(elsewhere / "secret")
    (run / "mine").symlink_to(elsewhere)
    remove_own_files(run)
    assert files_in(elsewhere) == {"search.json", "secret", "events.out.tfevents.1"}
    assert [path.name for path in run.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("model.keras/mine", "model.keras: expected a file"), ("search", "search: expected a folder")],
)
def test_what_stands_in_the_way_is_named_before_anything_is_removed(tmp_path, name, words):
    fill(tmp_path, ("run.json", "history.csv", name))
    with pytest.raises(RunError, match=words):
        remove_own_files(tmp_path)
    assert files_in(tmp_path) == {"run.json", "history.csv", name}


def test_unfinished_files_are_removed_by_their_whole_name_and_not_through_links(tmp_path):
    elsewhere, run = tmp_path / "elsewhere", tmp_path / "run"
    fill(elsewhere, (".unfinished-run-a1b2c3_4.json",))
    left = ("search/trial_b1-r0-01/.unfinished-state-abcdefgh.npz", ".unfinished-run-a1b2c3_4.json")
    kept = (".unfinished-thesis.tex", "mine/.unfinished-run-a1b2c3_4.json", ".unfinished-folder-abcdefgh/mine")
    fill(run, (*left, *kept))
    (run / "figures").symlink_to(elsewhere)
    remove_unfinished(run)
    assert files_in(run) == set(kept)
    assert files_in(elsewhere) == {".unfinished-run-a1b2c3_4.json"}


@pytest.mark.parametrize("name", [*LINKED, "members/1/checkpoints", "search/ray", "search/trial_b1-r0-01"])
def test_a_link_in_the_place_of_a_folder_is_refused_before_the_run_is_written_to(tmp_path, name):
    elsewhere, run = tmp_path / "elsewhere", tmp_path / "run"
    elsewhere.mkdir()
    (run / name).parent.mkdir(parents=True)
    (run / name).symlink_to(elsewhere)
    with pytest.raises(RunError, match="symbolic link"), RunFolder(run).lock():
        pass
    assert list(elsewhere.iterdir()) == []


def test_the_run_folder_itself_may_be_a_link_and_so_may_the_users_own_folders(tmp_path):
    real = tmp_path / "another disk"
    real.mkdir()
    (tmp_path / "run").symlink_to(real)
    (real / "mine").symlink_to(tmp_path)
    with RunFolder(tmp_path / "run").lock():
        refuse_links(tmp_path / "run", RUN)


def test_a_lock_that_is_a_link_leaves_what_it_points_to_as_it_is(tmp_path):
    secret, run = tmp_path / "secret", tmp_path / "run"
    secret.write_text("kept")
    run.mkdir()
    (run / ".lock").symlink_to(secret)
    with pytest.raises(RunError, match="symbolic link") as caught, RunFolder(run).lock():
        pass
    assert len(str(caught.value).splitlines()) == 2
    assert secret.read_text() == "kept"
    (run / ".lock").unlink()
    (run / ".lock").symlink_to(tmp_path / "nothing")
    with pytest.raises(RunError, match="symbolic link"), RunFolder(run).lock():
        pass
    assert not (tmp_path / "nothing").exists()


def test_a_lock_keeps_what_the_user_wrote_there(tmp_path):
    (tmp_path / ".lock").write_text("mine")
    with RunFolder(tmp_path).lock():
        pass
    assert (tmp_path / ".lock").read_text() == "mine"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_lock_that_is_no_file_is_refused_and_does_not_block(tmp_path, make):
    make(tmp_path / ".lock")
    with pytest.raises(RunError, match=r"\.lock"), RunFolder(tmp_path).lock():
        pass


def test_a_record_that_is_a_link_is_replaced_and_not_written_through(tmp_path):
    secret, run = tmp_path / "secret", tmp_path / "run"
    secret.write_text("kept")
    run.mkdir()
    (run / "run.json").symlink_to(secret)
    RunFolder(run).write_record({"format": 1})
    assert secret.read_text() == "kept"
    assert not (run / "run.json").is_symlink()


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "file/run"])
def test_a_path_that_cannot_be_a_folder_ends_in_two_lines(tmp_path, name):
    (tmp_path / "file").write_text("")
    folder = RunFolder(tmp_path / name)
    assert not folder.exists()
    for act in (folder.read_record, folder.lock().__enter__, lambda: folder.write_history([])):
        with pytest.raises(RunError) as caught:
            act()
        assert len(str(caught.value).splitlines()) == 2


@pytest.fixture(autouse=True)
def no_hanging():
    """A test that waits for a pipe would wait for ever."""
    signal.alarm(30)
    yield
    signal.alarm(0)


@pytest.mark.parametrize(
    "left", [("model.keras", "figures"), ("model.keras", "notes.txt", ".lock"), ("notes.txt", ".lock")]
)
def test_the_remains_of_an_interrupted_removal_are_accepted_by_overwrite(tmp_path, left):
    for name in left:
        (tmp_path / name).mkdir() if name == "figures" else (tmp_path / name).touch()
    folder = RunFolder(tmp_path)
    with pytest.raises(RunError):
        refuse_foreign_folder(folder)
    refuse_foreign_folder(folder, overwrite=True)


@pytest.mark.parametrize("left", [("notes.txt",), ("model.keras", "notes.txt")])
def test_a_folder_of_somebody_elses_is_refused_with_overwrite_too(tmp_path, left):
    for name in left:
        (tmp_path / name).touch()
    with pytest.raises(RunError, match=r"is no run folder: notes\.txt lies in it"):
        refuse_foreign_folder(RunFolder(tmp_path), overwrite=True)
