"""Classes that can be pointed at: what stands on the page, and what the script makes of it."""

import json
import re
import shutil
import subprocess

import pytest
import torch

from avlib import notebook
from avlib.plots import marks
from avlib.plots.marks import Mark
from tests.plots.shown import Shown

NAMES = ["bell", "<b>fire</b></script>", "goat $x$"]
MARKS = [Mark(name, at / 2, 1 - at, f"{name} loses {at}", torch.zeros(4)) for at, name in enumerate(NAMES)]
SOUNDS = [f"media/p/{at}.wav" for at in range(3)]
PAGE = marks.html(MARKS, SOUNDS, ("convexity", "drop"), "Three classes.", "page-key")
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def test_what_stands_without_a_script_is_the_first_class():
    shown = Shown(PAGE)
    assert shown.all("audio")[0]["src"] == SOUNDS[0]
    assert "bell loses 0" in shown.words
    assert "convexity" in shown.words
    assert [circle.get("class") for circle in shown.all("circle")] == ["now", None, None]
    assert len(shown.all("option")) == 3


def test_who_cannot_see_is_told_and_needs_no_pointer():
    shown = Shown(PAGE)
    (picture,) = shown.all("svg")
    assert (picture["role"], picture["aria-label"]) == ("img", "Three classes.")
    assert "label" in [tag for tag, _ in shown.tags]
    assert {"role": "status"} in shown.all("p")


def test_marks_stand_where_their_numbers_say():
    x, y = ([float(circle[way]) for circle in Shown(PAGE).all("circle")] for way in ("cx", "cy"))
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2)
    assert x[0] < x[1]
    assert y[1] - y[0] == pytest.approx(y[2] - y[1], abs=0.2)
    assert y[0] < y[1]  # larger is higher, and y grows downwards
    assert all(0 < place < end for way, end in ((x, marks.WIDE), (y, marks.HIGH)) for place in way)


def test_one_class_can_be_shown_too():
    assert "circle" in marks.html(MARKS[:1], SOUNDS[:1], ("x", "y"), "One.", "n")


def test_names_are_text():
    assert "<b>" not in PAGE
    assert PAGE.count("</script>") == 2
    assert "<b>fire</b></script>" in Shown(PAGE).words
    facts = json.loads(re.search(r'<script type="application/json">(.*?)</script>', PAGE)[1])
    assert [fact["sound"] for fact in facts] == SOUNDS
    assert facts[1]["told"] == "<b>fire</b></script> loses 1"


def test_a_run_writes_the_sounds_beside_the_page(monkeypatch, tmp_path):
    monkeypatch.setenv("AVLIB_OUT", str(tmp_path))
    shown = []
    monkeypatch.setattr(notebook, "display", lambda what: shown.append(what.data))
    run = notebook.Run("11_test", {"profile": "smoke"}, {"profile": "smoke"})
    run.pointed("classes", MARKS, 8000, ("x", "y"), "Three.")
    sources = re.findall(r'"sound": "(.*?)"', shown[0])
    assert len(set(sources)) == 3
    assert all((tmp_path / "media" / "smoke" / source.removeprefix("media/")).exists() for source in sources)


@pytest.mark.skipif(BROWSER is None, reason="no browser")
@pytest.mark.parametrize(
    "move",
    ["list.value = 2; list.dispatchEvent(new Event('input'))", "dots[2].dispatchEvent(new Event('pointerenter'))"],
)
def test_a_browser_tells_the_class_that_is_pointed_at_or_chosen(move, tmp_path):
    script = f"""<script>addEventListener("error", event => {{ document.title = event.message }});</script>{PAGE}
<script>const [list] = document.getElementsByTagName("select"), dots = document.getElementsByTagName("circle"); {move}
</script>"""
    (tmp_path / "page.html").write_text(f"<!doctype html><meta charset=utf-8><title>fine</title>{script}")
    command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'user'}"]
    command += ["--disable-background-networking", "--dump-dom", f"file://{tmp_path / 'page.html'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "<title>fine</title>" in done.stdout
    shown = Shown(done.stdout)
    assert shown.all("audio")[0]["src"] == SOUNDS[2]
    assert "goat $x$ loses 2" in shown.words
    assert [circle.get("class") for circle in shown.all("circle")][2] == "now"
