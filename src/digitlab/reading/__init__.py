"""From pictures to digits and numbers, with boxes and probabilities."""

from digitlab.reading.annotate import annotate
from digitlab.reading.digit import read_digit
from digitlab.reading.number import read_number
from digitlab.reading.reading import Line, Reading

__all__ = ["Line", "Reading", "annotate", "read_digit", "read_number"]
