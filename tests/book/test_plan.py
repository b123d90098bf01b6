"""What is planned for a question of the reader, and what is refused before anything runs."""

import pytest

from avlib.claims import claims
from avlib.errors import AvlibError
from avlib.profiles import of
from book.places import Places
from book.plan import declared, plan, profiles, words


def test_a_page_has_the_parameters_of_the_profile_over_those_of_the_notebook(checkout):
    first, second = plan("laptop", places=checkout.places)
    assert (first.slot, first.variant, first.profile) == ("10_first", "synthav", "laptop")
    assert first.parameters == {"profile": "laptop", "dataset": "synthav", "epsilon": 1.0}
    assert second.document == "notebooks/20_second"


def test_a_page_of_its_own_data_set_is_one_more_page(checkout):
    profile = checkout.places.profiles / "smoke.yml"
    profile.write_text(profile.read_text() + "  20_second@avdigits: {dataset: avdigits, epsilon: 3/10}\n")
    *_, page = plan("smoke", places=checkout.places)
    assert (page.slot, page.name) == ("20_second@avdigits", "20_second@avdigits,epsilon=0.3")
    assert page.parameters == {"profile": "smoke", "dataset": "avdigits", "epsilon": 0.3}
    assert checkout.places.executed(page).name == "20_second@avdigits,epsilon=0.3.ipynb"
    assert page.document == "notebooks/20_second-avdigits"  # an @ in an address is asking for trouble


def test_a_data_set_that_is_asked_for_takes_the_place_of_the_default_one(checkout):
    profile = checkout.places.profiles / "smoke.yml"
    profile.write_text(profile.read_text() + "  20_second@avdigits: {dataset: avdigits}\n")
    pages = plan("smoke", dataset="avdigits", places=checkout.places)
    assert [(page.slot, page.name) for page in pages] == [
        ("10_first", "10_first@avdigits"),
        ("20_second", "20_second@avdigits"),
    ]


def test_an_override_reaches_the_notebooks_that_have_the_parameter(checkout):
    source = checkout.places.notebooks / "20_second.ipynb"
    source.write_text(source.read_text().replace("epsilon: float = 1.0", "steps: int = 5"))
    first, second = plan("smoke", overrides={"epsilon": "8/255"}, places=checkout.places)
    assert first.parameters["epsilon"] == pytest.approx(8 / 255)
    assert first.name == "10_first@synthav,epsilon=0.0313725"
    assert (second.name, second.parameters["steps"]) == ("20_second", 5)


def test_only_chooses_by_beginning(checkout):
    assert [page.slot for page in plan("smoke", only="2", places=checkout.places)] == ["20_second"]
    assert len(plan("smoke", only="10, 20", places=checkout.places)) == 2


def test_the_profiles_own_parameters_make_a_page_of_its_own(checkout):
    profile = checkout.places.profiles / "smoke.yml"
    profile.write_text(profile.read_text() + "  20_second@far: {epsilon: 3}\n  20_second@same: {epsilon: 1}\n")
    first, second, far, same = plan("smoke", places=checkout.places)
    assert (far.slot, far.variant) == ("20_second@far", "synthav,epsilon=3")
    assert checkout.places.results(far) != checkout.places.results(second)
    assert same.name == second.name == "20_second"  # nothing differs, so it is one page at two places
    [_, _, far, _] = plan("smoke", dataset="avdigits", places=checkout.places)
    assert far.variant == "avdigits,epsilon=3"  # no data set of its own: it follows DATASET
    [default, *_] = plan("smoke", overrides={"epsilon": "1.0"}, places=checkout.places)
    assert default == first


def _reading(checkout, first: str, second: str) -> None:
    text = f"limit: 60\nparameters: {{profile: smoke}}\npages:\n  10_first: {first}\n  20_second: {second}\n"
    (checkout.places.profiles / "smoke.yml").write_text(text)


def test_a_chosen_page_brings_the_pages_that_it_reads(checkout):
    _reading(checkout, "{inputs: [20_second]}", "{}")
    first, second = plan("smoke", only="10", overrides={"epsilon": "2"}, places=checkout.places)
    assert first.inputs == (second,)
    assert second.name == "20_second@synthav,epsilon=2"
    assert [page.slot for page in plan("smoke", only="20", places=checkout.places)] == ["20_second"]


def test_a_page_says_what_its_data_set_must_have(checkout):
    _reading(checkout, "{}", "{needs: [video], epsilon: 2}")
    first, second = plan("smoke", places=checkout.places)
    assert (first.needs, second.needs) == ((), ("video",))
    assert second.parameters["epsilon"] == 2  # what a page needs is no parameter of it


def test_a_page_may_do_without_inputs_that_lack_their_data(checkout):
    _reading(checkout, "{inputs: [20_second], partial: true}", "{}")
    first, second = plan("smoke", places=checkout.places)
    assert (first.partial, second.partial) == (True, False)
    assert "partial" not in first.parameters


@pytest.mark.parametrize("profile", profiles(Places()))
def test_the_ledger_reads_every_page_that_decides_a_claim(profile):
    pages = {page.slot: page for page in plan(profile)}
    own = "14_what_holds"
    deciding = {claim.rule.page for claim in claims() if claim.rule} - {own}
    assert {one.slot for one in pages[own].inputs} == deciding
    assert pages[own].partial


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("{inputs: [30_third]}", "{}", "smoke.yml: 10_first reads 30_third, which is no page of that profile"),
        ("{inputs: [20_second]}", "{inputs: [10_first]}", "smoke.yml: pages read each other: 10_first ← 20_second"),
        ("{inputs: [10_first]}", "{}", "smoke.yml: pages read each other: 10_first ← 10_first"),
    ],
)
def test_inputs_that_cannot_be_are_refused_in_one_line(checkout, first, second, told):
    _reading(checkout, first, second)
    with pytest.raises(AvlibError) as caught:
        plan("smoke", places=checkout.places)
    assert told in str(caught.value) or told.replace("10_first ← 20_second", "20_second ← 10_first") in str(
        caught.value
    )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({"profile": "huge"}, r"^PROFILE=huge is unknown; there are: smoke, laptop"),
        ({"only": "03"}, r"^ONLY=03 matches no page; there are: 10_first, 20_second$"),
        ({"dataset": "esc50"}, r"^10_first: parameter dataset = 'esc50' is refused: .*'avdigits'"),
        ({"overrides": {"epsilon": "loud"}}, r"^10_first: parameter epsilon = 'loud' is refused: .*radius"),
        ({"overrides": {"epsilon": "0"}}, r"^10_first: parameter epsilon = '0' is refused: .*greater than 0"),
        ({"overrides": {"steps": "5"}}, r"^no chosen notebook has a parameter 'steps'; they have: dataset, epsilon, p"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(checkout, question, told):
    with pytest.raises(AvlibError, match=told) as caught:
        plan(**{"profile": "smoke", "places": checkout.places, **question})
    assert "\n" not in str(caught.value)


def test_a_clip_that_the_profile_does_not_have_is_refused(checkout):
    source = checkout.places.notebooks / "20_second.ipynb"
    source.write_text(source.read_text().replace("epsilon: float = 1.0", "clip: int = 0"))
    _, page = plan("laptop", overrides={"clip": "127"}, places=checkout.places)
    assert page.parameters["clip"] == 127
    victims = of("smoke").victims
    with pytest.raises(
        AvlibError, match=rf"^20_second: parameter clip = '127' is refused: .* {victims} on synthav at the"
    ):
        plan("smoke", overrides={"clip": "127"}, places=checkout.places)


def test_a_wrong_value_in_a_profile_is_refused_too(checkout):
    profile = checkout.places.profiles / "smoke.yml"
    profile.write_text(profile.read_text().replace("20_second: {}", "20_second: {epsilom: 1}"))
    with pytest.raises(AvlibError, match="20_second has no parameter 'epsilom'; it has: dataset, epsilon, profile"):
        plan("smoke", places=checkout.places)


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("epsilon = 1.0", "must hold annotated literals only"),
        ("epsilon: float", "must hold annotated literals only"),
        ("epsilon: float = 2 * radius", "must hold annotated literals only"),
        ("epsilon: float = (", "must hold annotated literals only"),
    ],
)
def test_parameters_that_are_not_literals_are_refused(checkout, cell, told):
    source = checkout.places.notebooks / "10_first.ipynb"
    source.write_text(source.read_text().replace("epsilon: float = 1.0", cell))
    with pytest.raises(AvlibError, match=told):
        plan("smoke", places=checkout.places)


def test_a_notebook_without_parameters_is_refused(checkout):
    source = checkout.places.notebooks / "10_first.ipynb"
    source.write_text(source.read_text().replace('"parameters"', '"other"'))
    with pytest.raises(AvlibError, match=r"10_first.ipynb has no cell tagged 'parameters'"):
        declared(source)


def test_a_page_without_a_notebook_is_refused(checkout):
    (checkout.places.notebooks / "20_second.ipynb").unlink()
    with pytest.raises(AvlibError, match=r"book/profiles/smoke.yml names 20_second, and notebooks/ has no such"):
        plan("smoke", places=checkout.places)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("epsilon", "'epsilon' is not name=value"),
        ("epsilom=1", "'epsilom=1' is not name=value with a name the book knows; it knows: profile, dataset"),
        ("epsilon=1 profile=full", "'profile=full' is refused: write PROFILE=full instead"),
        ("dataset=avdigits", "'dataset=avdigits' is refused: write DATASET=avdigits instead"),
        ("norm=2 steps=3 norm=2", "^PARAMS: norm is given twice: norm=2 and norm=2$"),
    ],
)
def test_words_that_are_no_parameters_are_refused(text, told):
    with pytest.raises(AvlibError, match=told):
        words(text)


def test_words_are_split_at_blanks():
    assert words("") == {}
    assert words("epsilon=8/255  norm=inf") == {"epsilon": "8/255", "norm": "inf"}


def test_the_profiles_of_the_book_can_be_planned():
    assert {"smoke", "laptop"} <= set(profiles(Places()))
    for profile in profiles(Places()):
        for page in plan(profile):
            assert page.parameters["profile"] == profile
