"""The figures of scan and search: what is drawn, and where."""

import pytest

from digitlab.report.finalists import draw_finalists, mean_interval, ranking
from digitlab.report.parallel import draw_trials
from digitlab.report.range_test import draw_range_test, loss_ceiling, place_labels
from digitlab.report.rates import draw_learning_rates, rate_colors
from digitlab.report.scan import Scan
from digitlab.report.search import Finalist, Search
from digitlab.report.style import styled
from digitlab.report.trials import Trial, best_networks

ROWS = tuple({"epoch": e, "loss": 1 / e, "accuracy": 0.9, "val_loss": 2 / e, "val_accuracy": 0.8} for e in (1.0, 2.0))


def scan(losses=(2.0, 1.0, 0.5, 9.0), rates=(1e-4, 1e-3, 1e-2, 1e-1), steepest=1e-3, valley=1e-2, diagnostics=None):
    return Scan(
        learning_rates=rates, losses=losses, smoothed=losses, steepest=steepest, valley=valley, suggestion=1e-3,
        diverged=True, sentence="", diagnostics=diagnostics or {},
    )  # fmt: skip


def finalist(rank, accuracies):
    n = len(accuracies)
    return Finalist(
        rank, (64, 32), 0.001, 0.97, tuple(range(n)), tuple(accuracies), (0.1,) * n, (5,) * n, sum(accuracies) / n, 0.0,
        {"batch_size": 32.0 * (rank + 1)},
    )  # fmt: skip


def draw(make, *arguments):
    with styled():
        figure = make(*arguments)
        figure.draw_without_rendering()
    return figure


def words(figure):
    return {text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))}


def test_the_rise_at_the_end_does_not_press_the_fall_flat():
    assert loss_ceiling(scan()) == pytest.approx(2.4)  # a fifth above 2.0, though the loss comes to 9.0
    assert loss_ceiling(scan((2.0, 1.0, float("nan"), float("inf")))) == pytest.approx(2.4)


def test_both_suggestions_are_named_with_their_rates():
    assert {"steepest descent\n0.001", "valley\n0.01"} <= words(draw(draw_range_test, scan()))


def test_the_lower_rate_is_named_on_the_left_and_the_higher_on_the_right():
    (valley_left, _), (steepest_left, _) = place_labels(scan(steepest=1e-3, valley=1e-2))
    assert (valley_left, steepest_left) == (False, True)


@pytest.mark.parametrize(("rate", "left"), [(1.1e-4, False), (0.99e-1, True)])
def test_names_stay_inside_the_panel_and_off_each_other(rate, left):
    valley, steepest = place_labels(scan(steepest=rate, valley=rate))
    assert valley[0] == steepest[0] == left
    assert valley[1] - steepest[1] > 0.1


@pytest.mark.parametrize(
    "losses", [(1.0, float("nan"), float("inf"), float("inf")), (1.0, 1e200, 1e300, 1e308), (0.0,) * 4]
)
def test_losses_beyond_bounds_are_drawn_without_a_complaint(losses):
    draw(draw_range_test, scan(losses))


def test_a_range_test_of_one_step_is_drawn():
    draw(draw_range_test, scan((2.0,), (1e-3,), valley=1e-3))


def test_every_trained_rate_has_a_colour_and_a_name():
    figure = draw(draw_learning_rates, scan(diagnostics={1e-4: ROWS, 1e-3: ROWS, 1e-2: ROWS}))
    assert {"0.0001", "0.001 (suggested)", "0.01", "validation", "training"} <= words(figure)
    assert len(set(rate_colors(6))) == 6


def test_the_interval_of_a_mean_is_students():
    # Of 0.1, 0.2, 0.3: mean 0.2, deviation 0.1, and t of 2 degrees of freedom is 4.303.
    low, high = mean_interval([0.1, 0.2, 0.3])
    assert (low, high) == (0.0, pytest.approx(0.2 + 4.303 * 0.1 / 3**0.5, abs=1e-4))
    assert mean_interval([0.9]) is None


def test_finalists_stand_in_the_order_of_their_means_and_tell_what_sets_them_apart():
    finalists = (finalist(0, [0.96, 0.97]), finalist(1, [0.98, 0.98]), finalist(2, [0.5]))
    assert [f.rank for f in ranking(finalists)] == [1, 0, 2]
    search = Search((), 1, 3, 9, finalists, finalists[1], "", {}, 2, 1.0)
    assert "64-32, rate 0.001, batch size 64" in words(draw(draw_finalists, search))


def trial(score, units=(64, 32), last_epoch=10):
    return Trial("t", units, 0.001, 32, 0.0, 0.0, 0.0, 0, last_epoch, score, 1, 0.1)


def lines(figure):
    return figure.axes[0].collections[0]


def test_the_longer_trained_is_drawn_stronger_and_the_best_over_all():
    collection = lines(draw(draw_trials, [trial(0.95, last_epoch=2), trial(0.97), trial(0.98), trial(0.96)]))
    widths, opacities = collection.get_linewidth(), collection.get_edgecolor()[:, 3]
    assert widths[0] < widths[1] < widths[-1] == max(widths)
    assert opacities[0] < opacities[1]


@pytest.mark.parametrize("count", [1, 30, 300])
def test_every_trial_is_one_line(count):
    trials = [trial(0.5 + i / 1000, (32 * (1 + i % 8), 32 * (1 + i % 5))) for i in range(count)]
    assert len(lines(draw(draw_trials, trials)).get_paths()) == count


def test_a_failed_trial_is_drawn_and_named_even_if_no_other_is_there():
    assert "failed" in words(draw(draw_trials, [trial(None)]))
    assert "best score" not in words(draw(draw_trials, [trial(None)]))


def test_a_network_counts_once_among_the_best_by_its_best_trial():
    trials = [trial(0.9), trial(0.95), trial(0.93, (32,)), trial(None, (16,)), trial(0.5, (8,))]
    assert [t.score for t in best_networks(trials, 2)] == [0.95, 0.93]
