"""What makes the shipped network's card: every blank is filled, and the harder forms are what they are called."""

import re
import string
import sys
from pathlib import Path

import numpy as np
import pytest

TOOLS = Path(__file__).parents[1] / "tools"


@pytest.fixture(scope="module")
def tools():
    sys.path.insert(0, str(TOOLS))
    try:
        import make_model
        import weaknesses
    finally:
        sys.path.remove(str(TOOLS))
    return make_model, weaknesses


def test_every_blank_of_the_card_is_filled_and_nothing_else_is_given(tools):
    make_model, _ = tools
    source = Path(make_model.__file__).read_text("utf-8")
    call = source[source.index("template.substitute(") :]
    given = set(re.findall(r"^        (\w+)=", call[: call.index("\n    )")], re.MULTILINE))
    template = string.Template((TOOLS / "model_card.md").read_text("utf-8"))
    assert given == set(template.get_identifiers())


def test_the_harder_forms_are_uint8_pictures_of_the_same_digits(tools):
    _, weaknesses = tools
    image = np.zeros((2, 28, 28), np.uint8)
    image[:, 6:22, 12:16] = 200
    forms = dict(weaknesses.hard_forms(image))
    assert all(form.shape == image.shape and form.dtype == np.uint8 for form in forms.values())
    np.testing.assert_array_equal(forms["as they are"], image)
    np.testing.assert_array_equal(forms["dark on white, not inverted"], 255 - image)
    columns = forms["shifted 2 pixels to the right"][0].any(axis=0)
    np.testing.assert_array_equal(np.flatnonzero(columns), [14, 15, 16, 17])
    rows = forms["0.6 times as large"][0].any(axis=1)
    assert 8 <= rows.sum() <= 12  # 16 rows at 0.6, and a soft edge
