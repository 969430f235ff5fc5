"""`Classifier`: an exported network on ONNX Runtime. Needs neither Keras nor TensorFlow."""

from digitlab.classifier.classifier import Classifier
from digitlab.classifier.load import load_classifier

__all__ = ["Classifier", "load_classifier"]
