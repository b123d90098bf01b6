"""The flags stay down where an attack works, and each goes up where it does not."""

import pytest
import torch

from avlib.attacks import Threat
from avlib.attacks.flags import CHECKS, FEW, flags
from avlib.losses import margin
from avlib.models.guards import Guarded, dithered, rippled, rounded
from tests.attacks.toys import Curved, batch, gen, truth

X = batch(40)
HONEST, BALL = Curved().eval(), {"audio": Threat(2, 0.5, over="frame")}
Y = truth(X)
Y[Y.sum(dim=1) == 0, 0] = 1  # a clip without labels has nothing to lose


def raised(model, stand_in=HONEST, **options):
    how = {"steps": 20, "queries": 60, "generator": gen(), **options}
    found = flags(model, X, Y, BALL, stand_in=stand_in, **how)
    assert list(found.index) == list(CHECKS)
    return set(found.index[found.raised])


def test_an_honest_model_raises_none():
    assert raised(HONEST, stand_in=Curved(seed=9).eval()) == set()


def test_a_rounded_model_has_no_gradient_to_go_by():
    found = raised(Guarded(HONEST, lambda x: rounded(x, 0.1)))
    assert {"no gradient is zero", "the gradient says what the loss does", "no bound, no survivor",
            "a stand-in is no better", "a search without gradients is no better",
            "more steps find no more"} <= found  # fmt: skip
    assert "the answer is the same twice" not in found


def test_a_ripple_has_a_gradient_that_lies():
    found = raised(Guarded(HONEST, rippled))
    assert {"the gradient says what the loss does", "a stand-in is no better"} <= found
    assert "no gradient is zero" not in found


def test_a_dithered_model_answers_otherwise_when_asked_again():
    assert "the answer is the same twice" in raised(Guarded(HONEST, dithered(gen(), 0.2)))


class Saturated(torch.nn.Module):
    """Logits of which float32 keeps nothing but ±1: the loss cannot move."""

    def forward(self, x):
        return (1e6 * HONEST(x)).tanh()


def test_a_saturated_model_is_flat():
    assert {"no gradient is zero", "no bound, no survivor"} & raised(Saturated())


def test_a_model_that_breaks_down_is_named():
    class Bad(torch.nn.Module):
        def forward(self, x):
            z = HONEST(x)
            return torch.where((x["audio"] == X["audio"]).all(), z, z * torch.nan)

    assert "all is finite" in raised(Bad())


def test_a_wall_shows_as_survivors_and_in_half_of_the_radius():
    class Wall(torch.nn.Module):
        """Beyond half of ε the model takes the features back to where they came from."""

        def forward(self, x):
            length = (x["audio"] - X["audio"]).norm(dim=2, keepdim=True)
            kept = torch.where(length > 0.3, X["audio"], x["audio"])
            return HONEST({**x, "audio": kept})

    assert {"more room, more harm", "no bound, no survivor"} <= raised(Wall(), steps=4)


def test_a_search_that_stops_too_early_is_told_by_a_longer_one():
    assert "more steps find no more" in raised(HONEST, steps=1)


def test_shares_are_of_the_clips_and_one_of_few_may_be_luckier():
    found = flags(HONEST, {"audio": X["audio"][:5]}, Y[:5], BALL, stand_in=HONEST, steps=5, queries=5, generator=gen())
    assert found.loc["many steps beat one", "allowed"] == "at most 0.2"
    assert found.loc["no gradient is zero", "allowed"] == "at most 0"
    assert found.loc["no bound, no survivor", "allowed"] == "at least 0.8"
    assert FEW == 0.05


def test_the_caller_says_which_loss_is_climbed():
    asked = []

    def counted(logits, labels):
        asked.append(len(labels))
        return margin(logits, labels)

    assert raised(HONEST, loss=counted) == set()
    assert len(asked) > 100


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_generator_gives_the_same_flags(seed):
    found = [
        flags(HONEST, X, Y, BALL, stand_in=HONEST, steps=3, queries=5, generator=gen(seed)).value for _ in range(2)
    ]
    assert found[0].tolist() == found[1].tolist()
