"""`NpzArchive`: the arrays of an NPZ file, each of which is read only after its header was found to be right."""

from __future__ import annotations

import zipfile
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from digitlab.data.npy_header import NpyHeader, read_npy_header
from digitlab.text import in_short

# Of the list of members at the end of a zip file, in bytes. A data set has six arrays; a list of a million would take
# gigabytes and minutes to make objects of.
_LONGEST_LIST = 2**20
_PIECE = 2**20


class NpzArchive:
    """An open NPZ file. Members other than those that are asked for are never unpacked.

    Args:
        stream: The file, which may be sought; it is not closed here.

    Raises:
        ValueError: It is no zip file or a damaged one, or its list of members is longer than `_LONGEST_LIST`.
        Exception: Whatever the stream raises.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.bytes = stream.seek(0, 2)
        bounded = _Bounded(stream)
        try:
            self._archive = zipfile.ZipFile(bounded)
        except Exception as error:
            # A damaged directory fails in zipfile, in struct or in the decoding of a name, each in its own way.
            raise ValueError(in_short(error)) from error
        bounded.most = None
        self._members = {info.filename.removesuffix(".npy"): info for info in self._archive.infolist()}

    @property
    def names(self) -> list[str]:
        """The arrays' names, without ``.npy``."""
        return list(self._members)

    def compressed_bytes(self, name: str) -> int:
        """How many bytes of the file a member takes up; of one that is stored as it is, its own size."""
        return self._members[name].compress_size

    def is_compressed(self, name: str) -> bool:
        """Whether a member has to be unpacked."""
        return self._members[name].compress_type != zipfile.ZIP_STORED

    def open(self, name: str) -> IO[bytes]:
        """A member's bytes, unpacked as they are read.

        Raises:
            ValueError: It is stored in another way than NumPy does, or claims more bytes than the file has.
        """
        info = self._members[name]
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
            msg = f"{name} neither stored nor deflated, or encrypted"
            raise ValueError(msg)
        stored = info.compress_type == zipfile.ZIP_STORED
        if info.compress_size > self.bytes or (stored and info.compress_size != info.file_size):
            msg = f"{name} of a size that cannot be"
            raise ValueError(msg)
        try:
            return self._archive.open(info)
        except Exception as error:
            raise ValueError(in_short(error)) from error

    def header(self, name: str) -> NpyHeader:
        """What a member says of its array.

        Raises:
            ValueError: It is no NPY file, or not as long as it says.
        """
        with self.open(name) as member:
            header = read_npy_header(member)
        if header.bytes + header.array_bytes != self._members[name].file_size:
            msg = f"{name} of another size than its header says"
            raise ValueError(msg)
        return header

    def read(self, name: str, header: NpyHeader) -> npt.NDArray[Any]:
        """A member's array; `header` is its own, and the memory that it asks for was found to be right.

        Raises:
            ValueError: The member is damaged.
        """
        content = np.empty(header.array_bytes, np.uint8)
        try:
            with self.open(name) as member:
                member.read(header.bytes)
                for start in range(0, len(content), _PIECE):
                    piece = content[start : start + _PIECE]
                    piece[:] = np.frombuffer(member.read(len(piece)), np.uint8)
                member.read(1)  # the end is where zipfile compares the checksum
        except zipfile.BadZipFile as error:
            raise ValueError(str(error)) from error
        array = content.view(header.dtype)
        return array.reshape(header.shape[::-1]).T if header.fortran else array.reshape(header.shape)


class _Bounded:
    """A stream of which no single read gives more than `most` bytes: zipfile reads a list of members at once."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.most: int | None = _LONGEST_LIST

    def read(self, size: int = -1) -> bytes:
        if self.most is None:
            return self._stream.read(size)
        if size is None or size < 0:
            content = self._stream.read(self.most + 1)
            size = len(content)
        else:
            content = b"" if size > self.most else self._stream.read(size)
        if size > self.most:
            msg = f"a list of members of more than {self.most:,} bytes"
            raise ValueError(msg)
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True
