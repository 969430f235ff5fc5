"""Networks: from a configuration to a compiled Keras model, and back from a file."""

from digitlab.model.build import build_mlp
from digitlab.model.keras_classifier import KerasClassifier, load_keras_classifier

__all__ = ["KerasClassifier", "build_mlp", "load_keras_classifier"]
