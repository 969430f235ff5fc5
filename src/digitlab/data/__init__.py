"""Data sets: reading, fetching, verifying and splitting them."""

from digitlab.data.load import load_dataset
from digitlab.data.split import Dataset, Images, Labels, Split, check_images
from digitlab.data.splits import stratified_indices, stratified_split

__all__ = [
    "Dataset",
    "Images",
    "Labels",
    "Split",
    "check_images",
    "load_dataset",
    "stratified_indices",
    "stratified_split",
]
