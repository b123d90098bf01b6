"""A clip under several strengths of an attack: what stands on the page, and what the script makes of it."""

import base64
import io
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
import torch
from PIL import Image

from avlib import notebook
from avlib.plots import slider
from avlib.plots.slider import State
from tests.plots.shown import Shown

CLASSES = ["bell", "cat", "dog", "engine", "<b>fire</b></script>", "goat $x$", "horn"]
LABELS = torch.tensor([1.0, 0, 0, 0, 0, 0, 0])
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def states(count: int) -> list[State]:
    """The bell falls from state to state, the class at the end rises; a little is added to the first bin."""
    found = []
    for at in range(count):
        rising = at / (count - 1)
        seen = torch.arange(12.0).reshape(4, 3)
        seen[0, 0] += rising
        scores = torch.tensor([0.9 - 0.8 * rising, 0.5, 0.4, 0.3, 0.2, 0.1, rising])
        found.append(State(f"ε = {rising:.2g}", seen, torch.zeros(10), scores, f"mAP {1 - rising:.2f}"))
    return found


def page(count: int) -> str:
    return slider.html(states(count), [f"media/p/{at}.wav" for at in range(count)], CLASSES, LABELS, "page-key")


def facts(html: str) -> list[dict]:
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html)[1])


def pixels(address: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGBA")).astype(int)


def test_what_stands_without_a_script_is_the_clean_clip():
    shown = Shown(page(3))
    (audio,) = (given for tag, given in shown.tags if tag == "audio")
    assert audio["src"] == "media/p/0.wav"
    assert "✓ bell90 %✗ cat50 %" in shown.words
    assert "mAP 1.00" in shown.words
    assert all(given["alt"] for tag, given in shown.tags if tag == "img")


def test_every_state_has_its_five_highest_classes_in_order():
    for state, fact in zip(states(4), facts(page(4)), strict=True):
        ranks = [rank for rank, _ in fact["bars"]]
        assert sorted(rank for rank in ranks if rank < 5) == [0, 1, 2, 3, 4]
        shares = [share for rank, share in sorted(fact["bars"]) if rank < 5]
        assert shares == pytest.approx(state.scores.sort(descending=True).values[:5].tolist(), abs=1e-3)
        assert fact["spoken"].count(";") == 4
        assert ("✗ horn" in fact["spoken"]) == (state.scores[6] > 0.2)


def test_fewer_classes_than_five_are_all_shown():
    few = [State(s.name, s.seen, s.heard, s.scores[:2]) for s in states(2)]
    html = slider.html(few, ["a", "b"], CLASSES[:2], LABELS[:2], "few")
    assert len(facts(html)[0]["bars"]) == 2


def test_pictures_have_a_pixel_for_each_bin_and_only_what_was_added_is_coloured():
    first, *_, last = facts(page(3))
    heat, added = (pixels(address) for address in last["sights"])
    assert heat.shape[:2] == added.shape[:2] == (3, 4)  # mel bins upwards, time to the right
    assert (heat[-1, 0, :3] != heat[0, -1, :3]).any()
    assert (pixels(first["sights"][1])[..., 3] <= 1).all()
    assert added[-1, 0, 3] > 250
    assert (np.delete(added[..., 3].ravel(), 8) <= 1).all()


def test_a_clip_without_sound_is_one_colour():
    silent = [State("a", torch.zeros(4, 3), torch.zeros(1), torch.tensor([0.5]))] * 2
    assert len(np.unique(pixels(facts(slider.html(silent, ["a", "b"], ["x"], torch.ones(1), "n"))[0]["sights"][0]))) > 0


def test_names_are_text():
    html = page(3)
    assert "<b>" not in html
    assert html.count("</script>") == 2
    assert "<b>fire</b></script>" in Shown(html).words


@pytest.mark.parametrize(("count", "kind"), [(2, "radio"), (8, "range")])
def test_two_states_have_a_switch_and_more_a_slider(count, kind):
    inputs = [given for tag, given in Shown(page(count)).tags if tag == "input"]
    assert {given["type"] for given in inputs} == {kind}
    assert inputs[0].get("max") == (None if kind == "radio" else "7")


@pytest.mark.skipif(BROWSER is None, reason="no browser")
@pytest.mark.parametrize("count", [2, 8])
def test_a_browser_puts_another_state_in_place(count, tmp_path):
    move = "choices[1].click()" if count == 2 else "choices[0].value = 7; choices[0].dispatchEvent(new Event('input'))"
    script = f"""<script>addEventListener("error", event => {{ document.title = event.message }});</script>{page(count)}
<script>const choices = document.getElementsByTagName("input"); {move}</script>"""
    (tmp_path / "page.html").write_text(f"<!doctype html><meta charset=utf-8><title>fine</title>{script}")
    command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'user'}"]
    command += ["--disable-background-networking", "--dump-dom", f"file://{tmp_path / 'page.html'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    last = facts(page(count))[-1]
    assert "<title>fine</title>" in done.stdout
    shown = Shown(done.stdout)
    assert next(given["src"] for tag, given in shown.tags if tag == "audio") == last["sound"]
    assert [given["src"] for tag, given in shown.tags if tag == "img"] == last["sights"]
    rows = [given["style"] for tag, given in shown.tags if tag == "li"]
    assert rows == [f"--rank:{rank};--share:{share:g}" for rank, share in last["bars"]]
    assert "✗ horn100 %" in shown.words
    assert last["told"] in shown.words
    assert last["spoken"] in shown.words


def test_a_run_writes_the_sounds_that_its_slider_names(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLIB_OUT", str(tmp_path))
    outputs: list[notebook.HTML] = []
    monkeypatch.setattr(notebook, "display", outputs.append)
    values = {"profile": "smoke", "dataset": "synthav"}
    notebook.Run("03_breaking", values, values).slider("key", states(3), 16000, CLASSES, LABELS)
    (shown,) = outputs
    sounds = [fact["sound"] for fact in facts(shown.data)]
    assert len(set(sounds)) == 3
    for sound in sounds:
        assert (tmp_path / "media" / "smoke" / sound.removeprefix("media/")).stat().st_size > 44
