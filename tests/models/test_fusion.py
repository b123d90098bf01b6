"""Five taps: where they join, what they begin with, and what one sense can do to the other."""

import pytest
import torch

from avlib.errors import AvlibError
from avlib.models import CSN, VideoTagger, sized
from avlib.models.fusion import RELEASED, TAPS
from avlib.models.fusion.tap import stretched

CLASSES, FEATURES, WIDTH = 5, 24, 64
SMALL = {"width": WIDTH, "transformer_dropout": 0.0}


def _batch(clips: int = 3, seed: int = 0) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {
        "audio": torch.randn(clips, 40, 64, generator=draw),
        "video": torch.randn(clips, 5, FEATURES, generator=draw),
    }


def _settled(model):
    """`model` whose batch norms have seen some clips, in eval mode."""
    with torch.no_grad():
        for seed in range(20):
            model.train()(_batch(8, seed))
    return model.eval()


@pytest.fixture
def ear_and_eye():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return _settled(CSN(CLASSES, **SMALL)), _settled(VideoTagger(CLASSES, FEATURES, WIDTH, dropout=0.0))


@pytest.fixture
def model(tap):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        still = {"dropout": 0.0} if tap in TAPS else {}  # the released layout has none
        return _settled((TAPS | RELEASED)[tap](CLASSES, FEATURES, width=WIDTH, **still))


released = pytest.mark.parametrize("tap", [*TAPS, *RELEASED])  # what holds for the authors' layout as well


@released
def test_both_senses_matter(model):
    x, other = _batch(), _batch(seed=5)
    for sense in x:
        assert (model({**x, sense: other[sense]}) - model(x)).abs().max() > 1e-3


@released
def test_clips_do_not_see_each_other(model):
    x = _batch()
    for clip in range(3):
        alone = {sense: values[clip : clip + 1] for sense, values in x.items()}
        torch.testing.assert_close(model(alone), model(x)[clip : clip + 1], atol=1e-5, rtol=1e-4)


@released
def test_the_branch_that_is_not_attacked_can_be_encoded_beforehand(model):
    x = _batch()
    still = model.encode({"video": x["video"]})
    torch.testing.assert_close(model.classify({**still, **model.encode({"audio": x["audio"]})}), model(x))


@released
def test_a_missing_sense_is_named(model):
    for sense in ("audio", "video"):
        x = _batch()
        del x[sense]
        with pytest.raises(AvlibError, match=f"needs the modality '{sense}'"):
            model(x)


@released
def test_unequal_numbers_of_clips_are_named(model):
    x = {**_batch(3), "video": _batch(2)["video"]}
    with pytest.raises(AvlibError, match="got audio of 3, video of 2 clips: each clip needs all modalities"):
        model(x)


def test_an_unknown_tap_is_named():
    with pytest.raises(
        AvlibError, match=r"model 'mid3' is unknown; choose .* early, mid1, mid2, late_sum, late, resha"
    ):
        sized("mid3", "smoke", 5)


def test_all_taps_but_the_last_begin_as_the_ear(tap, model, ear_and_eye):
    ear, eye = ear_and_eye
    model.begin(ear, eye)
    x = _batch()
    heard, seen = ear(x), eye(x)
    if tap == "early":  # the bins of the picture begin where those of the sound end
        assert torch.corrcoef(torch.stack([model(x).flatten(), heard.flatten()]))[0, 1] > 0.9
    else:
        torch.testing.assert_close(model(x), (heard + seen) / 2 if tap == "late" else heard, atol=1e-5, rtol=1e-4)


def test_all_taps_can_learn_to_see_from_there(model, ear_and_eye):
    model.begin(*ear_and_eye)
    model(_batch()).sum().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter -= 1e-3 * parameter.grad
    x, other = _batch(), _batch(seed=5)
    assert (model({**x, "video": other["video"]}) - model(x)).abs().max() > 1e-5


def test_a_deaf_late_fusion_ranks_as_the_eye_alone(ear_and_eye):
    ear, eye = ear_and_eye
    model = TAPS["late"](CLASSES, FEATURES, width=WIDTH).eval()
    model.begin(ear, eye)
    x = _batch(6)
    deaf = {**x, "audio": x["audio"][:1].expand(6, -1, -1)}
    apart = model(deaf) - eye(x) / 2
    assert apart.std(dim=0).max() < 1e-6


def test_late_logits_are_additive_and_summed_features_are_not(ear_and_eye):
    x, other = _batch(), _batch(seed=5)
    corners = [{"audio": a["audio"], "video": v["video"]} for a in (x, other) for v in (x, other)]
    mixed = {}
    for name in ("late", "late_sum"):
        with torch.random.fork_rng():
            torch.manual_seed(1)
            model = _settled(TAPS[name](CLASSES, FEATURES, width=WIDTH, dropout=0.0))
        here, picture, sound, both = map(model, corners)
        mixed[name] = (both - sound - picture + here).abs().max()
    assert mixed["late"] < 1e-5 < 1e-3 < mixed["late_sum"]


def test_a_window_lasts_as_long_as_its_frames():
    times = stretched(torch.arange(5.0).reshape(1, 5, 1), 25)[0, :, 0]
    assert times.tolist() == sorted(times.tolist())
    assert torch.bincount(times.long()).tolist() == [5] * 5


def test_parameters_grow_with_depth():
    counts = {}
    for name, kind in TAPS.items():
        with torch.device("meta"):
            counts[name] = sum(p.numel() for p in kind(527, 512, width=1024).parameters())
    assert counts["mid1"] < counts["late"]
    assert max(counts, key=counts.get) in ("late", "late_sum")


def test_the_released_layout_is_that_of_its_code_to_the_last_weight():
    with torch.device("meta"):
        model = RELEASED["reshaped"](527, 2048, width=1024, pieces=8)
    assert sum(p.numel() for p in model.parameters()) == 21_535_870
    sound = torch.arange(400 * 64.0).reshape(1, 400, 64)
    picture = -torch.arange(10 * 2048.0).reshape(1, 10, 2048)
    rows = model.rows({"audio": sound, "video": picture})
    assert rows.shape == (1, 80, 576)
    assert torch.equal(rows[..., :320], sound.reshape(1, 80, 320))
    assert torch.equal(rows[..., 320:], picture.reshape(1, 80, 256))


def test_a_layout_that_does_not_come_out_even_loses_less_than_a_row():
    model = RELEASED["reshaped"](CLASSES, FEATURES + 1, width=WIDTH)
    rows = model.rows({"audio": torch.ones(1, 43, 64), "video": torch.ones(1, 2, FEATURES + 1)})
    assert rows.shape == (1, 8, 320 + 7)
    assert rows[0, :, 320:].sum() == 2 * (FEATURES + 1)
