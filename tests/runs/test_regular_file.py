"""Only regular files are opened."""

import os
import socket
from pathlib import Path

import pytest

from digitlab.runs.regular_file import NotRegularError, open_regular


def test_a_regular_file_is_read_from_its_first_byte(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with open_regular(path) as file:
        assert file.read() == b"content"


def test_a_link_is_followed_unless_that_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "file")
    with open_regular(link) as file:
        assert file.read() == b"content"
    with pytest.raises(NotRegularError, match="symbolic link"):
        open_regular(link, follow_links=False)


def test_a_named_pipe_is_refused_and_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotRegularError, match="named pipe"):
        open_regular(tmp_path / "pipe")


def test_a_folder_a_device_and_a_socket_are_refused(tmp_path):
    with pytest.raises(NotRegularError, match="folder"):
        open_regular(tmp_path)
    with pytest.raises(NotRegularError, match="device"):
        open_regular(Path("/dev/zero"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        with pytest.raises(NotRegularError, match="socket"):
            open_regular(tmp_path / "socket")


def test_a_missing_file_is_an_error_of_its_own(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")
