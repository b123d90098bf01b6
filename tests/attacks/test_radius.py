"""Radii by bisection against the closed forms of additive fusion, and what they say where there is none."""

import math

import pytest
import torch
from torch import nn

from avlib.attacks import Threat, pgd
from avlib.attacks.radius import radius, towards_the_other_side, wrong_side
from avlib.errors import AvlibError
from avlib.losses import margin
from avlib.metrics.clipwise import top_label_lost
from avlib.metrics.margins import margin_radii
from tests.attacks.toys import DUAL, NORMS, Curved, Linear, batch, truth

FAR = {1: (9.0, 10.0), 2: (3.0, 4.0), math.inf: (0.6, 1.8)}  # ε of sound and picture that break most clips
CLOSELY = {"steps": 16, "halvings": 14}


def additive(norm):
    """The linear model, clips, the right sides of its one logit, threats, and all radii in closed form."""
    model, x = Linear(), batch(12, video=True, dtype=torch.float64)
    with torch.no_grad():
        votes = [torch.einsum("ntf,ctf->nc", x[name], getattr(model, name))[:, 0] for name in ("audio", "video")]
        sides = model(x).sign()
        margins = [sides[:, 0] * (vote + model.bias[0] / 2) for vote in votes]
        threats = dict(zip(("audio", "video"), (Threat(norm, eps) for eps in FAR[norm]), strict=True))
        reach = [threats[name].eps * getattr(model, name).norm(p=DUAL[norm]) for name in threats]
    return model, x, sides, threats, margin_radii(*margins, *reach, norm)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("budget", ["audio", "video", "separate", "joint", "split"])
def test_the_search_reaches_the_closed_form(norm, budget):
    model, x, sides, threats, exact = additive(norm)
    both = budget not in threats
    chosen = threats if both else {budget: threats[budget]}
    found = radius(model, x, sides, chosen, budget=budget if both else "separate", **CLOSELY)
    expected = torch.where(exact[budget] > 1, math.inf, exact[budget])
    assert expected.isfinite().sum() >= 6  # of twelve: or the ball is too small to tell anything
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("norm", NORMS)
def test_one_sense_by_itself_has_the_radius_that_its_own_margin_gives(norm):
    model, x, sides, threats, exact = additive(norm)

    class Ear(nn.Module):
        def forward(self, batch):
            return torch.einsum("ntf,ctf->nc", batch["audio"], model.audio) + model.bias / 2

    found = radius(Ear(), x, sides, {"audio": threats["audio"]}, **CLOSELY)
    alone = exact["audio alone"]
    torch.testing.assert_close(found, torch.where(alone > 1, math.inf, alone), rtol=1e-3, atol=1e-4)
    assert (found == 0).any()  # a sense that is wrong has nothing left to break
    assert (found > 0).any()


def test_broken_already_is_0_and_out_of_reach_is_infinite():
    model, x, sides, threats, _ = additive(2)
    sides[:3] *= -1
    threats = {"audio": Threat(2, 1e-4)}
    found = radius(model, x, sides, threats, steps=2, halvings=2)
    assert found[:3].tolist() == [0.0] * 3
    assert found[3:].isinf().all()


def test_a_clip_of_which_nothing_can_be_told_is_nan_and_hurts_no_other():
    model, x, sides, threats, _ = additive(2)
    sound = radius(model, x, sides, threats, **CLOSELY)
    x["audio"][4, 0, 0] = math.nan
    found = radius(model, x, sides, threats, **CLOSELY)
    assert found.isnan().tolist() == [n == 4 for n in range(12)]
    others = [n for n in range(12) if n != 4]
    torch.testing.assert_close(found[others], sound[others])


def test_logits_that_overflow_on_the_way_are_nan_too():
    class Cliff(nn.Module):
        def forward(self, batch):
            z = batch["audio"].flatten(1).sum(dim=1, keepdim=True)
            return torch.where(z < 0.5, z * math.inf, z)

    found = radius(Cliff(), {"audio": torch.ones(1, 1, 1)}, torch.ones(1, 1), {"audio": Threat(2, 2.0)}, **CLOSELY)
    assert found.isnan().all()


def test_each_clip_may_have_an_epsilon_of_its_own():
    model, x, sides, threats, exact = additive(2)
    eps = threats["audio"].eps * torch.linspace(0.5, 2, 12, dtype=torch.float64)
    found = radius(model, x, sides, {"audio": Threat(2, eps)}, **CLOSELY)
    expected = exact["audio"] * threats["audio"].eps / eps
    torch.testing.assert_close(found, torch.where(expected > 1, math.inf, expected), rtol=1e-3, atol=1e-4)


def test_what_lies_among_others_has_the_radius_that_it_has_alone():
    x = batch(6, video=True)
    model, y = Curved(), truth(x)
    how = {"broken": top_label_lost, "loss": margin, "steps": 4, "halvings": 5}
    threats = {"audio": Threat(2, 6.0, over="frame")}
    together = radius(model, x, y, threats, **how)
    alone = [radius(model, {m: v[[n]] for m, v in x.items()}, y[[n]], threats, **how) for n in range(6)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_the_default_aim_is_the_sign_of_one_logit():
    z, sides = torch.tensor([[2.0, -1.0], [0.0, -1.0], [2.0, -1.0]]), torch.tensor([[1, 0], [1, 0], [0, -1]])
    assert wrong_side(z, sides).tolist() == [False, True, False]
    assert towards_the_other_side(z, sides).tolist() == [-2.0, 0.0, -1.0]


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"halvings": -1}])
def test_impossible_searches_are_refused(wrong):
    model, x, sides, threats, _ = additive(2)
    with pytest.raises(AvlibError, match=next(iter(wrong))):
        radius(model, x, sides, threats, **{"steps": 2, "halvings": 1, **wrong})


def test_each_search_begins_at_the_delta_that_broke_the_clip_last(monkeypatch):
    model, x, sides, threats, _ = additive(2)
    asked, answered = [], []

    def watching(model, batch, labels, within, *, start, **how):
        found = pgd(model, batch, labels, within, start=start, **how)
        asked.append(start)
        broken = wrong_side(model(found.batch), labels)
        answered.append((found.delta["audio"], broken))
        return found

    monkeypatch.setattr("avlib.attacks.radius.pgd", watching)
    radius(model, x, sides, {"audio": threats["audio"]}, steps=2, halvings=5)
    assert asked[0] is None
    expected = answered[0][0]
    for start, (delta, broken) in zip(asked[1:], answered[1:], strict=True):
        assert torch.equal(start["audio"], expected)
        expected = torch.where(broken[:, None, None], delta, expected)
    assert any(bool(broken.any()) and not bool(broken.all()) for _, broken in answered[1:])
