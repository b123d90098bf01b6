"""Parameters of the notebooks: what is understood, what is refused, and in which words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avlib import profiles
from avlib.errors import AvlibError
from avlib.parameters import Parameters, check, variant

EVERY = set(Parameters.model_fields)


@pytest.mark.parametrize(
    ("name", "value", "understood"),
    [
        ("epsilon", "8/255", 8 / 255),
        ("epsilon", " 8 / 255 ", 8 / 255),
        ("epsilon", "0.3", 0.3),
        ("epsilon", "1e-3", 1e-3),  # YAML leaves this a string
        ("epsilon", 1, 1.0),
        ("norm", "inf", math.inf),
        ("norm", "Infinity", math.inf),
        ("norm", 2, 2.0),
        ("steps", "20", 20),
        ("steps", 20.0, 20),
        ("seed", "0", 0),
        ("profile", "paper", "paper"),
    ],
)
def test_values_as_they_come_from_a_command_line_or_a_yaml_file(name, value, understood):
    checked = check({name: value}, {name}, "03")[name]
    assert checked == understood
    assert type(checked) is type(understood)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epsilon", "loud"),
        ("epsilon", "8/0"),
        ("epsilon", "8/x"),
        ("epsilon", "1/2/3"),
        ("epsilon", "9" * 400 + "/1"),
        ("epsilon", 0),
        ("epsilon", -1),
        ("epsilon", 101),
        ("epsilon", math.inf),
        ("epsilon", math.nan),
        ("epsilon", None),
        ("epsilon", True),
        ("epsilon", [1.0]),
        ("norm", 3),
        ("norm", 0),
        ("norm", "max"),
        ("norm", math.nan),
        ("steps", 0),
        ("steps", 2.5),
        ("steps", "1/2"),
        ("steps", "many"),
        ("steps", True),
        ("seed", -1),
        ("seed", 2**31),
        ("clip", "first"),
        ("profile", "huge"),
        ("profile", 3),
        ("dataset", "esc50"),
        ("dataset", ""),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_with_its_name_and_meaning(name, value):
    with pytest.raises(AvlibError) as caught:
        check({name: value}, EVERY, "03")
    told = str(caught.value)
    assert told.startswith(f"03: parameter {name} = {value!r} is refused: ")
    assert "\n" not in told
    assert told.endswith(f"({Parameters.model_fields[name].description})")


@pytest.mark.parametrize(
    ("name", "allowed"), [("norm", "1, 2 or inf"), ("profile", "'laptop'"), ("epsilon", "0.3 or 8")]
)
def test_what_is_allowed_is_said(name, allowed):
    with pytest.raises(AvlibError, match=allowed):
        check({name: "x/y" if name == "epsilon" else "7"}, EVERY, "03")


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_fraction_is_the_number_it_is(above, below):
    if above / below <= 100:
        assert check({"epsilon": f"{above}/{below}"}, {"epsilon"}, "03")["epsilon"] == above / below


def test_a_parameter_that_the_notebook_lacks_is_refused_even_if_the_book_knows_it():
    with pytest.raises(AvlibError, match=r"^03 has no parameter 'steps'; it has: epsilon, norm$"):
        check({"steps": 5}, {"epsilon", "norm"}, "03")


def test_every_parameter_says_what_it_means_and_its_default_is_allowed():
    assert all(field.description for field in Parameters.model_fields.values())
    defaults = Parameters().model_dump()
    assert check(dict(defaults), EVERY, "03") == defaults


def test_a_run_is_named_by_its_data_and_what_is_not_the_default():
    defaults = {"profile": "smoke", "dataset": "synthav", "steps": 10, "norm": 2.0, "epsilon": 1.0}
    assert variant(defaults, defaults) == "synthav"
    assert variant({**defaults, "profile": "full"}, defaults) == "synthav"
    assert variant({**defaults, "dataset": "avdigits"}, defaults) == "avdigits"
    changed = {"dataset": "avdigits", "steps": 20, "norm": math.inf}
    assert variant({**defaults, **changed}, defaults) == "avdigits,norm=inf,steps=20"


# --- which clip -------------------------------------------------------------------------------------------------------


def _clip(clip, **values):
    values = {"profile": "smoke", "dataset": "synthav", "clip": clip, **values}
    return check(values, set(values), "03")["clip"]


@pytest.mark.parametrize("profile", profiles.NAMES)
def test_the_last_clip_that_every_chapter_can_show_is_allowed_and_the_next_is_refused(profile):
    size = profiles.of(profile)
    count = min(size.clips[2], size.victims)
    assert _clip(count - 1, profile=profile) == count - 1
    with pytest.raises(AvlibError) as caught:
        _clip(count, profile=profile)
    told = f"03: parameter clip = {count} is refused: Input should be less than {count} on synthav at the profile"
    assert str(caught.value).startswith(f"{told} {profile} (which clip")


def test_clips_of_ones_own_media_are_counted_in_the_manifest(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    lines = [f"{number},{number}.wav,a,{split}" for number, split in enumerate(["train", "valid", *["eval"] * 5])]
    (tmp_path / "folder" / "manifest.csv").write_text("clip,media,labels,split\n" + "\n".join(lines) + "\n")
    monkeypatch.setenv("AVLIB_DATA", str(tmp_path))
    assert _clip(4, dataset="folder") == 4
    with pytest.raises(AvlibError, match="clip = 5 is refused: Input should be less than 5 on folder at the profile"):
        _clip(5, dataset="folder")


def test_where_the_media_are_missing_it_is_the_data_set_that_says_so(monkeypatch):
    monkeypatch.delenv("AVLIB_DATA", raising=False)
    assert _clip(10**6, dataset="folder") == 10**6


def test_the_first_clip_is_allowed_without_a_look_at_the_data(monkeypatch):
    monkeypatch.setattr("avlib.parameters.sizes", None)
    assert _clip(0) == 0
