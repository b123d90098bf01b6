"""Square: an attack that only looks at values."""

import math

import pytest
import torch

from avlib.attacks import Threat, noise, square
from avlib.errors import AvlibError
from tests.attacks.checks import MASK, SCALE, inside
from tests.attacks.toys import NORMS, Curved, F, Linear, T, batch, coin, gen, signed, truth


def attack(model, x, y, threats, queries=60, seed=0, **options):
    return square(model, x, y, threats, queries=queries, generator=gen(seed), **options)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("over", ["clip", "frame"])
@pytest.mark.parametrize("extra", [{}, {"mask": MASK}, {"scale": SCALE}, {"bounds": (-1.0, 1.0)}], ids=str)
def test_stays_inside(norm, over, extra):
    x, threat = batch(), Threat(norm, 0.7, over=over, **extra)
    if "bounds" in extra:
        x = {"audio": x["audio"].clamp(-1, 1)}
    inside(x["audio"], attack(Curved(), x, truth(x), {"audio": threat}).delta["audio"], threat)


@pytest.mark.parametrize("norm", NORMS)
def test_finds_more_than_noise_and_never_falls(norm):
    model, x = Linear(), batch(dtype=torch.float64)
    y, ball = coin(), {"audio": Threat(norm, 0.3)}
    found = attack(model, x, y, ball, queries=400, loss=signed)
    by_chance = signed(model(noise(x, ball, generator=gen()).apply(x)), y)
    clean = signed(model(x), y)
    assert bool((found.loss > by_chance).all())
    assert bool((found.history.diff(dim=1) >= 0).all())
    assert torch.equal(found.loss, found.history[:, -1])
    torch.testing.assert_close(signed(model(found.batch), y), found.loss)
    if norm == math.inf:  # a corner of the box, found by flipping rectangles of signs
        best = 0.3 * model.audio[0].detach().abs().sum()
        assert bool((found.loss - clean > 0.8 * best).all())


@pytest.mark.parametrize("norm", [1, 2])
def test_a_masked_search_spends_its_whole_length_in_the_mask(norm):
    x = batch()
    found = attack(Curved(), x, truth(x), {"audio": Threat(norm, 0.7, over="frame", mask=MASK)})
    lengths = torch.linalg.vector_norm(found.delta["audio"][:, 1:4], ord=norm, dim=2)
    torch.testing.assert_close(lengths, torch.full_like(lengths, 0.7))


def test_needs_no_gradient():
    class Steps(torch.nn.Module):
        def forward(self, x):
            return x["audio"].sum(dim=(1, 2))[:, None].round()

    x = {"audio": torch.zeros(2, T, F)}
    found = attack(Steps(), x, torch.ones(2, 1), {"audio": Threat(math.inf, 1.0)}, queries=300)
    assert bool((found.loss > 20).all())
    assert found.gradients.tolist() == [0, 0]
    assert not found.flat.any()


def test_clips_do_not_depend_on_their_company_and_the_generator_decides():
    model, x = Curved(), batch(7)
    y, ball = truth(x), {"audio": Threat(2, 1.0)}
    whole = square(model, x, y, ball, queries=30, generator=gen(4)).delta["audio"]
    order = gen(4)
    parts = [
        square(model, {"audio": part}, target, ball, queries=30, generator=order).delta["audio"]
        for part, target in zip(x["audio"].split([1, 4, 2]), y.split([1, 4, 2]), strict=True)
    ]
    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-5, rtol=0)
    other = square(model, x, y, ball, queries=30, generator=gen(5)).delta["audio"]
    assert not torch.equal(other, whole)


def test_two_modalities_and_the_branch_that_stands_still():
    model, x = Curved(), batch(video=True)
    both = attack(model, x, truth(x), {"audio": Threat(2, 1.0), "video": Threat(2, 0.5)})
    assert set(both.delta) == {"audio", "video"}
    model.encoded.clear()
    attack(model, x, truth(x), {"audio": Threat(2, 1.0)}, queries=10)
    assert model.encoded["video"] == 1


def test_no_query_is_refused():
    with pytest.raises(AvlibError, match="queries = 0"):
        attack(Curved(), batch(), truth(batch()), {"audio": Threat(2, 1.0)}, queries=0)


def test_what_is_not_finite_is_named():
    class Bad(torch.nn.Module):
        def forward(self, x):
            return x["audio"].sum(dim=(1, 2))[:, None] / torch.tensor([1.0, 0.0])[:, None]

    x = {"audio": torch.zeros(2, T, F)}
    found = square(Bad(), x, torch.ones(2, 1), {"audio": Threat(2, 1.0)}, queries=3, generator=gen())
    assert found.unsound.tolist() == [False, True]
