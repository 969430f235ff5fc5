"""Which backend Keras takes, known without the seconds that importing it costs."""

from __future__ import annotations

import json
import os
from pathlib import Path

from digitlab.errors import UsageError

USUAL = "tensorflow"
# Those that a network can be trained on, by the name that Keras has for them, as they are written.
BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX"}


def keras_backend() -> str:
    """Name of the backend: what ``KERAS_BACKEND`` says, else Keras' own ``keras.json``, else ``tensorflow``."""
    return os.environ.get("KERAS_BACKEND") or _configured() or USUAL


def refuse_unknown_backend(backend: str) -> None:
    """Raise `UsageError` unless a network can be trained on `backend`."""
    if backend not in BACKENDS:
        raise UsageError(
            f"expected Keras' backend to be {' or '.join(BACKENDS)}, got {backend}",
            hint=f"set KERAS_BACKEND={USUAL}, or KERAS_BACKEND=jax",
        )


def _configured() -> str | None:
    home = os.environ.get("KERAS_HOME")
    folder = Path(home) if home else Path("~/.keras").expanduser()
    try:
        stated = json.loads((folder / "keras.json").read_text(encoding="utf-8"))
        return str(stated["backend"])
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):  # Keras too then goes on without it
        return None
