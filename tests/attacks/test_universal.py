import math
import threading

import pytest
import torch
from lightning_fabric import Fabric
from sklearn.metrics import average_precision_score, roc_auc_score

from avlib.attacks import Threat, fit_universal, pgd
from avlib.data.split import Split
from avlib.errors import AvlibError
from avlib.losses import bce
from tests.attacks import checks
from tests.attacks.checks import MASK
from tests.attacks.toys import NORMS, Curved, F, Linear, T, batch, coin, gen, split, truth

QUICK = {"passes": 3, "batch_size": 8}


@pytest.mark.parametrize(
    "check", [checks.universal_stays_inside, checks.universal_raises_loss], ids=lambda check: check.__name__
)
def test_property(check):
    check()


def test_a_linear_model_keeps_its_ap_and_auc():
    x, y = batch(60, dtype=torch.float64), coin(60, 3)
    data = Split(x, y, tuple(map(str, range(60))))
    model = Linear(3)
    found = fit_universal(model, data, {"audio": Threat(2, 5.0)}, generator=gen(), **QUICK)
    clean, moved = (model(b).detach() for b in (x, found.apply(x)))
    assert float((clean - moved).abs().max()) > 1
    for measure in (average_precision_score, roc_auc_score):
        assert measure(y, moved, average="macro") == pytest.approx(measure(y, clean, average="macro"), abs=1e-12)


@pytest.mark.parametrize("norm", NORMS)
def test_one_clip_is_the_sample_wise_attack_under_the_same_schedule(norm):
    data, model, threats = split(1), Curved(), {"audio": Threat(norm, 1.0, over="frame")}
    x, y = data.batch([0])
    steps = [0.5, 0.4, 0.3, 0.2, 0.1]
    shared = fit_universal(model, data, threats, passes=5, batch_size=1, step_size=steps)
    alone = pgd(model, x, y, threats, steps=5, step_size=steps)
    torch.testing.assert_close(shared.delta["audio"], alone.delta["audio"])
    torch.testing.assert_close(torch.tensor(shared.history["loss"]), alone.history[0].double(), atol=1e-5, rtol=1e-5)


def test_a_linear_model_reaches_the_best_shared_delta():
    """All labels alike: the best shared δ is every clip's own, ε·w / ‖w‖."""
    model = Linear()
    absent = Split(batch(16, dtype=torch.float64), torch.zeros(16, 1).double(), tuple(map(str, range(16))))
    found = fit_universal(model, absent, {"audio": Threat(2, 0.5)}, passes=20, batch_size=4)
    best = 0.5 * model.audio.detach() / model.audio.norm()
    torch.testing.assert_close(found.delta["audio"], best.detach(), atol=1e-3, rtol=0)


def test_history_shows_every_pass_and_the_best_is_returned():
    data, model = split(video=True), Curved()
    threats = {"audio": Threat(2, 1.0), "video": Threat(math.inf, 0.3)}
    found = fit_universal(model, data, threats, generator=gen(), part=1.0, **QUICK)
    assert list(found.history["pass"]) == [0, 1, 2, 3]
    assert list(found.history) == ["pass", "loss", "ratio_audio", "ratio_video"]
    assert found.history["ratio_audio"][0] == 0
    x, y = data.batch(range(24))
    assert float(bce(model.eval()(found.apply(x)), y).mean().detach()) == pytest.approx(
        found.history["loss"].max(), rel=1e-5
    )
    assert found.gradients == 3


def test_the_generator_decides():
    fits = [
        fit_universal(Curved(), split(), {"audio": Threat(2, 1.0)}, generator=gen(seed), **QUICK).delta["audio"]
        for seed in (1, 1, 2)
    ]
    assert torch.equal(fits[0], fits[1])
    assert not torch.equal(fits[0], fits[2])


@pytest.mark.parametrize("norm", NORMS)
def test_the_whole_is_at_least_its_part_from_its_delta(norm):
    part = fit_universal(Curved(), split(), {"audio": Threat(norm, 1.0, mask=MASK)}, generator=gen(), **QUICK)
    whole = fit_universal(Curved(), split(), {"audio": Threat(norm, 1.0)}, start=part.delta, generator=gen(), **QUICK)
    assert whole.history["loss"].max() >= part.history["loss"].max() - 1e-6


BALLS = {"audio": Threat(2, 1.0), "video": Threat(2, 0.5)}


def alone_and_together(passes, budget):
    """A fit of each modality, and one of both from the δs of each and from the pair."""
    how = {"passes": passes, "batch_size": 8, "generator": gen()}
    alone = [fit_universal(Curved(), split(video=True), {name: BALLS[name]}, **how) for name in BALLS]
    starts = [*(found.delta for found in alone), alone[0].delta | alone[1].delta]
    return alone, starts, fit_universal(Curved(), split(video=True), BALLS, start=starts, budget=budget, **how)


@pytest.mark.parametrize("passes", [1, 4])
def test_both_modalities_are_never_weaker_than_each_nor_than_the_pair_of_their_deltas(passes):
    alone, starts, both = alone_and_together(passes, "separate")
    kept = fit_universal(Curved(), split(video=True), BALLS, start=starts[2], passes=1, batch_size=8)
    least = max(*(found.history["loss"].max() for found in alone), kept.history["loss"][0])
    assert both.history["loss"][0] == pytest.approx(least, rel=1e-6)  # the best of three, and no other
    assert both.history["loss"].max() >= least


@pytest.mark.parametrize("budget", ["separate", "joint", "split"])
@pytest.mark.parametrize("norm", NORMS)
def test_each_start_is_projected_onto_the_ball_of_the_budget(norm, budget):
    threats = {"audio": Threat(norm, 1.0), "video": Threat(norm, 0.5)}
    far = {"audio": 9 * torch.ones(1, T, F), "video": -9 * torch.ones(1, 2, 4)}
    found = fit_universal(Curved(), split(video=True), threats, start=[far, {}], budget=budget, **QUICK)
    assert found.history["ratio_audio"].max() <= 1 + 1e-6
    share = 2 if budget == "split" else 1
    for name, threat in threats.items():
        assert float(found.delta[name].flatten().norm(p=norm)) <= threat.eps / share * (1 + 1e-5)


def test_the_order_of_the_starts_does_not_matter():
    _, starts, first = alone_and_together(2, "separate")
    how = {"passes": 2, "batch_size": 8, "generator": None}
    fits = [fit_universal(Curved(), split(video=True), BALLS, start=order, **how) for order in (starts, starts[::-1])]
    assert torch.equal(fits[0].delta["audio"], fits[1].delta["audio"])
    assert fits[0].history["loss"][0] == first.history["loss"][0]


def test_bounds_hold_for_every_clip():
    threat = Threat(2, 5.0, bounds=(-1.0, 1.5))
    found = fit_universal(Curved(), split(), {"audio": threat}, generator=gen(), **QUICK)
    x = {"audio": batch()["audio"].clamp(-1.0, 1.5)}
    moved = found(x, truth(x))["audio"]
    assert float(moved.min()) == -1
    assert float(moved.max()) == 1.5
    assert float(found.ratio["audio"]) <= 1 + 1e-6


def test_joint_budget_holds_over_the_pair():
    threats = {"audio": Threat(2, 1.0), "video": Threat(2, 0.5)}
    found = fit_universal(Curved(), split(video=True), threats, budget="joint", generator=gen(), **QUICK)
    pair = (found.delta["audio"].norm() / 1.0) ** 2 + (found.delta["video"].norm() / 0.5) ** 2
    assert float(pair) == pytest.approx(found.ratio["audio"] ** 2, rel=1e-4)
    assert float(pair) <= 1 + 1e-5


class TwoProcesses:
    """Two ranks as threads of this process, with the two calls of Fabric that count."""

    def __init__(self) -> None:
        self.barrier, self.values = threading.Barrier(2), [None, None]

    def rank(self, number: int):
        two = self

        class Rank:
            global_rank, world_size = number, 2

            def all_reduce(self, value, reduce_op):
                two.values[number] = value
                two.barrier.wait()
                total = two.values[0] + two.values[1]
                two.barrier.wait()
                return total

        return Rank()


def test_the_number_of_processes_does_not_matter():
    data, threats = split(17), {"audio": Threat(2, 1.0)}  # 17 = 2 × 8 + 1: one rank's last batch is empty
    alone = fit_universal(Curved(), data, threats, generator=gen(), **QUICK)
    two, models, found = TwoProcesses(), [Curved(), Curved()], [None, None]

    def work(number: int) -> None:
        found[number] = fit_universal(models[number], data, threats, generator=gen(), fabric=two.rank(number), **QUICK)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    for each in found:
        torch.testing.assert_close(each.delta["audio"], alone.delta["audio"], atol=1e-4, rtol=1e-3)
        assert list(each.history["loss"]) == pytest.approx(list(alone.history["loss"]), rel=1e-4)


def test_fabric_on_one_process():
    threats = {"audio": Threat(2, 1.0)}
    fabric = Fabric(accelerator="cpu", devices=1)
    with_fabric = fit_universal(Curved(), split(), threats, generator=gen(), fabric=fabric, **QUICK)
    without = fit_universal(Curved(), split(), threats, generator=gen(), **QUICK)
    assert torch.equal(with_fabric.delta["audio"], without.delta["audio"])


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"passes": 0, "batch_size": 8}, "passes = 0"),
        ({"passes": 1, "batch_size": 8, "part": 0.0}, "part = 0.0"),
        ({"passes": 2, "batch_size": 8, "step_size": [1.0]}, "step_size"),
    ],
)
def test_impossible_fits_are_refused(arguments, word):
    with pytest.raises(AvlibError, match=word):
        fit_universal(Curved(), split(), {"audio": Threat(2, 1.0)}, **arguments)


def test_a_radius_for_each_clip_is_refused():
    with pytest.raises(AvlibError, match="clip"):
        fit_universal(Curved(), split(), {"audio": Threat(2, torch.ones(24))}, **QUICK)
