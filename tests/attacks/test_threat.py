import math

import pytest
import torch

from avlib.attacks import Threat, noise, pgd
from avlib.attacks.ball import balls
from avlib.errors import AvlibError
from tests.attacks.checks import MASK, SCALE, inside
from tests.attacks.toys import NORMS, Curved, F, T, batch, gen, truth


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"norm": 3, "eps": 1.0}, "norm = 3"),
        ({"norm": 2, "eps": -1.0}, "eps = -1.0"),
        ({"norm": 2, "eps": math.nan}, "eps = nan"),
        ({"norm": 2, "eps": torch.ones(2, 2)}, "eps = "),
        ({"norm": 2, "eps": 1.0, "over": "bin"}, "over = 'bin'"),
        ({"norm": 2, "eps": 1.0, "scale": torch.tensor([1.0, 0.0])}, "scale"),
        ({"norm": 2, "eps": 1.0, "mask": torch.tensor([1.0, 0.5])}, "mask"),
        ({"norm": 2, "eps": 1.0, "bounds": (1.0, 0.0)}, "bounds"),
    ],
)
def test_impossible_threats_are_refused(arguments, word):
    with pytest.raises(AvlibError, match=word) as caught:
        Threat(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("threats", "budget", "word"),
    [
        ({}, "separate", "empty"),
        ({"smell": Threat(2, 1.0)}, "separate", "smell"),
        ({"audio": Threat(2, 1.0, mask=torch.ones(7))}, "separate", "mask"),
        ({"audio": Threat(2, torch.ones(4))}, "separate", "eps"),
        ({"audio": Threat(2, 1.0)}, "shared", "budget = 'shared'"),
        ({"audio": Threat(2, 1.0), "video": Threat(1, 1.0)}, "joint", "joint"),
        ({"audio": Threat(2, 1.0, over="frame"), "video": Threat(2, 1.0, over="frame")}, "joint", "joint"),
    ],
)
def test_threats_that_do_not_fit_are_refused(threats, budget, word):
    with pytest.raises(AvlibError, match=word):
        balls(threats, batch(video=True), budget)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("over", ["clip", "frame"])
def test_box_ball_and_mask_hold_together(norm, over):
    x = batch()
    bounds = (x["audio"].min() + 0.5, x["audio"].max() - 0.5)  # some of x lies outside
    threat = Threat(norm, torch.linspace(0, 3, 6), over=over, mask=MASK, scale=SCALE, bounds=bounds)
    found = pgd(Curved(), x, truth(x), {"audio": threat}, steps=6, restarts=2, generator=gen())
    delta = found.delta["audio"]
    inside(x["audio"], delta, Threat(norm, threat.eps, over=over, mask=MASK, scale=SCALE))
    assert bool((delta[0] == 0).all()), "ε = 0 leaves no room"
    outside = (x["audio"] < bounds[0]) | (x["audio"] > bounds[1])
    moved = x["audio"] + delta
    assert bool(((moved >= bounds[0] - 1e-5) & (moved <= bounds[1] + 1e-5))[~outside].all())
    assert bool((delta[x["audio"] < bounds[0]] >= 0).all())
    assert bool((delta[x["audio"] > bounds[1]] <= 0).all())
    torch.testing.assert_close(found.batch["audio"], moved)


def test_coordinates_are_the_inverse_of_delta():
    x = batch(video=True)
    threats = {"audio": Threat(2, 0.5, scale=SCALE), "video": Threat(2, 2.0)}
    delta = {name: torch.randn(value.shape, generator=gen()) for name, value in x.items()}
    for budget in ("separate", "joint", "split"):
        for ball in balls(threats, x, budget):
            back = ball.delta(ball.rows(delta))
            for name in ball.shapes:
                torch.testing.assert_close(back[name], delta[name])


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("over", ["clip", "frame"])
@pytest.mark.parametrize("kind", ["sample-wise", "universal"])
def test_noise_has_exactly_the_norm(norm, over, kind):
    threat = Threat(norm, 0.3, over=over, scale=SCALE, mask=MASK)
    made = noise(batch(), {"audio": threat}, generator=gen(), kind=kind)
    assert made.delta["audio"].shape == (1 if kind == "universal" else 6, T, F)
    inside(batch()["audio"], made.delta["audio"], threat)
    assert made.ratio["audio"] == pytest.approx(1, rel=1e-5)
    again = noise(batch(), {"audio": threat}, generator=gen(), kind=kind)
    assert torch.equal(again.delta["audio"], made.delta["audio"])


def test_noise_follows_clip_by_clip():
    threats, one = {"audio": Threat(2, 0.3)}, gen()
    x = batch()["audio"]
    pieces = [noise({"audio": part}, threats, generator=one).delta["audio"] for part in x.split([2, 3, 1])]
    assert torch.equal(torch.cat(pieces), noise({"audio": x}, threats, generator=gen()).delta["audio"])
