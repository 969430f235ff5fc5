"""Files of images; without pyarrow, bulk work is not tested."""

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason='Parquet needs pyarrow: pip install "digitlab[ray]"')

from image_files import FORMATS, idx


@pytest.fixture(scope="session")
def images():
    """130 images, no two alike."""
    return np.random.default_rng(5).integers(0, 256, (130, 28, 28), dtype=np.uint8)


@pytest.fixture(params=FORMATS)
def file_of_images(request, tmp_path, images):
    """A file of each format with all the images."""
    path = tmp_path / request.param
    path.write_bytes(FORMATS[request.param](images))
    return path


@pytest.fixture
def idx_file(tmp_path, images):
    """A plain IDX file with all the images."""
    path = tmp_path / "digits-idx3-ubyte"
    path.write_bytes(idx(images))
    return path
