"""Restarts of the clips that are not broken yet."""

import pytest
import torch

from avlib.attacks import Threat, pgd
from avlib.errors import AvlibError
from tests.attacks.checks import MASK
from tests.attacks.toys import Curved, batch, gen, truth

RUN = {"steps": 3, "restarts": 4}


def top_is_wrong(logits, labels):
    return ~labels.gather(1, logits.argmax(dim=1, keepdim=True))[:, 0].bool()


class Counting(Curved):
    """Knows how many clips each gradient was taken of."""

    def classify(self, encodings):
        logits = super().classify(encodings)
        if logits.requires_grad:
            self.sizes = [*getattr(self, "sizes", []), len(logits)]
        return logits


def case(clips: int = 12):
    """Clips of which some break in the first run, some in a later one and some never."""
    x = batch(clips, video=True)
    y = truth({"audio": x["audio"]})
    eps = torch.linspace(0, 6, clips)
    mask = torch.where(torch.arange(clips)[:, None, None] % 3 > 0, 1.0, MASK)
    high = torch.linspace(1.5, 4, clips)[:, None, None]
    return x, y, eps, mask, high


def attack(model, x, y, eps, mask, high, generator, **arguments):
    threats = {"audio": Threat(2, eps, mask=mask, bounds=(-4.0, high))}
    return pgd(model, x, y, threats, generator=generator, **RUN, **arguments)


def test_a_broken_clip_is_left_alone_and_costs_nothing_more():
    model, parts = Counting(), case()
    found = attack(model, *parts, gen(2), broken=top_is_wrong)
    runs = found.gradients // 3
    assert {1, 2, 4} <= set(runs.tolist()), "some break at once, some on the way and some never"
    assert model.sizes == [int((runs > i).sum()) for i in range(4) for _ in range(3)]
    over = top_is_wrong(model.eval()(found.batch), parts[1])
    assert torch.equal(over | (runs == 4), torch.ones(12, dtype=torch.bool)), "who is not broken was tried to the end"
    assert bool(over[runs < 4].all())


def test_what_is_found_is_the_worst_of_the_runs_that_a_clip_was_given():
    parts = case()
    with_restarts = attack(Curved(), *parts, gen(2), broken=top_is_wrong)
    all_runs = attack(Curved(), *parts, gen(2))
    one_run = pgd(Curved(), *parts[:2], {"audio": Threat(2, parts[2], mask=parts[3], bounds=(-4.0, parts[4]))}, steps=3)
    tried = with_restarts.gradients // 3
    for expected, who in ((all_runs, tried == 4), (one_run, tried == 1)):
        torch.testing.assert_close(with_restarts.loss[who], expected.loss[who])
        torch.testing.assert_close(
            with_restarts.delta["audio"][who], expected.delta["audio"][who], atol=1e-5, rtol=1e-4
        )
        torch.testing.assert_close(with_restarts.history[who], expected.history[who])
    assert bool((with_restarts.loss <= all_runs.loss + 1e-5).all())
    assert all_runs.gradients.tolist() == [12] * 12


def test_the_other_clips_do_not_matter():
    parts, one_generator = case(), gen(2)
    whole = attack(Curved(), *parts, gen(2), broken=top_is_wrong)
    x, *rest = parts
    at = 0
    for size in (1, 4, 5, 2):
        piece = slice(at, at + size)
        own = [{name: value[piece] for name, value in x.items()}, *(value[piece] for value in rest)]
        found = attack(Curved(), *own, one_generator, broken=top_is_wrong)
        torch.testing.assert_close(found.delta["audio"], whole.delta["audio"][piece], atol=1e-5, rtol=1e-4)
        assert torch.equal(found.gradients, whole.gradients[piece])
        at += size


@pytest.mark.parametrize("steps", [2, 3])
def test_broken_is_asked_at_the_point_that_is_kept(steps):
    """Every other step reaches the peak, the next leaves it: what is returned is broken, and was not tried again."""

    class Cell(torch.nn.Module):
        def forward(self, batch):
            return batch["audio"]

    def peak(z, _):
        return -(z[:, 0] - 0.45).abs()

    found = pgd(
        Cell(),
        {"audio": torch.zeros(3, 1)},
        torch.zeros(3, 1),
        {"audio": Threat(2, 1.0)},
        steps=steps,
        step_size=0.5,
        restarts=3,
        generator=gen(),
        loss=peak,
        broken=lambda z, y: peak(z, y) > -0.1,
    )
    assert found.history[0].tolist() == pytest.approx([-0.45, -0.05, -0.45, -0.05][: steps + 1])
    assert found.gradients.tolist() == [steps] * 3


def test_nothing_is_run_once_all_are_broken():
    x = batch()
    found = pgd(
        Curved(), x, truth(x), {"audio": Threat(2, 1.0)}, generator=gen(), broken=lambda z, y: z[:, 0] < 1e9, **RUN
    )
    assert found.gradients.tolist() == [3] * 6


def test_the_branch_that_is_not_attacked_is_encoded_anew_only_for_survivors():
    model, x = Curved(), batch(video=True)
    threats, y = {"audio": Threat(2, 1.0)}, truth(x)
    pgd(model, x, y, threats, generator=gen(), broken=lambda z, y: z[:, 0] > 1e9, **RUN)
    assert model.encoded["video"] == 1


@pytest.mark.parametrize(
    "broken", [lambda z, y: z.argmax(dim=1), lambda z, y: z > 0, lambda z, y: (z > 0).all()], ids=["int", "NC", "one"]
)
def test_an_answer_that_is_not_one_for_each_clip_is_refused(broken):
    x = batch()
    with pytest.raises(AvlibError, match="broken returned"):
        pgd(Curved(), x, truth(x), {"audio": Threat(2, 1.0)}, generator=gen(), broken=broken, **RUN)
