"""The inputs of cases/hostile over HTTP: each is an error of the client's or is read, and the next is answered too."""

import os
from pathlib import Path

import pytest

from digitlab.server import Settings

PUNYCODE = "multipart/form-data; boundary=B; charset=punycode"
UPLOADS = {
    "eps_500.eps": "image/png",
    "eps_hang.eps": "image/png",
    "class_folder_eps.png": "image/png",
    "rgba64M.png": "image/png",
    "gray16_64M.png": "image/png",
    "progressive_2564_scans.jpg": "image/jpeg",
    "thin.png": "image/png",
    "pic_rest_29e9e5c0": "image/png",
    "pic_rest_660f8ea2": "image/png",
    "pic_web_c4ce04f5": "image/png",
    "pic_web_eb452132": "image/png",
    "punycode_multipart.bin": PUNYCODE,
    "string_bomb_27kB.json": "application/json",
}


@pytest.fixture(scope="module")
def hostile():
    """The folder with the inputs."""
    root = os.environ.get("DIGITLAB_DATA")
    for shared in ([Path(root)] if root else []) + [Path(__file__).parents[3] / "shared"]:
        if (shared / "cases" / "hostile").is_dir():
            return shared / "cases" / "hostile"
    pytest.skip("cases/hostile is neither in DIGITLAB_DATA nor in ../shared")


@pytest.fixture(scope="module")
def one_worker(client_of):
    return client_of(Settings(workers=1))


@pytest.mark.slow
@pytest.mark.parametrize("name", UPLOADS)
def test_a_hostile_upload_is_the_clients_error_or_is_read(one_worker, hostile, name):
    path = "/v1/predict" if name.endswith(".json") else "/v1/read"
    answer = one_worker.post(path, content=(hostile / name).read_bytes(), headers={"content-type": UPLOADS[name]})
    assert answer.status_code == 200 or 400 <= answer.status_code < 500, answer.text
    assert one_worker.get("/healthz").status_code == 200
