#!/bin/sh
# Pin every dependency by name, version and hash, without addresses. Needs the package `uv`.
# Run it from anywhere after a change of pyproject.toml: requirements/lock.sh [--upgrade]
set -eu
cd "$(dirname "$0")/.."
lock() {
    output=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-header --no-annotate --output-file "requirements/$output.txt" "$@"
}
upgrade=${1:-}
# One resolution for all: the tests' file has every extra, and each other file takes its versions from there.
lock test $upgrade pyproject.toml --extra train --extra jax --extra serve --extra ray --extra dev
lock base --constraint requirements/test.txt pyproject.toml
lock serve --constraint requirements/test.txt pyproject.toml --extra serve
lock train --constraint requirements/test.txt pyproject.toml --extra train
lock ray --constraint requirements/test.txt pyproject.toml --extra train --extra ray
printf "%s\n" hatchling editables | lock build $upgrade --constraint requirements/test.txt -
printf "%s\n" jax filelock fsspec networkx sympy jinja2 | lock bench $upgrade --constraint requirements/test.txt -
# PyTorch is pinned by hand in bench-torch.txt: its CPU build lies outside the package index.
