"""`PartFolder`: a folder of Parquet files, one a part, and the manifest that says what they answer."""

from __future__ import annotations

import hashlib
import json
import re
import socket
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from digitlab.bulk.arrow import import_parquet
from digitlab.bulk.place import Place, place
from digitlab.errors import RunError

# Readers of Parquet folders pass over what begins with an underscore or a dot.
MANIFEST = "_manifest.json"
_PART = re.compile(r"part-(\d{5,})\.parquet")
_HIDDEN = (".", "_")


@dataclass(frozen=True)
class PartFolder:
    """Where the parts' answers go. Small, and made again in every process that writes there.

    Args:
        address: A path or a URI.
        manifest: The text of the manifest: the same question, the same text.
        parts: How many there will be.
    """

    address: str
    manifest: str
    parts: int

    @contextmanager
    def begun(self, *, overwrite: bool) -> Iterator[set[int]]:
        """The folder, held for this process, with this manifest in it; gives the numbers of the parts that are there.

        Args:
            overwrite: Throw away what an earlier command left.

        Raises:
            RunError: It holds something else, or the answers to another question, or another process has it.
        """
        self._refuse_others()
        with self._place.held():
            self._refuse_another_question(overwrite=overwrite)
            if overwrite:
                # By the names that lie there: another number of parts is written with other numbers of digits.
                for name in filter(_PART.fullmatch, self._names()):
                    self._place.child(name).remove()
            if self._found() != self.manifest:
                with self._place.child(MANIFEST).writing() as stream:
                    stream.write(self.manifest.encode())
            yield self._done()

    def check(self) -> None:
        """Raise `RunError` unless this process sees the folder, and this manifest in it.

        A machine of a cluster may not see it. And a worker may outlive the command that it worked for, and must not
        write among the answers to the next one's question.
        """
        found = self._found()
        if found is None:
            raise RunError(
                f"{self._place.name}: expected {MANIFEST} in it, found none on {socket.gethostname()}",
                hint="all machines must see the folder: on a shared file system, or by a URI such as s3://",
            )
        if found != self.manifest:
            raise RunError(f"{self._place.name} was begun anew by another command", hint="wait for that one to end")

    def write(self, number: int, table: Any) -> None:
        """Write the answer to part `number`, an Arrow table, whole or not at all.

        Raises:
            RunError: The disk is full, or the folder is another command's by now.
        """
        parquet = import_parquet()
        try:
            with self._place.child(self._name(number)).writing() as stream:
                # Probabilities are all different: looking for repetitions among them is lost time.
                parquet.write_table(table, stream, compression="zstd", use_dictionary=["file", "label"])
                self.check()
        except OSError as error:
            raise RunError(
                f"{self._place.name}: cannot write part {number}: {error}",
                hint="is there space and the right to write? the same command then goes on",
            ) from error

    @property
    def _place(self) -> Place:
        return place(self.address)

    def _name(self, number: int) -> str:
        return f"part-{number:0{max(5, len(str(self.parts - 1)))}d}.parquet"

    def _names(self) -> list[str]:
        return [file.name.rpartition("/")[2] for file, _ in self._place.files()]

    def _done(self) -> set[int]:
        found = {int(match[1]): name for name in self._names() if (match := _PART.fullmatch(name))}
        return {number for number, name in found.items() if name == self._name(number)}

    def _found(self) -> str | None:
        """The manifest that lies there."""
        try:
            with self._place.child(MANIFEST).open() as stream:
                return stream.read().decode(errors="replace")
        except FileNotFoundError:
            return None

    def _refuse_others(self) -> None:
        """Before anything is made: a folder that is not bulk work's is left as it is."""
        kind = self._place.kind()
        if kind == "nothing":
            return
        names = self._names() if kind == "folder" else [self._place.name]
        foreign = [name for name in names if not name.startswith(_HIDDEN)]
        if foreign and (kind == "file" or MANIFEST not in names):
            raise RunError(
                f"{self._place.name}: expected a new or empty folder, found {foreign[0]} without {MANIFEST}",
                hint="choose another --out",
            )

    def _refuse_another_question(self, *, overwrite: bool) -> None:
        found = self._found()
        if found is None or found == self.manifest or overwrite:
            return
        raise RunError(
            f"{self._place.name} holds the answers to another question: {_difference(found, self.manifest)}",
            hint="repeat the command it was begun with, add --overwrite, or choose another --out",
        )


def manifest_text(facts: Mapping[str, Any]) -> str:
    """What was asked, as JSON; the same facts give the same text."""
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


def fingerprint(rows: Collection[tuple[Any, ...]]) -> str:
    """SHA-256 (hex) of many small facts, where a manifest with all of them would be as long as the data."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row).encode() + b"\n")
    return digest.hexdigest()


def _difference(found: str, wanted: str) -> str:
    try:
        there, asked = json.loads(found), json.loads(wanted)
        keys = [key for key in {**there, **asked} if there.get(key) != asked.get(key)]
    except (ValueError, TypeError, AttributeError):
        return f"its {MANIFEST} is damaged"
    key = keys[0] if keys else "format"
    return f"{key} {_some(there.get(key))} there, {_some(asked.get(key))} asked for"


def _some(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} files ({_some(value[0] if value else None)}, …)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:119]}…"
