"""One nominal ε, and the radius that each reading of it reaches."""

import math

import pytest
import torch

from avlib.attacks import Perturbation, Threat, fit_released, fit_universal
from avlib.attacks.readings import PROJECTED, as_long, fitting_loss, readings, true_size
from avlib.data.split import Split
from avlib.features import Normalizer, paper64
from avlib.models import LinearTagger
from tests.attacks.toys import linear_tagger

EPS, PASSES = 0.1, 12


@pytest.fixture(scope="module")
def found():
    model, split = linear_tagger()
    batch, _ = split.batch(range(16))
    made = readings(model, split, split, eps=EPS, passes=PASSES, batch_size=8, seed=0, modality="audio")
    normalizer = Normalizer(torch.zeros(4), torch.ones(4))
    return {name: true_size(fit.delta["audio"], batch["audio"], paper64(), normalizer) for name, fit in made.items()}


def test_projected_readings_keep_their_own_norm(found):
    norms = {"ℓ2 of the clip": "clip, ℓ2", "ℓ2 of each frame": "longest frame, ℓ2", "ℓ∞": "largest entry"}
    assert list(norms) == list(PROJECTED)
    for name, measure in norms.items():
        assert 0.5 * EPS < found[name][measure] <= EPS * (1 + 1e-5)


def test_released_readings_leave_it(found):
    assert 4 * EPS < found["released, ℓ2"]["longest frame, ℓ2"] <= PASSES * EPS
    assert 4 * EPS < found["released, ℓ∞"]["largest entry"] <= PASSES * EPS
    assert found["released, ℓ2, frames not set to ε"]["clip, ℓ2"] < found["released, ℓ2"]["clip, ℓ2"]


def test_a_ball_for_each_frame_allows_a_longer_clip(found):
    assert EPS < found["ℓ2 of each frame"]["clip, ℓ2"] <= math.sqrt(5) * EPS * (1 + 1e-5)


def test_only_the_reading_that_says_so_is_fitted_on_the_scored_clips():
    """A linear model, to which opposite labels give opposite δs."""
    generator = torch.Generator().manual_seed(1)
    model = LinearTagger(classes=2, frames=5, mels=4)
    model.head.weight.data.normal_(generator=generator)
    ids = tuple(map(str, range(8)))
    of = {"present": torch.ones(8, 2), "absent": torch.zeros(8, 2)}
    train, scored = (Split({"audio": torch.zeros(8, 5, 4)}, labels, ids) for labels in of.values())
    made = readings(model, train, scored, eps=EPS, passes=3, batch_size=8, seed=0, modality="audio")
    weights = model.templates.detach().sum(dim=0)  # present labels are lost along −Σw, absent ones along +Σw
    for name, fit in made.items():
        along = float((fit.delta["audio"][0] * weights).sum())
        assert (along > 0) == (name == "released, ℓ2, fitted on eval"), name


def test_a_random_delta_is_as_long_in_every_frame_whatever_the_norm():
    generator = torch.Generator().manual_seed(2)
    delta = torch.randn(1, 6, 8, generator=generator) * torch.rand(1, 6, 1, generator=generator)
    delta[:, 3] = 0  # a frame that was left alone stays so
    drawn, again, other = (as_long(Perturbation({"audio": delta}), torch.Generator().manual_seed(s)) for s in (0, 0, 1))
    found = drawn.delta["audio"]
    torch.testing.assert_close(found.norm(dim=2), delta.norm(dim=2))
    torch.testing.assert_close(found, again.delta["audio"])
    assert not torch.allclose(found, other.delta["audio"])
    assert abs(torch.nn.functional.cosine_similarity(found.flatten(), delta.flatten(), dim=0)) < 0.5


def test_the_loss_of_a_fit_is_that_of_its_history():
    model, clips = linear_tagger(seed=3)
    released = fit_released(model, clips, norm=2, eps=EPS, modality="audio", passes=4, batch_size=8)
    projected = fit_universal(model, clips, {"audio": Threat(2, EPS)}, passes=4, batch_size=8)
    assert fitting_loss(model, clips, released, 8) == pytest.approx(released.history.loss.iloc[-1])
    assert fitting_loss(model, clips, projected, 8) == pytest.approx(projected.history.loss.max())  # its best pass
