"""The network that ships with digitlab, and its card. `digitlab.load_classifier()` opens it; `make model` makes it."""
