"""KerasTuner, imported after Keras, which `digitlab.model.backend` imports without TensorFlow's start-up lines.

Every module that needs KerasTuner takes it from here: ``from digitlab.tuning.kerastuner import keras_tuner``.
"""

from __future__ import annotations

# isort: off
import digitlab.model.backend  # noqa: F401 - before KerasTuner, which imports Keras itself
import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus  # type: ignore[import-not-found,unused-ignore]
# isort: on

__all__ = ["Trial", "TrialStatus", "keras_tuner"]
