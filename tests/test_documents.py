"""What the documents name exists: files, headings, commands and their options, versions, presets."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer

from digitlab import errors
from digitlab.cli.main import make_app
from digitlab.config import preset_names

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    path
    for pattern in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/*.md")
    for path in sorted(ROOT.glob(pattern))
]
# The changelog may one day speak of what is gone.
GUIDES = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COMMAND_LINE = typer.main.get_command(make_app([]))
EVERYWHERE = {"--help", "--debug"}

# Written by the script beside it, and so not there before it has run.
GENERATED = {"benchmarks/RESULTS.md": "benchmarks/results.py"}
# A code span that begins so names a file of the repository; `run.json` or `raw` name none.
REPOSITORY_PATH = re.compile(
    r"(?:src|tests|docs|benchmarks|requirements)/[\w./*-]*|\.ci/\w+|Makefile|LICENSE|pyproject\.toml|[A-Z]+\.(?:md|cff)"
)

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
COMMAND = re.compile(r"(?:\$ )?(?:\w+=\S+ )*(?:\S*python\d? -m )?(digitlab|make)(?!\S)(?! *=)(.*)")
SHELL_OPERATORS = {"|", ">", ">>", "<", "&&", "||", ";", "&"}

by_name = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def read(path):
    return path.read_text(encoding="utf-8")


def spans(text):
    return [" ".join(span.split()) for span in SPAN.findall(FENCE.sub("", text))]


def lines_of_blocks(text):
    """The lines of the blocks that hold commands; of a block with prompts, those behind a prompt."""
    for language, block in FENCE.findall(text):
        if language in ("", "console", "bash", "sh", "shell", "text"):
            lines = block.replace("\\\n", " ").splitlines()
            prompted = [line for line in lines if line.startswith("$ ")]
            yield from prompted or lines


def commands(text, program):
    """The arguments of every call of `program`, whether in a block or in a code span."""
    for line in (*lines_of_blocks(text), *spans(text)):
        if (match := COMMAND.fullmatch(line.strip())) and match[1] == program:
            yield shlex.split(match[2], comments=True)


def problem_with(arguments):
    """What is wrong with the verb or the options of one call of digitlab; `None` if nothing is."""
    command = COMMAND_LINE
    known = options_of(command)
    for argument in arguments:
        if argument in SHELL_OPERATORS:
            break
        name = argument.strip("[]").partition("=")[0]
        if name.startswith("--"):
            if name not in known | EVERYWHERE:
                return f"no option {name}"
        elif hasattr(command, "commands"):
            if name not in command.commands:
                return f"no verb {name}"
            command = command.commands[name]
            known = options_of(command)
    return None


def options_of(command):
    return {name for parameter in command.params for name in parameter.opts if name.startswith("--")}


def slug(heading):
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(path):
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", FENCE.sub("", read(path)), re.MULTILINE)}


def broken_links(text, folder, own_path):
    for target in (first or second for first, second in LINK.findall(FENCE.sub("", text))):
        if re.match(r"\w+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = folder / name if name else own_path
        if name and str(path.resolve().relative_to(ROOT)) in GENERATED:
            continue
        if not path.exists() or (anchor and anchor not in anchors(path)):
            yield target


def missing_paths(text):
    return [
        span
        for span in spans(text)
        if REPOSITORY_PATH.fullmatch(span) and span not in GENERATED and not any(ROOT.glob(span.rstrip("/")))
    ]


@by_name
def test_every_relative_link_leads_to_a_file_and_a_heading(document):
    assert list(broken_links(read(document), document.parent, document)) == []


@by_name
def test_every_file_named_in_a_code_span_exists(document):
    assert missing_paths(read(document)) == []


@pytest.mark.parametrize("name", GENERATED)
def test_what_is_said_to_be_generated_is_named_by_the_script_that_writes_it(name):
    assert f'"{Path(name).name}"' in read(ROOT / GENERATED[name])


@pytest.mark.parametrize("document", GUIDES, ids=lambda path: path.name)
def test_every_digitlab_command_has_a_known_verb_and_known_options(document):
    found = {" ".join(call): problem_with(call) for call in commands(read(document), "digitlab")}
    assert {call: problem for call, problem in found.items() if problem} == {}


@pytest.mark.parametrize("document", GUIDES, ids=lambda path: path.name)
def test_every_make_target_named_is_one_of_the_makefiles(document):
    targets = set(re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), re.MULTILINE))
    named = {call[0] for call in commands(read(document), "make") if call}
    assert named - targets == set()


def test_the_documents_speak_of_every_verb():
    text = "\n".join(map(read, GUIDES))
    told = {call[0] for call in commands(text, "digitlab") if call}
    assert set(COMMAND_LINE.commands) <= told


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("digitlab trian", "no verb trian"),
        ("digitlab train --epoch 3", "no option --epoch"),
        ("digitlab evaluate RUN --epochs 3", "no option --epochs"),
        ("digitlab data fetsh mnist", "no verb fetsh"),
        ("digitlab data fetch mnist --as mnist", "no option --as"),
        ("DIGITLAB_DATA=/data digitlab train --hidden=64 --debug | tee log --flag", None),
        ("$ digitlab data verify FOLDER --as mnist  # right?", None),
        ("python -m digitlab train [--json]", None),
    ],
)
def test_a_wrong_command_in_a_document_would_be_found(line, problem):
    for text in (f"```console\n{line}\n```\n", f"Say `{line}` and see."):
        (call,) = commands(text, "digitlab")
        assert problem_with(call) == problem


def test_output_beside_a_prompt_and_other_languages_are_not_taken_for_commands():
    text = "```console\n$ digitlab report RUN\ndigitlab says so\n```\n```python\ndigitlab = 3\n```\n"
    assert list(commands(text, "digitlab")) == [["report", "RUN"]]


def test_a_broken_link_a_missing_heading_and_a_missing_file_would_be_found():
    text = "[a](docs/nowhere.md) [b](docs/data.md#nothing) [c](docs/data.md#sources-licences-and-citations) `src/x.py`"
    assert list(broken_links(text, ROOT, ROOT / "README.md")) == ["docs/nowhere.md", "docs/data.md#nothing"]
    assert missing_paths(text) == ["src/x.py"]


def test_the_citation_has_the_projects_version_and_licence():
    stated = dict(re.findall(r"^(version|license): \"?([^\"\n]+)\"?$", read(ROOT / "CITATION.cff"), re.MULTILINE))
    assert stated == {name: PROJECT["project"][name] for name in ("version", "license")}


def test_the_changelog_mentions_the_version():
    version = PROJECT["project"]["version"]
    assert re.search(rf"(?<![\d.]){re.escape(version)}(?!\.?\d)", read(ROOT / "CHANGELOG.md"))


def test_the_licence_is_apaches_whole_text():
    text = read(ROOT / "LICENSE")
    assert "Version 2.0, January 2004" in text
    assert "9. Accepting Warranty or Additional Liability." in text
    assert "Copyright [yyyy] [name of copyright owner]" in text


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_mentioned_in_the_readme_or_the_guides(name):
    guides = [path for path in GUIDES if path.name == "README.md" or path.parent.name == "docs"]
    text = "\n".join(map(read, guides))
    assert f"`{name}`" in text or f"--preset {name}" in text


def test_the_architectures_diagram_has_the_layers_of_the_contract_in_their_order():
    (contract,) = [c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    _, diagram = FENCE.findall(read(ROOT / "docs" / "architecture.md"))[0]
    assert [re.split(r"  +", line)[0] for line in diagram.splitlines()] == contract["layers"]


def test_the_architectures_error_tree_has_every_error_and_no_other():
    text = read(ROOT / "docs" / "architecture.md")
    (tree,) = [block for _, block in FENCE.findall(text) if block.startswith("DigitlabError")]
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    ours = {kind.__name__ for kind in kinds if issubclass(kind, errors.DigitlabError)}
    assert set(re.findall(r"\b\w+Error\b", tree)) == ours
