"""Signs that an attack did not work: nothing that is not finite, flat or deceiving passes in silence."""

import math

import pytest
import torch

from avlib.attacks import Threat, fgsm, fit_released, fit_universal, pgd
from avlib.data.split import Split
from avlib.errors import AvlibError
from tests.attacks.toys import NORMS, Curved, F, Linear, T, batch, coin, gen, signed, split, truth


class Rooted(torch.nn.Module):
    """√‖x‖² has no gradient at x = 0, and the model takes what is not finite for 0: its loss always is."""

    def forward(self, batch):
        x = batch["audio"].nan_to_num()
        return torch.stack([x.square().sum(dim=(1, 2)).sqrt(), x.sum(dim=(1, 2))], dim=1)


def silent() -> dict[str, torch.Tensor]:
    x = batch()
    x["audio"][2] = 0
    return x


@pytest.mark.parametrize("norm", NORMS)
def test_a_gradient_that_is_not_finite_is_told(norm):
    found = pgd(Rooted(), silent(), coin(6, 2), {"audio": Threat(norm, 1.0)}, steps=3)
    assert found.unsound.tolist() == [False, False, True, False, False, False]
    assert found.signs["unsound"] == pytest.approx(1 / 6)
    assert bool(found.loss.isfinite().all())
    assert bool(found.batch["audio"].isfinite().all())


def test_a_run_that_ends_well_does_not_hide_one_that_did_not():
    found = pgd(Rooted(), silent(), coin(6, 2), {"audio": Threat(2, 1.0)}, steps=3, restarts=2, generator=gen())
    assert found.unsound.tolist() == [False, False, True, False, False, False]


def test_a_loss_that_is_not_finite_is_told_and_is_not_robust():
    x = batch()
    y = truth(x)
    x["audio"][4, 1, 1] = math.nan
    found = pgd(Curved(), x, y, {"audio": Threat(2, 1.0)}, steps=3)
    assert found.unsound.tolist() == [False] * 4 + [True, False]
    assert found.loss.isnan().tolist() == found.unsound.tolist()


@pytest.mark.parametrize("model", [Curved(), Rooted()], ids=["loss", "gradient"])
@pytest.mark.parametrize("at", [0, 13])  # in the part on which passes are compared, and not
def test_a_shared_delta_is_not_fitted_on_such_a_clip_in_silence(model, at):
    data = split()
    x = data.features["audio"].clone()
    x[at] = math.nan if isinstance(model, Curved) else 0
    broken = Split({"audio": x}, data.labels if isinstance(model, Curved) else data.labels[:, :2], data.ids)
    with pytest.raises(AvlibError, match=f"'clip{at}'$") as told:
        fit_universal(model, broken, {"audio": Threat(2, 1.0)}, passes=2, batch_size=24)
    assert str(told.value).startswith("pass 1")


def test_nor_by_the_released_update():
    data = split()
    data.features["audio"][3, 0, 0] = math.nan
    with pytest.raises(AvlibError, match="not finite"):
        fit_released(Curved(), data, norm=2, eps=0.3, modality="audio", passes=2, batch_size=8)


def test_flat_is_a_first_gradient_of_exactly_zero():
    class Dead(torch.nn.Module):
        def forward(self, batch):
            return batch["audio"].mean(dim=(1, 2)).relu()[:, None]

    x = {"audio": batch()["audio"].abs() * torch.tensor([1, -1, 1, -1, -1, 1.0])[:, None, None]}
    found = pgd(Dead(), x, torch.zeros(6, 1), {"audio": Threat(math.inf, 0.01)}, steps=3)
    assert found.flat.tolist() == [False, True, False, True, True, False]
    assert found.signs["flat"] == 0.5
    assert bool((found.delta["audio"][found.flat] == 0).all())


def test_flat_asks_every_attacked_modality():
    class Deaf(torch.nn.Module):
        def forward(self, batch):
            return batch["video"].sum(dim=(1, 2))[:, None] + 0 * batch["audio"].sum(dim=(1, 2))[:, None]

    x, threats = batch(video=True), {"audio": Threat(2, 1.0), "video": Threat(2, 1.0)}
    assert not bool(pgd(Deaf(), x, torch.zeros(6, 1), threats, steps=1).flat.any())
    assert bool(pgd(Deaf(), x, torch.zeros(6, 1), {"audio": threats["audio"]}, steps=1).flat.all())


def test_one_step_does_as_well_as_many_where_nothing_curves():
    x, y, threats = batch(dtype=torch.float64), coin(), {"audio": Threat(math.inf, 0.3)}
    long = pgd(Linear(), x, y, threats, steps=5, step_size=1.0, loss=signed)
    assert bool(long.one_step.all())
    torch.testing.assert_close(long.loss, fgsm(Linear(), x, y, threats, loss=signed).loss)
    assert not bool(pgd(Linear(), x, y, threats, steps=5, loss=signed).one_step.any())


def test_a_gradient_that_points_astray_makes_the_loss_fall():
    class Astray(Linear):
        def forward(self, batch):
            x = batch["audio"]
            return super().forward({"audio": 2 * x.detach() - x})  # x, with the gradient of −x

    x, y, threats = batch(dtype=torch.float64), coin(), {"audio": Threat(2, 0.3)}
    found = pgd(Astray(), x, y, threats, steps=5, loss=signed)
    assert bool(found.fell.all())
    assert bool((found.delta["audio"] == 0).all()), "the start was the worst point"
    assert not bool(pgd(Linear(), x, y, threats, steps=5, loss=signed).fell.any())
    assert found.signs == {"unsound": 0.0, "flat": 0.0, "one_step": 0.0, "fell": 1.0}


@pytest.mark.parametrize(
    ("loss", "shape"),
    [
        (lambda z, y: signed(z, y).mean(), r"\(\)"),
        (lambda z, y: (1 - 2 * y) * z, r"\(6, 1\)"),
        (lambda z, y: signed(z, y)[:1], r"\(1,\)"),
    ],
    ids=["mean", "each class", "one clip"],
)
def test_a_loss_that_is_not_one_for_each_clip_is_refused_with_its_shape(loss, shape):
    x, y, threats = batch(dtype=torch.float64), coin(), {"audio": Threat(2, 0.3)}
    data = Split(x, y, tuple("abcdef"))
    with pytest.raises(AvlibError, match=f"shape {shape}"):
        pgd(Linear(), x, y, threats, steps=2, loss=loss)
    with pytest.raises(AvlibError, match=f"shape {shape}"):
        fit_universal(Linear(), data, threats, passes=1, batch_size=6, loss=loss)


def test_it_is_refused_for_a_single_clip_too():
    x = {"audio": torch.zeros(1, T, F, dtype=torch.float64)}
    with pytest.raises(AvlibError, match=r"shape \(\): needed is one value for each clip, \(1,\)"):
        pgd(Linear(), x, coin(1), {"audio": Threat(2, 1.0)}, steps=1, loss=lambda z, y: signed(z, y).mean())
