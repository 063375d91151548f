"""What classes are called, and `--class`, which says what others mean."""

import unicodedata

import pytest

from maskwatch.core.errors import ConfigError
from maskwatch.datasets.class_names import ClassNames, parse_classes
from maskwatch.datasets.labels import Meaning

PROTECTED, UNPROTECTED, WORN_WRONG, UNKNOWN, NO_FACE = Meaning
SETS = {
    "ours": ("protected", "unprotected", "worn_wrong", "unknown"),
    "Kaggle": ("with_mask", "without_mask", "mask_weared_incorrect"),
    "written otherwise": ("WithMask", "Without-Mask", " Mask weared  incorrect"),
    "Roboflow": ("mask", "no-mask", "incorrect_mask"),
    "three words": ("good", "none", "bad"),
    "Korean": ("착용", "미착용"),
    "Korean, decomposed": tuple(
        unicodedata.normalize("NFD", name) for name in ("마스크 착용", "마스크_미착용")
    ),
    "wide letters": ("\uff4d\uff41\uff53\uff4b", "\uff2e\uff4f \uff4d\uff41\uff53\uff4b"),
    "AIZOO": ("face_mask", "face"),
}


@pytest.mark.parametrize("name", SETS)
def test_the_usual_names_are_known_however_they_are_spelled(name):
    names = SETS[name]
    found = [ClassNames().meaning(each, beside=names) for each in names]
    assert found == [PROTECTED, UNPROTECTED, WORN_WRONG, UNKNOWN][: len(names)]


def test_a_face_is_a_bare_one_only_where_masked_ones_are_called_face_mask():
    assert ClassNames().meaning("face", beside=["face", "with_mask"]) is None
    assert ClassNames().meaning("Face", beside=["Face", "Face Mask"]) is UNPROTECTED
    assert ClassNames().meaning("person") is None
    assert ClassNames().meaning("") is None


def test_what_a_person_says_of_a_class_goes_before_its_usual_meaning():
    names = parse_classes(["a=b=protected", "Mask On=worn_wrong", "HAT=no_face", "7 = unknown", "쓴=착용"])
    assert [names.meaning(each) for each in ("a=b", "mask_on", "hat", "7", "쓴", "mask")] == [
        PROTECTED,
        WORN_WRONG,
        NO_FACE,
        UNKNOWN,
        PROTECTED,
        PROTECTED,
    ]
    assert names.is_said("Hat")
    assert not names.is_said("mask")


@pytest.mark.parametrize("texts", [["hat"], ["=protected"], ["hat="], ["hat=scarf"], ["h=mask", "H=no_mask"]])
def test_what_says_nothing_of_a_class_is_refused(texts):
    with pytest.raises(ConfigError, match="--class: "):
        parse_classes(texts)
