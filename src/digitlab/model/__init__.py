"""Networks: from a configuration to a compiled Keras model, and back from a file."""
