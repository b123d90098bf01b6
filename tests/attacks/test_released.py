import math

import pytest
import torch

from avlib.attacks import fit_released
from avlib.data.split import Split
from avlib.errors import AvlibError
from avlib.losses import bce
from tests.attacks.toys import Curved, F, T, gen, split

ONCE = {"modality": "audio", "eps": 0.3, "passes": 1, "batch_size": 1, "step_size": 0.9}
RUN = {"modality": "audio", "eps": 0.3, "passes": 20, "batch_size": 8}


@pytest.mark.parametrize("norm", [2, math.inf])
def test_delta_outgrows_its_radius_unless_projected(norm):
    grown = fit_released(Curved(), split(), norm=norm, generator=gen(), **RUN)
    assert grown.ratio["audio"] > 5
    assert grown.history["ratio_audio"].is_monotonic_increasing
    assert list(grown.history["pass"]) == list(range(21))
    kept = fit_released(Curved(), split(), norm=norm, generator=gen(), projected=True, **RUN)
    assert kept.history["ratio_audio"].max() <= 1 + 1e-5
    assert grown.history["loss"].iloc[-1] > kept.history["loss"].iloc[-1]


def test_an_increment_is_at_most_epsilon_a_pass():
    growth = fit_released(Curved(), split(), norm=2, generator=gen(), **RUN).history["ratio_audio"].diff().dropna()
    assert growth.max() <= 1 + 1e-5


def test_rescaling_lifts_every_frame_to_exactly_epsilon():
    """One clip, one step that leaves the clip's ball: every frame gets ε, also those whose step was short."""
    one = split(1)
    lifted = fit_released(Curved(), one, norm=2, **ONCE)
    frames = lifted.delta["audio"].norm(dim=2)
    torch.testing.assert_close(frames, torch.full((1, T), 0.3))
    plain = fit_released(Curved(), one, norm=2, **ONCE, rescale=False)
    torch.testing.assert_close(plain.delta["audio"].norm(dim=2), torch.full((1, T), 0.27))


def test_frames_without_gradient_give_no_nan():
    class Deaf(torch.nn.Module):
        def forward(self, batch):
            return batch["audio"][:, : T // 2].sum(dim=(1, 2))[:, None] + torch.zeros(1, 4)

    found = fit_released(Deaf(), split(), norm=2, **RUN)
    assert bool(found.delta["audio"].isfinite().all())
    assert found.delta["audio"].shape == (1, T, F)


def test_a_third_norm_is_refused():
    with pytest.raises(AvlibError, match="norm = 1"):
        fit_released(Curved(), split(), norm=1, **RUN)
    with pytest.raises(AvlibError, match="eps"):
        fit_released(Curved(), split(), norm=2, **{**RUN, "eps": 0.0})


def test_its_loss_is_taken_on_a_quarter_of_the_clips():
    data = split()
    x, y = data.batch(range(0, 24, 4))
    with torch.no_grad():
        clean = float(bce(Curved().eval()(x), y).mean())
    found = fit_released(Curved(), data, norm=2, **RUN)
    assert found.history["loss"][0] == pytest.approx(clean, rel=1e-5)


def test_features_beyond_the_range_of_the_split_are_clamped_while_fitting():
    """One clip of ones, and a loss that rises with each cell: x + δ is clamped back to x, and a pass adds its step."""

    class Sum(torch.nn.Module):
        def forward(self, batch):
            return batch["audio"].sum(dim=(1, 2))[:, None]

    one = Split({"audio": torch.ones(1, T, F)}, torch.zeros(1, 1), ("a",))
    run = {"norm": math.inf, "eps": 0.3, "modality": "audio", "batch_size": 1, "step_size": 0.5}
    first, third = (fit_released(Sum(), one, passes=passes, **run).delta["audio"] for passes in (1, 3))
    torch.testing.assert_close(first, torch.full((1, T, F), 0.15))
    torch.testing.assert_close(third, 3 * first)
