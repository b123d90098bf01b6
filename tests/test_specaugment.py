import pytest
import torch

from avlib.errors import AvlibError
from avlib.specaugment import SpecAugment
from avlib.transform import Labels

NOTHING = torch.nn.Identity()
LABELS = Labels(torch.rand(8, 3), torch.ones(8, 3))


def hide(audio, seed=0, **widths):
    generator = torch.Generator().manual_seed(seed)
    batch, labels = SpecAugment(**widths)(NOTHING, {"audio": audio, "video": audio + 1}, LABELS, generator)
    assert labels is LABELS
    assert torch.equal(batch["video"], audio + 1)
    return batch["audio"]


def test_masks_are_one_band_and_one_stretch_of_allowed_width():
    hidden = hide(torch.ones(400, 50, 16), freq=6, time=20) == 0
    bands, stretches = hidden.all(dim=1), hidden.all(dim=2)  # (N, F), (N, T)
    assert torch.equal(hidden, bands[:, None] | stretches[:, :, None])
    for mask, widest in ((bands, 6), (stretches, 20)):
        edges = torch.nn.functional.pad(mask.int(), (1, 1)).diff(dim=1)
        assert ((edges == 1).sum(dim=1) <= 1).all()
        widths = mask.sum(dim=1)
        assert set(widths.tolist()) == set(range(widest))  # every width occurs, none beyond
        assert mask.any(dim=0).all()  # every place occurs


def test_masks_follow_the_generator_and_leave_the_global_one():
    audio = torch.randn(8, 50, 16)
    state = torch.get_rng_state()
    draws = [hide(audio, seed, freq=6, time=20) for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(hide(audio, freq=0, time=0), audio)


def test_another_modality_can_be_named():
    batch = {"audio": torch.ones(8, 50, 16), "video": torch.ones(8, 5, 9)}
    masked, _ = SpecAugment(4, 5, modality="video")(NOTHING, batch, LABELS, torch.Generator().manual_seed(0))
    assert masked["audio"] is batch["audio"]
    assert (masked["video"] == 0).any()
    assert (batch["video"] == 1).all(), "what the split holds is not written to"


def test_what_it_cannot_do_is_named():
    with pytest.raises(AvlibError, match="SpecAugment transforms 'audio', and the batch has video"):
        SpecAugment(2, 2)(NOTHING, {"video": torch.ones(8, 5, 9)}, LABELS, torch.Generator())
    with pytest.raises(AvlibError, match="SpecAugment: freq=2, time=-1: widths are at least 0"):
        SpecAugment(2, -1)
