"""Images and pictures by the million: read in parts, answered in parts, no part done twice."""

from digitlab.bulk.here import Here
from digitlab.bulk.job import Outcome, Progress
from digitlab.bulk.predict import predict_files
from digitlab.bulk.read import read_files

__all__ = ["Here", "Outcome", "Progress", "predict_files", "read_files"]
