"""One radius for two senses, and attacks through each and both."""

import math

import pytest
import torch

from avlib.attacks import Threat, feature_snr, noise, pgd
from avlib.attacks.matched import each_and_both, matched, noise_snr
from tests.attacks.toys import NORMS, Curved, batch, gen, truth

CLIPS = {"audio": torch.randn(5, 40, 16, generator=gen(1)), "video": 7 * torch.randn(5, 3, 30, generator=gen(2))}
BOTH = {"audio": Threat(2, 1.0), "video": Threat(2, 0.5)}


@pytest.mark.parametrize("norm", NORMS)
def test_random_deltas_of_matched_radii_are_equally_loud(norm):
    sound = Threat(norm, 0.3)
    picture = matched(CLIPS, sound)
    assert (picture.norm, picture.over) == (norm, "clip")
    loud = [noise(CLIPS, {name: threat}, generator=gen(8)) for name, threat in (("audio", sound), ("video", picture))]
    heard, seen = (feature_snr(CLIPS[name], made.delta[name]).mean() for made in loud for name in made.delta)
    assert float(heard) == pytest.approx(float(seen), abs=0.5 if norm == 1 else 1e-3)  # in ℓ1, lengths are of chance


def test_a_sense_that_is_twice_as_large_gets_twice_the_radius():
    once = matched(CLIPS, Threat(2, 0.3)).eps
    assert matched({**CLIPS, "video": 2 * CLIPS["video"]}, Threat(2, 0.3)).eps == pytest.approx(2 * once)
    assert matched({**CLIPS, "audio": 2 * CLIPS["audio"]}, Threat(2, 0.3)).eps == pytest.approx(once / 2)
    assert noise_snr(CLIPS["audio"], Threat(2, 0.3)) == pytest.approx(noise_snr(CLIPS["audio"], Threat(2, 3.0)) + 20)


def test_clip_by_clip_both_senses_are_never_weaker_than_one():
    x = batch(video=True)
    y = truth(x)
    found = each_and_both(
        lambda against, budget, start: pgd(Curved(), x, y, against, steps=5, budget=budget, start=start),
        BOTH,
        ["separate"],
    )
    assert list(found) == ["A", "V", "A+V, separate"]
    assert bool((found["A+V, separate"].loss >= torch.maximum(found["A"].loss, found["V"].loss) - 1e-6).all())


def test_the_attack_on_both_is_given_each_delta_and_the_pair_and_each_budget_in_turn():
    asked = []

    class Found:
        def __init__(self, names):
            self.delta = {name: f"δ of {name}" for name in names}

    def attack(against, budget, start):
        asked.append((list(against), budget, start))
        return Found(against)

    each_and_both(attack, BOTH, ["joint", "split"])
    alone = [{"audio": "δ of audio"}, {"video": "δ of video"}]
    assert asked[:2] == [(["audio"], "separate", None), (["video"], "separate", None)]
    assert asked[2:] == [(["audio", "video"], budget, [*alone, alone[0] | alone[1]]) for budget in ("joint", "split")]


def test_one_sense_has_no_budget():
    found = each_and_both(lambda against, budget, start: None, {"video": Threat(math.inf, 1.0)}, ["separate"])
    assert list(found) == ["V"]
