"""What a notebook shows and leaves behind, and how it refuses a wrong parameter."""

import io
import json
import re
import time
import types
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import papermill
import pytest
import soundfile
import torch
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from avlib import clock, notebook, text
from avlib.claims import claims
from avlib.errors import AvlibError
from avlib.files import CHECKOUT
from avlib.metrics import interval
from avlib.notebook import Run, begin
from avlib.provenance import digest, forget, notebook_digest, results_digest, used
from avlib.published import published

PARAMETERS = """profile: str = "smoke"  # size
dataset: str = "synthav"  # data set
epsilon: float = 1.0  # radius"""
INJECTED = "# Parameters\nepsilon = {}\n"


@pytest.fixture(autouse=True)
def _nobody_chose(monkeypatch):
    for name in ("AVLIB_OUT", "AVLIB_VARIANT", "AVLIB_INPUTS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def shown(monkeypatch):
    """What the notebook displays, as (object, options)."""
    outputs: list[tuple[object, dict]] = []
    monkeypatch.setattr(notebook, "display", lambda item, **options: outputs.append((item, options)))
    return outputs


@pytest.fixture
def run(tmp_path, monkeypatch, shown):
    monkeypatch.setenv("AVLIB_OUT", str(tmp_path))
    forget()
    values = {"profile": "smoke", "dataset": "synthav", "norm": float("inf")}
    return Run("03_breaking", values, values)


def _namespace(*cells: str) -> dict:
    """Globals of a notebook in which `cells` have run."""
    space: dict = {"In": ["", *cells]}
    for cell in cells:
        exec(cell, space)
    space.pop("__annotations__", None)  # from Python 3.14 on they are not kept
    return space


def _record(run: Run) -> dict:
    return json.loads((run.results_folder / f"{run.page}.json").read_text())


def test_begin_makes_numbers_of_what_papermill_injects():
    space = _namespace(PARAMETERS, INJECTED.format("'8/255'"))
    run = begin("03_breaking", space)
    assert space["epsilon"] == run.parameters["epsilon"] == 8 / 255
    assert run.page == "03_breaking@synthav,epsilon=0.0313725"


def test_a_value_that_is_the_default_changes_no_name():
    assert begin("03_breaking", _namespace(PARAMETERS, INJECTED.format("1"))).variant == "synthav"
    assert begin("03_breaking", _namespace(PARAMETERS, "# Parameters\nprofile = 'full'\n")).variant == "synthav"
    assert begin("03_breaking", _namespace(PARAMETERS, "# Parameters\ndataset = 'folder'\n")).variant == "folder"


def test_a_person_may_type_a_fraction_into_the_cell():
    space = _namespace(PARAMETERS.replace("1.0", "8/255"))
    assert begin("03_breaking", space).parameters["epsilon"] == 8 / 255


def test_the_parameters_are_those_of_their_own_cell():
    space = _namespace("x: int = 3", PARAMETERS, "y: float = 2.0")
    assert set(begin("03_breaking", space).parameters) == {"profile", "dataset", "epsilon"}
    with pytest.raises(AvlibError, match="03_breaking: run the cell of the parameters first"):
        begin("03_breaking", _namespace("x = 1"))


def test_where_a_runner_keeps_no_history_the_parameters_are_read_from_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = [new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), new_code_cell("x = 1")]
    nbformat.write(new_notebook(cells=cells), "03_breaking.ipynb")
    run = begin("03_breaking", {**_namespace(PARAMETERS), "In": [""], "epsilon": 2})
    assert (run.parameters["epsilon"], run.variant) == (2.0, "synthav,epsilon=2")


def test_begin_refuses_what_the_notebook_does_not_have():
    with pytest.raises(AvlibError, match="03_breaking has no parameter 'epsilom'; it has: dataset, epsilon, profile"):
        begin("03_breaking", _namespace(PARAMETERS, "# Parameters\nepsilom = 2\n"))
    with pytest.raises(AvlibError, match="has no parameter 'steps'"):  # known to the book, not to this notebook
        begin("03_breaking", _namespace(PARAMETERS, "# Parameters\nsteps = 2\n"))


@pytest.mark.parametrize(
    ("cells", "value"), [([PARAMETERS.replace("1.0", "-1")], "-1"), ([PARAMETERS, INJECTED.format("'loud'")], "'loud'")]
)
def test_begin_refuses_a_wrong_value_typed_or_injected_in_one_line(cells, value):
    with pytest.raises(AvlibError, match=f"^03_breaking: parameter epsilon = {value} is refused: [^\n]*radius[^\n]*$"):
        begin("03_breaking", _namespace(*cells))


def test_names_of_the_notebook_itself_are_no_parameters():
    assert begin("03_breaking", _namespace(PARAMETERS, "import math\nx = 1")).variant == "synthav"


def test_a_reader_who_calls_papermill_gets_one_line_in_the_first_cell(tmp_path):
    cells = [
        new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        new_code_cell('from avlib.notebook import begin\n\nrun = begin("03_breaking", globals())'),
        new_code_cell('open("reached", "w")'),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), tmp_path / "03_breaking.ipynb")
    with pytest.raises(papermill.PapermillExecutionError):
        papermill.execute_notebook(
            tmp_path / "03_breaking.ipynb",
            tmp_path / "out.ipynb",
            {"epsilom": 1},
            kernel_name="python3",
            cwd=tmp_path,
            progress_bar=False,
        )
    executed = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    [error] = [o for c in executed.cells for o in c.get("outputs", []) if o.output_type == "error"]
    [line] = error.traceback
    assert line.startswith("AvlibError: 03_breaking")
    assert "epsilom" in line
    assert "\n" not in line
    assert not (tmp_path / "reached").exists()


def test_numbers_and_intervals_are_kept_and_can_be_cited(run, shown):
    run.result("map", torch.tensor(0.5), seeds=[0, 1])
    drop = interval(0.25, np.array([0.25, 0.375]), level=1, seeds=3, clips=900)
    run.result("drop", drop, unit="mAP")
    run.finish()
    values = _record(run)["values"]
    assert values["map"] == {"value": 0.5, "seeds": [0, 1]}
    assert values["drop"] == {
        "value": 0.1875,
        "low": 0.125,
        "high": 0.25,
        "plain": 0.25,  # 2·.25 − mean, and mirrored ends
        "seeds": 3,
        "clips": 900,
        "unit": "mAP",
    }


def test_the_results_say_where_they_come_from(run, tmp_path):
    run.finish(types.SimpleNamespace(checksum="abc"))
    assert (tmp_path / "results" / "smoke" / "03_breaking@synthav.json").exists()
    told = _record(run)["provenance"]
    assert told["data checksum"] == "abc"
    assert told["parameters"] == {"profile": "smoke", "dataset": "synthav", "norm": "inf"}
    assert {"notebook", "variant", "avlib", "torch", "python", "device", "seconds"} <= told.keys()


def test_the_results_say_where_the_time_went_and_are_the_same_results_however_long_it_took(run, shown):
    clock.restart()
    run.finish()
    told, path = _record(run)["provenance"]["spent"], run.results_folder / f"{run.page}.json"
    assert told == dict.fromkeys(clock.KINDS, 0.0)
    before = results_digest(path)
    with clock.spent("training"):
        time.sleep(0.1)
    run.figure("curve", (plt.figure(), {}))
    run.finish()
    assert _record(run)["provenance"]["spent"]["training"] >= 0.1
    assert clock.seconds()["drawing"] > 0
    record = json.loads(path.read_text())
    del record["figures"]["curve"]
    path.write_text(json.dumps(record))
    assert results_digest(path) == before
    begin("03_breaking", _namespace(PARAMETERS))  # a run begins with nothing
    assert clock.seconds() == dict.fromkeys(clock.KINDS, 0.0)


def test_the_results_say_which_code_made_them(run, tmp_path, monkeypatch):
    run.finish()
    assert _record(run)["provenance"]["code"] == "none"
    monkeypatch.chdir(tmp_path)
    codes = []
    for source, prose in (("x = 1", "text"), ("x = 1  # one", "other text"), ("x = 2", "text")):
        nbformat.write(new_notebook(cells=[new_code_cell(source), new_markdown_cell(prose)]), "03_breaking.ipynb")
        again = Run("03_breaking", run.parameters, run.parameters)
        again.finish()
        codes.append(_record(again)["provenance"]["code"])
    assert codes[0] == codes[1] != codes[2] == notebook_digest(tmp_path / "03_breaking.ipynb")


def test_the_results_say_what_the_run_opened(run):
    published("P1", 4)
    run.finish()
    assert _record(run)["provenance"]["used"] == {
        "data": {},
        "file": {"data/published.csv": digest(CHECKOUT / "data" / "published.csv")},
        "page": {},
    }
    begin("03_breaking", _namespace(PARAMETERS)).finish()  # a run begins with nothing
    assert _record(run)["provenance"]["used"] == {"data": {}, "file": {}, "page": {}}


def test_another_page_can_be_read_if_it_is_an_input(run, tmp_path, monkeypatch):
    run.result("map", 0.5)
    run.finish()
    path = run.results_folder / f"{run.page}.json"
    reader = Run("05", {"profile": "smoke"}, {})
    assert reader.results("03_breaking") == {"map": {"value": 0.5}}  # nobody planned this run
    monkeypatch.setenv("AVLIB_INPUTS", json.dumps({"03_breaking@far": str(path), "04": str(tmp_path / "none.json")}))
    assert reader.results("03_breaking@far") == {"map": {"value": 0.5}}
    assert used()["page"]["03_breaking@far"] == results_digest(path)
    with pytest.raises(AvlibError, match="05 reads '03_breaking': list it among the inputs of its entry"):
        reader.results("03_breaking")
    with pytest.raises(AvlibError, match=r"no results of 04 at .*none.json: make book PROFILE=smoke ONLY=04"):
        reader.results("04")


def test_a_page_that_was_missed_is_noted_as_much_as_one_that_was_read(run, tmp_path, monkeypatch):
    reader = Run("05", {"profile": "smoke", "dataset": "avdigits"}, {})
    with pytest.raises(AvlibError, match=r"no results of 04 at .*04@avdigits\.json"):  # of the same data set
        reader.record("04")
    monkeypatch.setenv("AVLIB_INPUTS", "{}")
    with pytest.raises(AvlibError, match="list it among the inputs"):
        reader.record("03")
    assert {page: used()["page"][page] for page in ("03", "04")} == {"03": "none", "04": "none"}


def test_where_nobody_planned_each_page_is_read_on_its_usual_data_set(run):
    eye = "13_when_the_eye_dominates"
    other = Run(eye, {"profile": "smoke", "dataset": "avkinetics"}, {})
    other.result("map", 0.5)
    other.finish()
    assert Run("14", {"profile": "smoke", "dataset": "synthav"}, {}).results(eye) == {"map": {"value": 0.5}}
    with pytest.raises(AvlibError, match=r"13_when_the_eye_dominates@avdigits\.json"):
        Run("14", {"profile": "smoke", "dataset": "avdigits"}, {}).results(eye)


def test_the_ledger_shows_what_pages_left_and_does_without_the_others(run, shown, monkeypatch):
    claim = next(claim for claim in claims() if claim.id == "P1.9")
    page, rule = claim.rule.page, claim.rule
    other = Run(page, {"profile": "smoke", "dataset": "avdigits"}, {"dataset": "avdigits"})
    other.result(rule.effect, 0.2, low=0.1, high=0.3, seeds=rule.seeds, clips=rule.clips)
    other.finish()
    entries = Run("14", {"profile": "smoke", "dataset": "avdigits"}, {}).ledger()
    standings = {entry.claim.id: entry.standing(entry.here) for entry in entries}
    assert standings.pop("P1.9") == "holds"
    assert set(standings.values()) == {"not run here", "awaits its test"}
    assert "0.200 [0.100, 0.300] on avdigits" in shown[-1][0].data
    other.values.clear()  # its own numbers count as they are, before the page is done
    mine = {entry.claim.id: entry.standing(entry.here) for entry in other.ledger()}
    assert mine["P1.9"] == "cannot be decided here"


def test_results_of_a_rerun_replace_the_old_ones_whole(run):
    run.result("map", 0.5)
    run.finish()
    again = Run("03_breaking", run.parameters, run.parameters)
    again.finish()
    assert _record(run)["values"] == {}


def test_the_variant_that_the_runner_chose_names_the_results(monkeypatch, tmp_path):
    monkeypatch.setenv("AVLIB_VARIANT", "avdigits,steps=5")
    assert Run("04", {"profile": "laptop"}, {}).page == "04@avdigits,steps=5"


def test_a_figure_is_shown_once_and_its_data_kept(run, shown):
    figure, axis = plt.subplots()
    axis.plot([1, 2])
    large = np.arange(10_000.0)
    run.figure("loss", (figure, {"loss": [1.0, 2.0], "name": ["a", "b"], "large": large, "flag": [True]}))
    assert [item.data.count("<svg ") for item, _ in shown] == [2]  # for a wide page and for a narrow one
    assert not plt.fignum_exists(figure.number)  # else the notebook would show it again at the end of the cell
    run.finish()
    kept = _record(run)["figures"]["loss"]
    assert kept["loss"] == {"shape": [2], "numbers": [1.0, 2.0]}
    assert kept["name"] == {"shape": [2], "text": ["a", "b"]}
    assert kept["large"] == {"shape": [10_000], "numbers": [large.mean(), large.std(), 0.0, 9999.0]}
    assert kept["flag"]["numbers"] == [1.0]


def test_the_data_of_a_figure_may_be_a_table(run):
    run.figure("loss", (plt.figure(), pd.DataFrame({"loss": [1.0, 2.0]})))
    run.finish()
    assert _record(run)["figures"]["loss"]["loss"]["numbers"] == [1.0, 2.0]


def test_a_table_is_the_same_text_at_every_run(run, shown):
    for _ in range(2):
        run.table(pd.DataFrame({"class": ["siren"], "AP": [0.123456]}), AP="{:.3f}")
    first, second = (item for item, _ in shown)
    assert first == second
    for form in ("text/html", "text/markdown"):
        assert "0.123" in first[form]
        assert "0.1234" not in first[form]


def test_a_table_is_numbers_to_the_right_and_nothing_is_a_dash(run, shown):
    run.table(pd.DataFrame({"AP": [0.5, None], "n": [3, 4]}, index=["a|b", "c"]), AP="{:.1f}")
    assert shown[0][0]["text/markdown"].splitlines() == [
        "|  | AP | n |", "|:---|---:|---:|", "| a&#124;b | 0.5 | 3 |", "| c | – | 4 |"
    ]  # fmt: skip


def test_a_table_keeps_the_columns_that_it_is_told_to(run):
    table = pd.DataFrame({"mAP": [0.5, 0.25], "other": [1.0, 2.0]}, index=["no attack", "PGD"])
    run.table(table, keep={"mAP": "mAP_{}"})
    run.finish()
    assert {key: entry["value"] for key, entry in _record(run)["values"].items()} == {
        "mAP_no_attack": 0.5,
        "mAP_PGD": 0.25,
    }


def test_a_result_can_be_said_where_it_is_kept(run, shown):
    run.say(f"mAP **{run.result('mAP', 0.25):.3f}**")
    run.finish()
    assert shown[0][0].data == "mAP **0.250**"
    assert _record(run)["values"] == {"mAP": {"value": 0.25}}


def test_players_share_one_gain_and_lie_beside_the_page(run, shown, tmp_path):
    quiet, loud = torch.sin(torch.arange(1600.0)) * 0.1, torch.sin(torch.arange(1600.0)) * 4
    run.listen("pgd", {"clean": quiet, "difference, × 10": loud}, 16000)
    folder = tmp_path / "media" / "smoke" / "03_breaking@synthav"
    waves = {p.stem: soundfile.read(p)[0] for p in folder.iterdir()}
    assert set(waves) == {"pgd-1-clean", "pgd-2-difference-x-10"}
    assert np.abs(waves["pgd-2-difference-x-10"]).max() == pytest.approx(0.9, abs=1e-3)
    assert np.abs(waves["pgd-1-clean"]).max() == pytest.approx(0.9 / 40, abs=1e-3)
    html = shown[0][0].data
    assert 'src="media/03_breaking@synthav/pgd-1-clean.wav"' in html
    assert 'aria-label="clean"' in html


def test_players_with_nearly_equal_labels_have_sounds_of_their_own(run, shown, tmp_path):
    waves = {label: torch.full((160,), level) for label, level in (("δ, × 1", 0.1), ("δ, × 2", 0.2), ("δ × 2", 0.4))}
    run.listen("pgd", waves, 16000)
    played = re.findall('src="media/(.*?)"', shown[0][0].data)
    levels = [soundfile.read(tmp_path / "media" / "smoke" / name)[0].max() for name in played]
    assert levels == pytest.approx([0.225, 0.45, 0.9], abs=1e-3)


def test_a_player_may_have_a_picture_and_words(run, shown, tmp_path):
    image = np.zeros((2, 4, 3))
    image[0, 3] = [1, 0, 0]
    run.listen("palette", {"Siren": torch.ones(160)}, 16000, {"Siren": (image, 'a <tone> of "450" Hz')})
    html = shown[0][0].data
    source = "media/03_breaking@synthav/palette-1-siren.png"
    assert f'<img src="{source}" alt="Siren: a &lt;tone&gt; of &quot;450&quot; Hz"' in html
    assert '<strong>Siren</strong><br>a &lt;tone&gt; of "450" Hz</figcaption>' in html
    assert np.allclose(plt.imread(tmp_path / "media" / "smoke" / source.removeprefix("media/"))[..., :3], image)


def test_a_label_is_text(run, shown):
    run.listen("pgd", {'ε < "1"': torch.ones(160)}, 16000)
    assert 'aria-label="ε &lt; &quot;1&quot;"' in shown[0][0].data


ODD = ["<script>alert(1)</script>", "![x](y.png)", r"$\frac{$", r"\(\frac\)", "*a* `b` _c_ [d](e) ~f~", "a\0b & c"]


class _Page(HTMLParser):
    """What a browser shows of a page, and the tags that are on it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.words.append(data)


def _mathematics(page: _Page) -> list[str]:
    """Pieces of text, from tag to tag, in which MathJax would find a formula."""
    return [words for words in page.words if re.search(r"\$.*\$|\\[(\[]|\\begin", words, re.DOTALL)]


@pytest.mark.parametrize("name", ODD)
def test_names_from_data_are_text_wherever_they_are_shown(run, shown, name):
    seen = name.replace("\0", "␀")
    text.called([text.clean(name)])
    run.say(f"**Best**: *{seen}*, then {', '.join([seen, 'siren'])}.\n\n- {seen} is $x_1$")
    run.table(pd.DataFrame({"class": [name], name: [0.5]}, index=[name]), **{name: "{:.2f}"})
    run.listen("odd", {name: torch.ones(160)}, 16000)
    said, table, players = (item if isinstance(item, dict) else item.data for item, _ in shown)
    parser = MarkdownIt("commonmark").enable(["strikethrough", "table"]).use(dollarmath_plugin)
    prose, piped = _Page(parser.render(said)), _Page(parser.render(table["text/markdown"]))
    assert "".join(prose.words) == f"Best: {seen}, then {seen}, siren.\n\n{seen} is x_1\n\n"
    assert prose.tags <= {"p", "strong", "em", "ul", "li", "span", "eq"}
    assert not _mathematics(prose)
    in_table = {"table", "thead", "tbody", "tr", "th", "td", "span"}
    pages = ((piped, in_table), (_Page(table["text/html"]), in_table),
             (_Page(players), {"div", "figure", "figcaption", "audio", "span"}))  # fmt: skip
    for page, tags in pages:
        assert "".join(page.words).count(seen) == (3 if "td" in tags else 1)
        assert page.tags <= tags
        assert not _mathematics(page)


@pytest.mark.parametrize("name", [name for name in ODD if "\0" not in name])
def test_names_from_data_are_text_in_figures_where_powers_of_ten_still_are_powers(run, name):
    figure, axis = plt.subplots()
    axis.plot([1e-3, 1e3], [0, 1], label=name)
    axis.set(xscale="log", title=name, yticks=[0, 1], yticklabels=[name, name + name], xlabel=name)
    axis.legend()
    run.figure("odd", (figure, {}))
    with io.StringIO() as file, plt.rc_context({"svg.fonttype": "none"}):
        figure.savefig(file, format="svg")
        drawn = "".join(_Page(file.getvalue()).words)
    assert drawn.count(name) == 6
    assert "mathdefault" not in drawn


def test_a_long_name_can_be_played(run, shown):
    run.listen("odd", {"long " * 1000: torch.ones(160)}, 16000)


def test_a_silent_clip_can_be_played(run, tmp_path):
    run.listen("pgd", {"clean": torch.zeros(160)}, 16000)
    assert len(list((tmp_path / "media" / "smoke" / "03_breaking@synthav").iterdir())) == 1


def test_results_that_cannot_be_written_are_one_line(run, tmp_path):
    (tmp_path / "results").write_text("in the way")
    with pytest.raises(AvlibError, match="a file is where a folder should be"):
        run.finish()
