"""Scores, intervals, calibration and paired comparison."""

from digitlab.evaluation.calibration import expected_calibration_error, reliability_bins, risk_coverage_curve
from digitlab.evaluation.comparison import Comparison, compare, compare_probabilities
from digitlab.evaluation.evaluation import Evaluation, Mistake, evaluate, evaluate_probabilities, predict_probabilities
from digitlab.evaluation.intervals import wilson_interval
from digitlab.evaluation.overlap import KnowsTrainingImages, count_trained_on, overlap_sentence

__all__ = [
    "Comparison",
    "Evaluation",
    "KnowsTrainingImages",
    "Mistake",
    "compare",
    "compare_probabilities",
    "count_trained_on",
    "evaluate",
    "evaluate_probabilities",
    "expected_calibration_error",
    "overlap_sentence",
    "predict_probabilities",
    "reliability_bins",
    "risk_coverage_curve",
    "wilson_interval",
]
