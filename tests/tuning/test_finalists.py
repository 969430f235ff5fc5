"""The winner is chosen over several seeds, and the search says how sure that is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from digitlab.config import TrainConfig
from digitlab.errors import RunError
from digitlab.lanes.lanes import Ended
from digitlab.tuning.finalists import Finalist, choose, train_finalists


def finalist(rank, *accuracies):
    return Finalist(
        rank=rank,
        config=TrainConfig(),
        search_score=0.9,
        seeds=tuple(range(len(accuracies))),
        accuracies=accuracies,
        losses=(0.1,) * len(accuracies),
        epochs=(5,) * len(accuracies),
    )


def test_the_highest_mean_wins_whatever_the_search_had_said():
    choice = choose([finalist(0, 0.97, 0.97, 0.97), finalist(1, 0.99, 0.97, 0.98), finalist(2, 0.96, 0.98, 0.97)])
    assert choice.winner.rank == 1
    assert choice.winner.mean_accuracy == pytest.approx(0.98)
    assert choice.winner.deviation == pytest.approx(0.01)  # squares of 0.01, -0.01 and 0, over 2
    assert choice.runner_up.rank == 0  # 0.97 as 2 has, and the better rank
    assert choice.difference == pytest.approx(0.01)


def test_the_interval_is_welchs_worked_out_by_hand():
    # Variances 1e-4 and 1e-4 over 3 each: standard error sqrt(2e-4 / 3) = 0.0081650, 4 degrees of freedom,
    # t(0.975, 4) = 2.7764: 0.0226695 to both sides of 0.02.
    choice = choose([finalist(0, 0.99, 0.98, 0.97), finalist(1, 0.97, 0.96, 0.95)])
    assert choice.interval == pytest.approx((0.02 - 0.0226695, 0.02 + 0.0226695), abs=1e-6)
    assert not choice.is_sure
    assert "cannot be told apart" in choice.sentence()


accuracies = st.lists(st.integers(0, 6000), min_size=2, max_size=6).map(lambda ns: [n / 6000 for n in ns])


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")
@given(accuracies, accuracies)
def test_the_interval_is_that_of_scipys_welch_test(one, other):
    choice = choose([finalist(0, *one), finalist(1, *other)])
    if len(set(one)) == len(set(other)) == 1:  # no spread: SciPy gives no interval here
        assert choice.interval == (choice.difference, choice.difference)
        return
    test = ttest_ind(choice.winner.accuracies, choice.runner_up.accuracies, equal_var=False)
    assert choice.interval == pytest.approx(tuple(test.confidence_interval(0.95)), abs=1e-9)
    assert choice.difference >= 0


def test_a_choice_is_sure_where_the_interval_excludes_zero():
    choice = choose([finalist(0, 0.90, 0.91), finalist(1, 0.98, 0.981)])
    assert choice.winner.rank == 1
    assert choice.is_sure
    assert "cannot be told apart" not in choice.sentence()


def test_equal_means_go_to_the_better_rank_and_are_never_sure():
    choice = choose([finalist(1, 0.98, 0.96), finalist(0, 0.97, 0.97)])
    assert (choice.winner.rank, choice.runner_up.rank, choice.difference) == (0, 1, 0)
    assert not choice.is_sure


def test_one_finalist_and_one_seed_say_so():
    alone = choose([finalist(0, 0.98, 0.97)])
    assert (alone.winner.rank, alone.runner_up, alone.interval) == (0, None, None)
    assert "one finalist alone" in alone.sentence()
    once = choose([finalist(0, 0.98), finalist(1, 0.97)])
    assert once.interval is None
    assert not once.is_sure
    assert "may be chance" in once.sentence()


def test_all_that_is_said_of_a_choice_is_plain_json():
    choice = choose([finalist(0, 0.98, 0.97), finalist(1, 0.97, 0.97)])
    assert json.loads(json.dumps(choice.to_dict(), allow_nan=False))["winner"] == 0
    assert json.loads(json.dumps(choice.winner.to_dict(), allow_nan=False))["hidden_units"] == [256, 128]


class FakeLanes:
    """One lane that needs no process: each job ends with the rows that `rows_of` gives, or fails with its text."""

    def __init__(self, rows_of):
        self.rows_of, self.given = rows_of, []

    def do(self, jobs):
        for job in reversed(jobs):  # the order must not matter
            self.given.append(job)
            job.weights.parent.mkdir(exist_ok=True)
            job.weights.write_text(f"the weights of {job.name}")
            rows = self.rows_of(job)
            yield Ended(job, (), rows) if isinstance(rows, str) else Ended(job, tuple(rows), None)


CANDIDATES = [(TrainConfig(hidden_units=(8,), epochs=9), 0.9), (TrainConfig(hidden_units=(4,), epochs=9), 0.8)]


def rows(*pairs):
    return [{"epoch": n + 1.0, "val_loss": loss, "val_accuracy": acc} for n, (loss, acc) in enumerate(pairs)]


def rows_of(job):
    """The lowest loss is in the second epoch, and the highest accuracy is not."""
    return rows((0.5, 0.70), (0.2, 0.90 + job.seed / 100), (0.3, 0.99))


def test_each_is_trained_with_every_seed_to_the_epoch_of_its_lowest_loss(tmp_path):
    told = []
    lanes = FakeLanes(rows_of)
    found = train_finalists(lanes.do, CANDIDATES, [3, 4], 10, tmp_path, lambda done, of: told.append((done, of)))
    assert [f.rank for f in found] == [0, 1]
    assert [f.config.hidden_units for f in found] == [(8,), (4,)]
    assert [f.search_score for f in found] == [0.9, 0.8]
    assert found[0].seeds == (3, 4)
    assert found[0].accuracies == pytest.approx((0.93, 0.94))
    assert found[0].losses == (0.2, 0.2)
    assert found[0].epochs == (3, 3)
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert {(job.seed, job.monitor, job.mode, job.last_epoch) for job in lanes.given} == {
        (3, "val_loss", "min", 9),
        (4, "val_loss", "min", 9),
    }


def test_what_an_earlier_process_had_finished_is_read_and_not_trained_again(tmp_path):
    first = train_finalists(FakeLanes(rows_of).do, CANDIDATES, [3, 4], 10, tmp_path)
    (tmp_path / "0-seed-4.json").unlink()
    lanes = FakeLanes(rows_of)
    told = []
    assert train_finalists(lanes.do, CANDIDATES, [3, 4], 10, tmp_path, lambda *n: told.append(n)) == first
    assert [job.name for job in lanes.given] == ["0-seed-4"]
    assert told == [(3, 4), (4, 4)]


def test_a_finalist_whose_training_fails_is_a_run_error_that_names_it(tmp_path):
    with pytest.raises(RunError, match="finalist 1-seed-3 failed: out of luck") as caught:
        train_finalists(
            FakeLanes(lambda job: "out of luck" if job.name == "1-seed-3" else rows_of(job)).do,
            CANDIDATES,
            [3],
            10,
            tmp_path,
        )
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("content", ["", "{", "{}", "[]", "null", '{"rows": []}', '{"rows": [{"epoch": 1}]}'])
def test_a_damaged_result_is_said_so_in_two_lines(tmp_path, content):
    train_finalists(FakeLanes(rows_of).do, CANDIDATES, [3], 10, tmp_path)
    (tmp_path / "0-seed-3.json").write_text(content)
    with pytest.raises(RunError, match=r"0-seed-3\.json: expected a finalist's result") as caught:
        train_finalists(FakeLanes(rows_of).do, CANDIDATES, [3], 10, tmp_path)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("1-seed-3.json", lambda text: text.replace("0.93", "0.98")),
        ("1-seed-3.weights.h5", lambda text: text.replace("weights", "ashes")),
        ("1-seed-3.weights.h5", lambda text: ""),
    ],
)
def test_a_result_or_weights_that_were_changed_are_refused_and_the_hint_trains_them_again(tmp_path, name, change):
    first = train_finalists(FakeLanes(rows_of).do, CANDIDATES, [3], 10, tmp_path)
    (tmp_path / name).write_text(change((tmp_path / name).read_text()))
    with pytest.raises(RunError, match=rf"{name}: expected") as caught:
        train_finalists(FakeLanes(rows_of).do, CANDIDATES, [3], 10, tmp_path)
    assert caught.value.hint == f"the file is damaged; rm {tmp_path / '1-seed-3.json'} and repeat the command"
    (tmp_path / "1-seed-3.json").unlink()
    assert train_finalists(FakeLanes(rows_of).do, CANDIDATES, [3], 10, tmp_path) == first
