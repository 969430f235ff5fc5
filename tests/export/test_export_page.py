"""A network as one HTML file, in a real browser: it answers as digitlab does, and asks nobody."""

import base64
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from hand import drawing
from PIL import Image, ImageDraw
from playwright.sync_api import expect

import digitlab
from browser import chromium, in_a_browser
from digitlab.classifier import load_classifier
from digitlab.config import TrainConfig
from digitlab.errors import ModelError, UsageError
from digitlab.export import export_onnx, export_page
from digitlab.export.read_onnx import read_onnx
from digitlab.model.backend import keras
from digitlab.model.build import build_mlp
from drawing import placed
from onnx_by_hand import build

MOST_BYTES = 2_000_000
IMAGES = np.random.default_rng(5).integers(0, 256, (40, 28, 28), dtype=np.uint8)
layers = keras.layers

# Draws each of some drawings on the page's canvas: the canvas as a PNG file, and what the page reads on it.
DRAW_AND_READ = """async ({ drawings, width, height }) => {
  const canvas = document.getElementById("canvas"), context = canvas.getContext("2d"), answers = [];
  [canvas.width, canvas.height] = [width, height];
  for (const { width: pen, strokes } of drawings) {
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, width, height);
    context.strokeStyle = "#111418";
    context.lineWidth = pen;
    context.lineCap = context.lineJoin = "round";
    for (const points of strokes) {
      context.beginPath();
      context.moveTo(...points[0]);
      for (const point of points.slice(1)) context.lineTo(...point);
      context.stroke();
    }
    const { lines } = await digitlab.readCanvas(canvas);
    const labels = lines.map(({ digits }) => digits.map(({ label }) => label));
    answers.push({ png: canvas.toDataURL("image/png").split(",")[1], labels });
  }
  return answers;
}"""
ASK_NETWORK = """images => digitlab.ask("probabilities", { framed: images.map((image) => Uint8Array.from(image)) })"""
READ_FILE = """async (base64) => {
  const file = new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], { type: "image/png" });
  return (await digitlab.readFile(file)).lines.flatMap(({ digits }) => digits.map(({ box }) => box));
}"""
ASK_ELSEWHERE = """() => new Promise((resolve) => {
  document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
  fetch("https://example.org/").catch(() => {});
})"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def open_page(browser):
    """Open a page from its file; at the end, it asked for nothing else, and nothing failed or was refused."""
    pages, complaints, asked = [], [], []

    def visit(path):
        page = browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        expect(page.locator("#model")).to_contain_text("Read by")
        pages.append((page, path.as_uri()))
        return page

    yield visit
    for page, _ in pages:
        page.close()
    assert complaints == []
    own = {address for _, address in pages}
    assert [url for url in asked if url not in own and not url.startswith(("data:", "blob:"))] == []


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    return export_page(None, tmp_path_factory.mktemp("page") / "shipped.html")


def of_every_kind():
    """A chain with each kind of step that a page knows, its statistics and weights not those of the beginning."""
    hidden = [layers.Dense(12, name) for name in ("gelu", "tanh", "sigmoid", "relu")]
    normal = layers.BatchNormalization()
    model = keras.Sequential(
        [keras.Input((28, 28)), layers.Flatten(), normal, layers.ReLU(), *hidden, layers.Dense(10, "softmax")]
    )
    rng = np.random.default_rng(2)
    normal.moving_mean.assign(rng.normal(100, 20, 784))
    normal.moving_variance.assign(rng.uniform(2000, 6000, 784))
    return model


def network(seed):
    return keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(16, "relu", kernel_initializer=keras.initializers.GlorotUniform(seed)),
            layers.Dense(10, "softmax"),
        ]
    )


def committee():
    pixels = keras.Input((28, 28))
    members = [network(seed) for seed in range(3)]
    return keras.Model(pixels, layers.Average()([member(pixels) for member in members]))


NETWORKS = {
    "float32": lambda: build_mlp(TrainConfig(hidden_units=(64, 32), batch_normalization=True, seed=3), 10),
    "float16": lambda: build_mlp(TrainConfig(hidden_units=(320, 320), seed=4), 10),
    "every kind": of_every_kind,
    "committee": committee,
}


@in_a_browser
@pytest.mark.slow
@pytest.mark.parametrize("kind", NETWORKS)
def test_a_page_gives_the_probabilities_that_onnx_runtime_gives(open_page, tmp_path, kind):
    model = NETWORKS[kind]()
    page = open_page(export_page(model, tmp_path / "page.html"))
    path = export_onnx(model, tmp_path / "model.onnx", half=kind == "float16")
    expect(page.locator("#model")).to_contain_text("float16" if kind == "float16" else "float32")
    given = np.array(page.evaluate(ASK_NETWORK, IMAGES.reshape(len(IMAGES), -1).tolist()))
    np.testing.assert_allclose(given, load_classifier(path).predict_proba(IMAGES), rtol=0, atol=1e-4)


@in_a_browser
@pytest.mark.slow
def test_998_of_1000_drawings_are_read_as_digitlab_reads_them(open_page, shipped):
    page = open_page(shipped)
    same = right = 0
    # Most on a smaller canvas, which is read in a quarter of the time.
    with ThreadPoolExecutor() as pool:
        for first in range(0, 1000, 50):
            width, height = (960, 540) if first % 500 == 0 else (480, 270)
            digits, drawings = zip(*(drawing(i, width, height) for i in range(first, first + 50)), strict=True)
            answers = page.evaluate(DRAW_AND_READ, {"drawings": drawings, "width": width, "height": height})
            expected = pool.map(labels_on, [answer["png"] for answer in answers])
            for digit, answer, labels in zip(digits, answers, expected, strict=True):
                same += answer["labels"] == labels
                right += answer["labels"] == [[digit]]
    assert same >= 998
    # Or both might agree on nothing.
    assert right >= 950


def labels_on(png):
    return [[digit.label for digit in line.digits] for line in digitlab.read_number(base64.b64decode(png))]


@in_a_browser
@pytest.mark.slow
def test_a_number_is_drawn_and_read(open_page, shipped):
    page = open_page(shipped)
    box = page.locator("#canvas").bounding_box()
    size = 0.2 * box["width"]
    for index, digit in enumerate("2048"):
        for stroke in placed(digit, box["x"] + (0.03 + 0.245 * index) * box["width"], box["y"] + 0.5 * size, size):
            page.mouse.move(*stroke[0])
            page.mouse.down()
            for point in stroke[1:]:
                page.mouse.move(*point)
            page.mouse.up()
    expect(page.locator("#text")).to_have_text("2048")
    expect(page.locator(".box")).to_have_count(4)
    expect(page.locator("#digits li:not(.unreadable)")).to_have_count(4)


@in_a_browser
@pytest.mark.slow
def test_a_picture_is_read_as_digitlab_reads_it(open_page, shipped, tmp_path):
    picture = Image.new("L", (420, 200), 210)
    for index, digit in enumerate("365"):
        for stroke in placed(digit, 20 + 130 * index, 30, 130):
            ImageDraw.Draw(picture).line(stroke, fill=50, width=9, joint="curve")
    # A shadow across the paper.
    shaded = np.asarray(picture) * np.linspace(1, 0.5, 420)
    Image.fromarray(shaded.astype(np.uint8)).save(tmp_path / "days.png")
    page = open_page(shipped)
    page.set_input_files("#file", tmp_path / "days.png")
    expect(page.locator("#text")).to_have_text("365")
    expected = [digit.box for line in digitlab.read_number(tmp_path / "days.png") for digit in line.digits]
    given = page.evaluate(READ_FILE, base64.b64encode((tmp_path / "days.png").read_bytes()).decode())
    assert np.abs(np.array(given) - expected).max() <= 1


@in_a_browser
@pytest.mark.slow
def test_a_page_can_ask_nobody(browser, shipped):
    page = browser.new_page()
    page.goto(shipped.as_uri())
    assert page.evaluate(ASK_ELSEWHERE) == "connect-src"
    page.close()


def test_a_page_is_below_two_megabytes_and_names_no_other_address(shipped):
    text = shipped.read_text()
    assert shipped.stat().st_size < MOST_BYTES
    assert [word for word in ("http://", "https://", "src=", "@import", "import(") if word in text] == []


def test_the_same_network_gives_the_same_page(shipped, tmp_path):
    assert export_page(None, tmp_path / "again.html").read_bytes() == shipped.read_bytes()


def test_a_page_of_an_onnx_file_is_that_of_its_network(tmp_path):
    model = build_mlp(TrainConfig(hidden_units=(16,), seed=1), 3)
    path = export_onnx(model, tmp_path / "three.onnx", class_names=["<a>", "b", "</script>"])
    text = export_page(path, tmp_path / "three.html").read_text()
    assert '</script>"' not in text
    assert '"\\u003ca>", "b", "\\u003c/script>"' in text
    assert "three.onnx, in this page itself, its weights as float32" in text


def test_a_network_that_fits_into_no_page_is_refused(tmp_path):
    with pytest.raises(ModelError, match="2,000,000 bytes") as caught:
        export_page(build_mlp(TrainConfig(hidden_units=(900, 300)), 10), tmp_path / "large.html")
    assert len(str(caught.value).splitlines()) == 2
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"\.html"):
        export_page(None, tmp_path / "page.htm")
    (tmp_path / "rubbish.onnx").write_bytes(b"rubbish")
    with pytest.raises(ModelError, match="digitlab export"):
        export_page(tmp_path / "rubbish.onnx", tmp_path / "page.html")
    with pytest.raises(ModelError, match="found none"):
        export_page(tmp_path / "none.onnx", tmp_path / "page.html")


def test_a_file_of_the_current_folder_gets_into_no_page(tmp_path, monkeypatch):
    """An ONNX file may say that its weights lie in another file, which the package `onnx` would read."""
    monkeypatch.chdir(tmp_path)
    model = onnx.load_model_from_string(build())
    kernel = model.graph.initializer[0]
    (tmp_path / "secret.pem").write_bytes(kernel.raw_data)
    onnx.external_data_helper.set_external_data(kernel, location="secret.pem")
    kernel.ClearField("raw_data")
    (tmp_path / "theirs.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="weights in other files"):
        export_page("theirs.onnx", tmp_path / "page.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret.pem", "theirs.onnx"]


def test_a_file_whose_nodes_are_wired_otherwise_is_refused(tmp_path):
    """A chain of layers is what a page has; here the second layer reads the pixels again."""

    def bypass(model):
        first = model.graph.node[2]
        model.graph.node.insert(2, onnx.helper.make_node("Gemm", ["rows", "square", "zeros"], ["unused"]))
        assert first.op_type == "Gemm"
        for name, values in (("square", np.ones((784, 784))), ("zeros", np.ones(784))):
            model.graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float32), name))

    (tmp_path / "theirs.onnx").write_bytes(build(change=bypass))
    with pytest.raises(ModelError, match="connected in another way"):
        export_page(tmp_path / "theirs.onnx", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_what_was_written_as_onnx_is_read_back(tmp_path):
    content = export_onnx(committee(), tmp_path / "three.onnx").read_bytes()
    members, names = read_onnx(content, "three.onnx")
    assert (len(members), names) == (3, list("0123456789"))
    assert [type(step).__name__ for step in members[2].steps] == ["Dense", "Activation", "Dense", "Activation"]
