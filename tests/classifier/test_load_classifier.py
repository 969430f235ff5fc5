"""Which files are a classifier, and what is said of those that are not."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

import digitlab
from digitlab.classifier import Classifier, load_classifier
from digitlab.classifier.external import DATA_LOCATION, EXTERNAL_DATA, NESTED, holds_external_data
from digitlab.errors import ModelError

IMAGES = ("images", TensorProto.UINT8, ["n", 28, 28])
PROBABILITIES = ("probabilities", TensorProto.FLOAT, ["n", 3])

drawn_once = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def refusal(*arguments, **options):
    """The message of the two-line error that loading ends in."""
    with pytest.raises(ModelError) as caught:
        load_classifier(*arguments, **options)
    assert len(str(caught.value).splitlines()) == 2, str(caught.value)
    return caught.value.message


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_file_and_the_folder_of_a_run_are_loaded_by_path_or_text(make_onnx, tmp_path, kind):
    (tmp_path / "model.onnx").write_bytes(make_onnx())
    for path in (tmp_path, tmp_path / "model.onnx"):
        assert digitlab.load_classifier(kind(path)).class_names == ("zero", "one", "two")


def test_a_files_own_name_does_not_matter(make_onnx, tmp_path):
    path = tmp_path / "ünïcode ☃.bin"
    path.write_bytes(make_onnx())
    assert load_classifier(path).num_classes == 3


def test_a_missing_file_is_said_so(tmp_path):
    assert "found none" in refusal(tmp_path / "model.onnx")


def test_a_run_that_was_not_exported_is_told_how_to_be(tmp_path):
    with pytest.raises(ModelError, match=r"found no model\.onnx") as caught:
        load_classifier(tmp_path)
    assert caught.value.hint == f"digitlab export {tmp_path}"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "model.onnx")
    assert "found none" in refusal(tmp_path / "model.onnx")


def test_a_device_or_a_socket_is_not_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    if hasattr(socket, "AF_UNIX"):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("model.onnx")
            assert "found none" in refusal("model.onnx")
    if os.path.exists("/dev/zero"):  # noqa: PTH110
        assert "found none" in refusal("/dev/zero")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may read everything")
def test_a_file_that_may_not_be_read_is_said_so(make_onnx, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(make_onnx())
    path.chmod(0)
    assert "Permission denied" in refusal(path)


def test_an_enormous_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "model.onnx"
    with path.open("wb") as file:
        file.truncate(2**40)  # holes, which take no room
    assert "at most 2,147,483,647 bytes, got 1,099,511,627,776" in refusal(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"rubbish", b"PK\x03\x04rubbish", b"\x89HDF\r\n\x1a\n", b"\x00" * 1000, b"\xff" * 1000, b"\x08\x09", b"ORTM"],
)
def test_a_file_that_is_no_network_is_said_so(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert f"{path}: expected an ONNX file" in refusal(path)


@drawn_once
@given(content=st.binary(max_size=400))
def test_random_bytes_are_no_network(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    refusal(path)


@drawn_once
@given(data=st.data())
def test_a_damaged_file_is_refused_or_still_gives_probabilities(make_onnx, weights, data):
    """Where the damage is in a weight, nothing can tell; where it is elsewhere, it is two lines."""
    content = bytearray(make_onnx())
    # Most of the file is weights. What surrounds them is what a reader can stumble over.
    start, end = (bytes(content).index(array.tobytes()) for array in weights)
    ends = [*range(start + 8), *range(end - 30, len(content))]
    for place in data.draw(st.lists(st.sampled_from(ends), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        classifier = Classifier(bytes(content))
        probabilities = classifier.predict_proba(np.zeros((3, 28, 28), np.uint8))
    except ModelError as error:
        assert len(str(error).splitlines()) == 2  # noqa: PT017
    else:
        assert probabilities.shape == (3, classifier.num_classes)


@drawn_once
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_that_was_cut_short_is_refused(make_onnx, share):
    content = make_onnx()
    with pytest.raises(ModelError) as caught:
        Classifier(content[: int(share * len(content))])
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    "inputs",
    [
        [("image", TensorProto.UINT8, ["n", 28, 28])],
        [("images", TensorProto.FLOAT, ["n", 28, 28])],
        [("images", TensorProto.INT8, ["n", 28, 28])],
        [("images", TensorProto.UINT8, ["n", 784])],
        [("images", TensorProto.UINT8, ["n", 28, 28, 1])],
        [("images", TensorProto.UINT8, ["n", 28, "m"])],
        [("images", TensorProto.UINT8, [1, 28, 28])],
        [("images", TensorProto.UINT8, ["n", 14, 56])],
        [("images", TensorProto.UINT8, None)],
        [IMAGES, ("mask", TensorProto.UINT8, ["n", 28, 28])],
    ],
)
def test_a_network_that_takes_something_else_is_refused_with_what_it_takes(make_onnx, tmp_path, inputs):
    (tmp_path / "model.onnx").write_bytes(make_onnx(inputs=inputs))
    message = refusal(tmp_path)
    assert "expected one input images, uint8 [n, 28, 28], got " in message
    assert inputs[-1][0] in message


@pytest.mark.parametrize(
    "outputs",
    [
        [("output", TensorProto.FLOAT, ["n", 3])],
        [("probabilities", TensorProto.FLOAT, [1, 3])],
        [PROBABILITIES, ("second", TensorProto.FLOAT, ["n", 3])],
    ],
)
def test_a_network_that_gives_something_else_is_refused_with_what_it_gives(make_onnx, tmp_path, outputs):
    (tmp_path / "model.onnx").write_bytes(make_onnx(outputs=outputs))
    message = refusal(tmp_path)
    assert "expected one output probabilities, float32 [n, k], got " in message
    assert outputs[-1][0] in message


def test_whole_numbers_for_an_answer_are_refused(make_onnx, tmp_path):
    def answer_labels(model):
        model.graph.node[-1].CopyFrom(helper.make_node("ArgMax", ["scores"], ["probabilities"], axis=1))
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info("probabilities", TensorProto.INT64, ["n", 1]))

    (tmp_path / "model.onnx").write_bytes(make_onnx(change=answer_labels))
    assert "got the operator 'ArgMax', expected one of Add" in refusal(tmp_path)


def test_a_network_that_gives_more_classes_than_it_names_is_refused(make_onnx, tmp_path):
    outputs = [("probabilities", TensorProto.FLOAT, ["n", "k"])]
    (tmp_path / "model.onnx").write_bytes(make_onnx(outputs=outputs, names=["zero", "one"]))
    assert " 2 " in refusal(tmp_path)


@pytest.mark.parametrize("last", ["Identity", "Sigmoid", "Log"])
def test_a_network_that_does_not_end_in_probabilities_is_refused(make_onnx, tmp_path, last):
    (tmp_path / "model.onnx").write_bytes(make_onnx(last=last))
    assert "that sum to 1" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("metadata", "came"),
    [
        ({}, "got none"),
        ({"names": "a"}, "got none"),
        ({"class_names": "a, b, c"}, "not JSON"),
        ({"class_names": '"abc"'}, "'abc'"),
        ({"class_names": "[0, 1, 2]"}, r"[0, 1, 2]"),
        ({"class_names": "[" * 100_000}, "not JSON"),
        ({"class_names": '["a", "b"]'}, "got 3 classes and 2 names"),
        ({"class_names": "[]"}, "0 names"),
        ({"class_names": json.dumps(["x"] * 101)}, "101 names"),
    ],
)
def test_a_network_that_does_not_name_its_classes_is_refused(make_onnx, tmp_path, metadata, came):
    (tmp_path / "model.onnx").write_bytes(make_onnx(metadata=metadata))
    assert came in refusal(tmp_path)


def move_kernel_out(model):
    """The weights into a file beside it, as onnx does for large networks."""
    kernel = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(kernel, location="secret.bin")
    kernel.ClearField("raw_data")


def move_out_in_a_branch(model):
    """The same, two graphs deep, in a branch that nobody takes."""
    kernel = TensorProto()
    kernel.CopyFrom(model.graph.initializer[0])
    onnx.external_data_helper.set_external_data(kernel, location="secret.bin")
    kernel.ClearField("raw_data")
    kernel.name = "inner"
    value = helper.make_tensor_value_info("inner_value", TensorProto.FLOAT, [784, 3])
    branch = helper.make_graph(
        [helper.make_node("Identity", ["inner"], ["inner_value"])], "branch", [], [value], [kernel]
    )
    condition = helper.make_node(
        "Constant", [], ["condition"], value=helper.make_tensor("c", TensorProto.BOOL, [], [1])
    )
    choice = helper.make_node("If", ["condition"], ["unused"], then_branch=branch, else_branch=branch)
    model.graph.node.extend([condition, choice])


@pytest.mark.parametrize("change", [move_kernel_out, move_out_in_a_branch])
def test_a_file_that_would_read_another_file_is_refused(make_onnx, tmp_path, monkeypatch, change):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.bin").write_bytes(np.zeros((784, 3), np.float32).tobytes())
    (tmp_path / "model.onnx").write_bytes(make_onnx(change=change))
    assert "weights in other files" in refusal(tmp_path)


def test_the_walk_through_a_file_knows_every_message_that_onnx_declares():
    def leads_to_a_tensor(descriptor, seen=()):
        if descriptor.name == "TensorProto":
            return True
        nested = [f.message_type for f in descriptor.fields if f.message_type and f.message_type.name not in seen]
        return any(leads_to_a_tensor(inner, (*seen, descriptor.name)) for inner in nested)

    declared = {}
    pending = [onnx.ModelProto.DESCRIPTOR]
    while pending:
        descriptor = pending.pop()
        if descriptor.name in declared:
            continue
        fields = [f for f in descriptor.fields if f.message_type and leads_to_a_tensor(f.message_type)]
        declared[descriptor.name] = {f.number: f.message_type.name for f in fields}
        pending += [f.message_type for f in fields]
    declared["TensorProto"] = {}
    assert declared == NESTED
    assert EXTERNAL_DATA == TensorProto.EXTERNAL_DATA_FIELD_NUMBER
    assert DATA_LOCATION == TensorProto.DATA_LOCATION_FIELD_NUMBER


def test_a_field_number_that_readers_would_cut_short_is_no_way_round_the_walk():
    # Field 13 and 2^29 times 8 more: who keeps 32 bits of it reads field 13.
    tag = (13 << 3 | 2) | 1 << 35
    encoded = bytes([0x80 | tag >> 7 * i & 0x7F for i in range(5)] + [tag >> 35])
    tensor = encoded + b"\x00"
    graph = b"\x2a" + bytes([len(tensor)]) + tensor
    with pytest.raises(ValueError, match="damaged"):
        holds_external_data(b"\x3a" + bytes([len(graph)]) + graph)


def test_nothing_is_printed_about_a_refused_file(make_onnx, tmp_path):
    (tmp_path / "model.onnx").write_bytes(make_onnx(last="Identity"))
    (tmp_path / "short.onnx").write_bytes(make_onnx()[:-40])
    # Its name is in the error, which ONNX Runtime then cannot put into words.
    (tmp_path / "bytes.onnx").write_bytes(make_onnx().replace(b"Softmax", b"Softma\x80"))
    code = (
        "import sys, digitlab\nfrom digitlab.errors import ModelError\n"
        "for path in sys.argv[1:]:\n"
        "    try: digitlab.load_classifier(path)\n"
        "    except ModelError: continue\n"
        "    raise SystemExit(1)\n"
    )
    process = subprocess.run([sys.executable, "-c", code, *sorted(tmp_path.iterdir())], capture_output=True, text=True)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
