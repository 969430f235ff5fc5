"""Whether a study's scores may stand beside those of the document, the published study that digitlab starts from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from digitlab.data.known import MNIST


def why_not_compared(dataset: Mapping[str, Any]) -> str:
    """Why a study is not compared with the document's, in a sentence; empty if it has the same data, all of MNIST.

    Args:
        dataset: What run.json says of the data: ``fingerprint``, ``name``, and how many images are in ``train``,
            ``validation`` and, where it is known, ``test``.
    """
    if dataset.get("fingerprint") == MNIST.fingerprint:
        return ""
    train, test = int(dataset["train"]) + int(dataset["validation"]), dataset.get("test")
    return (
        "This run is not compared with the document, the published study that digitlab starts from, since its data are"
        " others: the document's network had MNIST's 60,000 images to train on and 10,000 to test, this run has"
        f" {train:,} to train on{f' and {test:,} to test' if test else ''}, of {dataset['name']}."
    )
