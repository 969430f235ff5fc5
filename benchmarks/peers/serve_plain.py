"""The peer of `digitlab serve`: a FastAPI app as its tutorial has it, that calls `model.predict`.

python benchmarks/peers/serve_plain.py MODEL.keras PORT
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Images(BaseModel):
    """What TensorFlow Serving is sent."""

    instances: list[list[list[int]]]


def make_app(path: str) -> FastAPI:
    """One route."""
    model = keras.models.load_model(path, compile=False)
    model.predict(np.zeros((1, 28, 28), "uint8"), verbose=0)
    app = FastAPI()

    @app.post("/v1/predict")
    def predict(images: Images) -> dict[str, list[list[float]]]:
        return {"predictions": model.predict(np.array(images.instances, "uint8"), verbose=0).tolist()}

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
