"""Where the real data sets are found, and a cache that is nobody's."""

import gzip
import hashlib
import os
import uuid
from pathlib import Path

import pytest
from hypothesis import settings

# Two workers share the cores with whatever else runs there: how long an example takes says nothing.
settings.register_profile("digitlab", deadline=None)
settings.load_profile("digitlab")

# SHA-256 of the decompressed t10k-labels-idx1-ubyte: small, and enough to tell the two sets apart.
TEST_LABELS = {
    "mnist": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    "fashion-mnist": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def pytest_collection_modifyitems(items):
    """Modules with slow tests first: begun last, the longest of them would keep one core busy while the other waits."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Keep every test out of the user's cache, in a folder of its own that is made when something is put there."""
    monkeypatch.setenv("DIGITLAB_CACHE", str(tmp_path_factory.getbasetemp() / "caches" / uuid.uuid4().hex))


@pytest.fixture(scope="session")
def real_mnist():
    """The folder with MNIST's four IDX files."""
    return _folder_of("mnist")


@pytest.fixture(scope="session")
def real_fashion_mnist():
    """The folder with Fashion-MNIST's four IDX files."""
    return _folder_of("fashion-mnist")


def _folder_of(name):
    shared = Path(__file__).parents[2] / "shared" / name
    root = os.environ.get("DIGITLAB_DATA")
    candidates = [Path(root), Path(root) / name, shared] if root else [shared]
    for folder in candidates:
        if _checksum_of_test_labels(folder) == TEST_LABELS[name]:
            return folder.resolve()
    pytest.skip(f"{name} is neither in DIGITLAB_DATA nor at {shared}")


def _checksum_of_test_labels(folder):
    plain, zipped = folder / "t10k-labels-idx1-ubyte", folder / "t10k-labels-idx1-ubyte.gz"
    if plain.is_file():
        return hashlib.sha256(plain.read_bytes()).hexdigest()
    return hashlib.sha256(gzip.decompress(zipped.read_bytes())).hexdigest() if zipped.is_file() else None
