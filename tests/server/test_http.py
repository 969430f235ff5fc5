"""What the server answers: readings, probabilities, its state; and a clear 4xx for whatever is wrong."""

import asyncio
import base64
import io
import json
import logging
import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

import digitlab
from digitlab.classifier import Classifier
from digitlab.data import load_dataset
from digitlab.errors import ModelError
from digitlab.server import Settings, create_app
from digitlab.server.logs import JsonLines
from drawing import placed

JSON, BYTES = "application/json", "application/octet-stream"


@pytest.fixture(scope="module")
def images():
    return load_dataset("sample").test.images[:50]


@pytest.fixture(scope="module")
def drawn():
    """42, drawn, as the bytes of a PNG."""
    picture = Image.new("L", (300, 160), 255)
    for index, digit in enumerate("42"):
        for stroke in placed(digit, 20 + 140 * index, 20, 120):
            ImageDraw.Draw(picture).line(stroke, fill=10, width=10, joint="curve")
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def refused(response, status, said):
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert said in error["message"]
    assert error["hint"]
    return True


def test_json_instances_give_what_the_classifier_gives(client, images):
    expected = digitlab.load_classifier().predict_proba(images)
    for instances in (images.tolist(), images.reshape(-1, 784).tolist(), images[..., None].tolist()):
        told = client.post("/v1/predict", json={"instances": instances}).json()
        np.testing.assert_allclose(told["predictions"], expected, atol=1e-6)
        assert told["labels"] == [str(label) for label in expected.argmax(axis=1)]


def test_bytes_give_the_same_as_json_or_as_float32(client, images):
    expected = digitlab.load_classifier().predict_proba(images)
    told = client.post("/v1/predict", content=images.tobytes(), headers={"content-type": BYTES})
    np.testing.assert_allclose(told.json()["predictions"], expected, atol=1e-6)
    told = client.post("/v1/predict", content=images.tobytes(), headers={"content-type": BYTES, "accept": BYTES})
    assert told.headers["content-type"] == BYTES
    np.testing.assert_array_equal(np.frombuffer(told.content, "<f4").reshape(50, 10), expected)


def test_a_picture_is_read_as_a_form_as_bytes_and_as_a_canvas(client, drawn):
    lines = digitlab.read_number(drawn)
    url = "data:image/png;base64," + base64.b64encode(drawn).decode()
    for answer in (
        client.post("/v1/read", files={"picture": ("two.png", drawn)}),
        client.post("/v1/read", content=drawn, headers={"content-type": "image/png"}),
        client.post("/v1/read", json={"canvas": url}),
    ):
        told = answer.json()
        assert told["text"] == "42"
        (line,) = told["lines"]
        for digit, own in zip(line["digits"], lines[0].digits, strict=True):
            assert (digit["label"], digit["readable"], tuple(digit["box"])) == (own.label, True, own.box)
            np.testing.assert_allclose(digit["probabilities"], own.probabilities, atol=1e-6)
            framed = np.frombuffer(base64.b64decode(digit["framed"]), np.uint8).reshape(28, 28)
            np.testing.assert_array_equal(framed, own.framed)


def test_blank_paper_is_an_answer_without_lines(client):
    file = io.BytesIO()
    Image.new("L", (200, 100), 250).save(file, "PNG")
    told = client.post("/v1/read", content=file.getvalue(), headers={"content-type": "image/png"})
    assert told.json() == {"text": "", "lines": []}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "expected JSON"),
        (b"[1, 2]", "an object with a list of instances"),
        (b'{"instances": []}', "an object with a list of instances"),
        (b'{"instances": [[1, 2, 3]]}', "the shape [1, 3]"),
        (b'{"instances": [[1], [1, 2]]}', "lists of unequal lengths"),
        (json.dumps({"instances": [[0.5] * 784]}).encode(), "something else than whole numbers"),
        (json.dumps({"instances": [[True] * 784]}).encode(), "something else than whole numbers"),
        (json.dumps({"instances": [["7"] * 784]}).encode(), "something else than whole numbers"),
        (json.dumps({"instances": [[256] + [0] * 783]}).encode(), "numbers from 0 to 256"),
        (json.dumps({"instances": [[-1] + [0] * 783]}).encode(), "numbers from -1 to 0"),
        (json.dumps({"instances": [[10**30] + [0] * 783]}).encode(), "whole numbers"),
        (b'{"instances": [' + b"[" + b",".join([b"NaN"] * 784) + b"]]}", "expected JSON"),
        (json.dumps({"instances": ["a" * 20_000, *["b"] * 2000]}).encode(), "something else than whole numbers"),
        (json.dumps({"instances": [["a" * 20_000, *["b"] * 783]]}).encode(), "something else than whole numbers"),
        (json.dumps({"instances": [[None] * 784]}).encode(), "something else than whole numbers"),
        (json.dumps({"instances": [[{}] * 784]}).encode(), "something else than whole numbers"),
        (json.dumps({"instances": [[[]] * 784]}).encode(), "something else than whole numbers"),
        (json.dumps({"instances": [[0] * 783 + [False]]}).encode(), "something else than whole numbers"),
        (json.dumps({"instances": [[[0] * 28] * 27 + [[0] * 27 + [True]]]}).encode(), "something else than whole"),
        (
            json.dumps({"instances": [[[[0]] * 28] * 27 + [[[0]] * 27 + [[True]]]]}).encode(),
            "something else than whole",
        ),
        (json.dumps({"instances": [[2**64 - 1] + [0] * 783]}).encode(), "numbers from 0 to 18446744073709551615"),
        (json.dumps({"instances": [[-(2**63)] + [0] * 783]}).encode(), "numbers from -9223372036854775808 to 0"),
        (json.dumps({"instances": [5, 5]}).encode(), "the shape [2]"),
        (json.dumps({"instances": [10**9]}).encode(), "the shape [1]"),
        (json.dumps({"instances": [[]]}).encode(), "the shape [1, 0]"),
        (json.dumps({"instances": [[[0] * 27] * 28]}).encode(), "the shape [1, 28, 27]"),
        (json.dumps({"instances": [[[[0, 0]] * 28] * 28]}).encode(), "the shape [1, 28, 28, 2]"),
        (json.dumps({"instances": [[[[]] * 28] * 28]}).encode(), "the shape [1, 28, 28, 0]"),
        (json.dumps({"instances": [[[0] * 28] * 27 + [[0] * 27]]}).encode(), "lists of unequal lengths"),
        (json.dumps({"instances": [[[0] * 28] * 27 + [0]]}).encode(), "lists of unequal lengths"),
        (b'{"instances": ' + b"[" * 900 + b"]" * 900 + b"}", "the shape [1, 1]"),
        (b'{"instances": ' + b"[" * 15_000 + b"]" * 15_000 + b"}", "expected JSON"),
        (json.dumps({"instances": [[0] * 784], "signature": 1}).encode(), "signature besides"),
    ],
)
def test_wrong_instances_are_refused_with_what_came(client, body, said):
    assert refused(client.post("/v1/predict", content=body, headers={"content-type": JSON}), 400, said)


@pytest.mark.parametrize("text", ["true", '"false"'])
def test_words_elsewhere_are_no_pixels(client, text):
    body = f'{{"{text.strip(chr(34))}": 1, "instances": [{json.dumps([0] * 784)}]}}'
    assert refused(client.post("/v1/predict", content=body, headers={"content-type": JSON}), 400, "besides")


def test_a_batch_of_strings_takes_no_memory(client):
    """NumPy would make it an array of 2,001 strings of 20,000 characters."""
    body = json.dumps({"instances": ["a" * 20_000, *["b"] * 2000]})
    tracemalloc.start()
    client.post("/v1/predict", content=body, headers={"content-type": JSON})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize("charset", ["punycode", "utf-7", "idna", "utf-16", "rot13", "zlib", "nonsense", "a\\x00b"])
def test_a_form_in_another_charset_is_refused_before_anything_is_decoded(client, charset):
    body = b'--B\r\nContent-Disposition: form-data; name="' + b"\xff" * 3000 + b'"\r\n\r\nx\r\n--B--\r\n'
    kind = f"multipart/form-data; boundary=B; charset={charset}"
    assert refused(client.post("/v1/read", content=body, headers={"content-type": kind}), 415, "in UTF-8")


def test_a_form_in_utf_8_is_taken(client, drawn):
    part = b'--B\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'
    kind = 'multipart/form-data; charset="UTF-8"; boundary=B'
    answer = client.post("/v1/read", content=part + drawn + b"\r\n--B--\r\n", headers={"content-type": kind})
    assert answer.json()["text"] == "42"


PART = b'--B\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\nx\r\n'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (PART % (b"picture", b"") + b"--B--\r\n", "got text"),
        (PART % (b"threshold", b"") + b"--B--\r\n", "no other field, got threshold"),
        (PART % (b"other", b'; filename="a"') + b"--B--\r\n", "no other field, got other"),
        (PART % (b"picture", b'; filename="a"') * 2 + b"--B--\r\n", "got more parts"),
        (PART % (b"picture", b'; filename="a"') + PART % (b"threshold", b"") + b"--B--\r\n", "got more parts"),
        (PART % (b"picture", b'; filename="a"') * 5000, "got more parts"),
        (PART % (b"picture", b'; filename="a"'), "the end of the body"),
        (b"--B--\r\n", "got none"),
        (b"--B\r\n\r\nx\r\n--B--\r\n", "a part without a name"),
        (b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--\r\n", "a part without a name"),
        (b"--B\r\nX: " + b"a" * 100_000 + b"\r\n\r\nx\r\n--B--\r\n", "Maximum header size"),
        (b"--B\r\n" + b"a: b\r\n" * 100 + b"\r\nx\r\n--B--\r\n", "Maximum header count"),
        (b"\r\n" * 10_000, "the end of the body"),
    ],
)
def test_a_form_holds_one_file_and_nothing_else(client, body, said):
    answer = client.post("/v1/read", content=body, headers={"content-type": "multipart/form-data; boundary=B"})
    assert refused(answer, 400, said)


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=" + "b" * 71, "; boundary=" + "b" * 10_000])
def test_a_boundary_has_one_to_seventy_characters(client, boundary):
    answer = client.post("/v1/read", content=b"x", headers={"content-type": "multipart/form-data" + boundary})
    assert refused(answer, 400, "a boundary of")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"canvas": "data:image/png;base64,AAAA", "threshold": 1}, "threshold besides"),
        ({"canvas": "data:image/" + "x" * 200 + ";base64,AAAA"}, "a data URL"),
        ({"canvas": "data:image/png;base64," + "A" * 5}, "base64"),
        ({"canvas": "data:image/png;base64,\u00e9\u00e9\u00e9\u00e9"}, "base64"),
        ({"canvas": ["data:image/png;base64,AAAA"]}, "a data URL"),
        ({"Canvas": "data:image/png;base64,AAAA"}, "a data URL"),
        ([], "a data URL"),
    ],
)
def test_a_canvas_is_one_data_url_and_nothing_else(client, told, said):
    assert refused(client.post("/v1/read", json=told), 400, said)


def test_other_bytes_kinds_and_pictures_are_refused(client, drawn):
    assert refused(
        client.post("/v1/predict", content=b"x" * 783, headers={"content-type": BYTES}), 400, "n x 784 bytes"
    )
    assert refused(client.post("/v1/predict", content=b"", headers={"content-type": BYTES}), 400, "n x 784 bytes")
    assert refused(client.post("/v1/predict", content=b"x"), 415, "no content type")
    assert refused(client.post("/v1/read", content=b"x", headers={"content-type": "text/plain"}), 415, "text/plain")
    assert refused(
        client.post("/v1/read", content=b"x", headers={"content-type": "image/png"}), 400, "expected a picture"
    )
    assert refused(client.post("/v1/read", content=drawn[:80], headers={"content-type": "image/png"}), 400, "a picture")
    assert refused(client.post("/v1/read", files={"other": ("a.png", drawn)}), 400, "a file as picture")
    broken = {"content-type": "multipart/form-data"}
    assert refused(client.post("/v1/read", content=b"--x", headers=broken), 400, "a form with a file")
    for canvas in ("data:text/plain;base64,AA", "data:image/png;base64,%%%", 7, None):
        assert client.post("/v1/read", json={"canvas": canvas}).status_code == 400


def test_what_is_too_large_is_refused_whether_or_not_it_says_so(client_of):
    client = client_of(Settings(most_bytes=10_000, most_images=3))
    assert refused(client.post("/v1/predict", content=bytes(784 * 4), headers={"content-type": BYTES}), 413, "3 images")
    assert refused(client.post("/v1/read", content=bytes(10_001), headers={"content-type": "image/png"}), 413, "10,001")

    def unsaid():
        yield from [bytes(5000)] * 3

    assert refused(client.post("/v1/read", content=unsaid(), headers={"content-type": "image/png"}), 413, "got more")


def test_other_hosts_and_origins_are_refused(client_of):
    client = client_of(Settings(origins=("https://forms.example",)))
    assert refused(client.get("/", headers={"host": "evil.example"}), 421, "evil.example")
    assert client.get("/healthz", headers={"host": "localhost:9"}).status_code == 200
    assert client.get("/healthz", headers={"host": "[::1]:9"}).status_code == 200
    assert refused(client.get("/v1/model", headers={"origin": "https://evil.example"}), 403, "evil.example")
    assert client.get("/v1/model", headers={"origin": "https://forms.example"}).status_code == 200
    assert client.get("/v1/model", headers={"origin": "http://127.0.0.1:8000"}).status_code == 200


def test_a_key_is_asked_for_where_one_is_set(client_of):
    client = client_of(Settings(api_key="s3cret"))
    assert client.get("/").status_code == client.get("/healthz").status_code == 200
    for headers in ({}, {"authorization": "Bearer other"}, {"x-api-key": ""}):
        answer = client.get("/v1/model", headers=headers)
        assert refused(answer, 401, "API key")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/metrics", headers=headers).status_code == 401
    for headers in ({"authorization": "Bearer s3cret"}, {"x-api-key": "s3cret"}):
        assert client.get("/v1/model", headers=headers).status_code == 200


def test_a_page_of_an_allowed_origin_may_ask_and_see_the_answer(client_of):
    client = client_of(Settings(origins=("https://forms.example",), api_key="s3cret"))
    asking = {"origin": "https://forms.example", "access-control-request-method": "POST"}
    may = client.options("/v1/read", headers={**asking, "access-control-request-headers": "authorization"})
    assert may.status_code == 200
    assert may.headers["access-control-allow-origin"] == "https://forms.example"
    answer = client.get("/v1/model", headers={"origin": "https://forms.example", "authorization": "Bearer s3cret"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://forms.example"
    assert "access-control-allow-origin" not in client.get("/healthz").headers


def test_every_answer_has_a_request_id_and_a_good_one_is_kept(client):
    assert len(client.get("/healthz").headers["x-request-id"]) == 16
    assert client.get("/healthz", headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert client.get("/nowhere", headers={"x-request-id": "a b\tc"}).headers["x-request-id"] != "a b\tc"


def test_requests_images_and_digits_are_counted(client_of, images, drawn):
    client = client_of()
    client.post("/v1/predict", content=images.tobytes(), headers={"content-type": BYTES})
    client.post("/v1/read", content=drawn, headers={"content-type": "image/png"})
    client.get("/made/up/path")
    text = client.get("/metrics").text
    assert "digitlab_images_total 50.0" in text
    assert 'digitlab_digits_total{readable="true"} 2.0' in text
    assert 'digitlab_requests_total{method="POST",path="/v1/predict",status="200"} 1.0' in text
    assert 'path="other",status="404"' in text
    assert "made/up" not in text


def test_what_is_not_there_has_the_shape_of_every_error(client):
    assert refused(client.get("/nowhere"), 404, "Not Found")
    assert refused(client.get("/v1/predict"), 405, "Method Not Allowed")


def test_the_page_asks_nothing_of_other_addresses(client):
    page = client.get("/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for path in ("/", "/page.css", "/page.js", "/reader.js", "/icon.svg"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "http" not in answer.text.replace("http://www.w3.org/2000/svg", "")


def test_a_network_is_named_by_its_file_or_run_folder_and_not_by_its_path(client_of, tmp_path):
    content = digitlab.load_classifier().content
    names = {"digits.onnx": "digits.onnx", "wide/model.onnx": "wide", "odd\u001b\udcff.onnx": "odd\u001b\ufffd.onnx"}
    for path, name in names.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
        client = client_of(classifier=digitlab.load_classifier(tmp_path / path))
        assert client.get("/v1/model").json()["name"] == name
        assert str(tmp_path) not in client.get("/v1/model").text
    assert client_of().get("/v1/model").json()["name"] == "the shipped network"


@pytest.mark.parametrize("name", ["\ud800", "\udfff\n", "\u202e", "\x1b[31m"])
def test_a_network_whose_class_names_are_no_plain_text_is_not_served(name):
    with pytest.raises(ModelError, match="class names of printable characters"):
        _renamed([name, *"123456789"])


def test_a_network_that_answers_nan_is_an_error_and_no_null(client_of, drawn, monkeypatch):
    client = client_of()

    def answer_nan(self, images):
        return np.full((len(images), 10), np.nan, np.float32)

    monkeypatch.setattr("digitlab.classifier.Classifier.predict_proba", answer_nan)
    for headers in ({}, {"accept": BYTES}):
        answer = client.post("/v1/predict", content=bytes(784), headers={"content-type": BYTES, **headers})
        assert refused(answer, 500, "an answer of the network")


def _renamed(names):
    """The shipped network with other class names."""
    import onnx

    model = onnx.ModelProto.FromString(digitlab.load_classifier().content)
    (entry,) = [one for one in model.metadata_props if one.key == "class_names"]
    entry.value = json.dumps(names)
    return Classifier(model.SerializeToString())


def test_a_key_may_hold_any_bytes(client_of):
    assert client_of(Settings(api_key="odd\udcff")).get("/v1/model", headers={"x-api-key": "odd"}).status_code == 401
    client = client_of(Settings(api_key="geheîm"))
    sent = "geheîm".encode()
    assert client.get("/v1/model", headers={b"x-api-key": sent}).status_code == 200
    assert client.get("/v1/model", headers={b"authorization": b"Bearer " + sent}).status_code == 200
    assert client.get("/v1/model", headers={b"x-api-key": sent + b"\xe9"}).status_code == 401


@pytest.mark.parametrize("host", ["a" * 300, ":" * 60_000, "1:" * 30_000, "[::1", "", "127.0.0.1:99999999999999"])
def test_an_odd_host_is_answered(client_of, host):
    assert client_of().get("/nowhere", headers={"host": host}).status_code in (404, 421)
    assert client_of(Settings(hosts=("*",))).get("/nowhere", headers={"host": host}).status_code in (404, 421)


def test_a_log_line_is_ascii_without_control_characters():
    odd = "\x00\x1b[31m\x7f\x85\x9b\u2028\u202e\ud800\U0001f600"
    record = logging.LogRecord("x", logging.INFO, "", 0, "a %s", (odd,), None)
    record.fields = {"path": odd}
    line = JsonLines().format(record)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["path"] == odd
    assert json.loads(line)["message"] == f"a {odd}"


def test_a_runs_report_is_shown_where_there_is_one(client_of, tmp_path):
    assert client_of().get("/v1/model").json()["report"] is None
    (tmp_path / "report.html").write_text("<p>report</p>")
    client = client_of(report=tmp_path / "report.html")
    assert client.get("/v1/model").json()["report"] == "/report"
    assert client.get("/report").text == "<p>report</p>"


def test_too_many_at_once_are_turned_away_and_none_is_lost(monkeypatch, images):
    monkeypatch.setattr("digitlab.server.pool.WAITING", 2)
    app = create_app(settings=Settings(threads=1))
    import httpx2 as httpx

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            body = np.tile(images, (100, 1, 1)).tobytes()
            posts = [client.post("/v1/predict", content=body, headers={"content-type": BYTES}) for _ in range(8)]
            return await asyncio.gather(*posts)

    answers = asyncio.run(ask())
    statuses = sorted(answer.status_code for answer in answers)
    assert set(statuses) == {200, 503}
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 503)


@settings(max_examples=40)
@given(
    body=st.binary(max_size=2000),
    kind=st.sampled_from([JSON, BYTES, "image/png", "multipart/form-data; boundary=x", ""]),
)
def test_whatever_is_sent_the_answer_is_no_server_error(client, body, kind):
    for path in ("/v1/predict", "/v1/read"):
        answer = client.post(path, content=body, headers={"content-type": kind})
        assert answer.status_code in (200, 400, 415)


def test_the_frames_of_mnist_read_as_drawings_are_the_pictures_they_were(client, images):
    picture = cv2.resize(255 - images[0], (112, 112), interpolation=cv2.INTER_CUBIC)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    told = client.post("/v1/read", content=file.getvalue(), headers={"content-type": "image/png"}).json()
    assert told["text"] == str(load_dataset("sample").test.labels[0])
