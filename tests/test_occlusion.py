"""Parts of a spectrogram, as masks, as holes and as all there is."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from avlib.attacks import Threat, pgd
from avlib.data.split import Split
from avlib.errors import AvlibError
from avlib.occlusion import Hide, Part, equal, thirds
from avlib.training import Recipe
from avlib.transform import Labels

X = torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(0)) + 5
BATCH, Y = {"audio": X, "video": torch.ones(3, 2)}, torch.ones(3, 1)


@pytest.mark.parametrize("axis", ["bins", "frames"])
def test_a_part_and_its_rest_share_all_cells(axis):
    part = Part(axis, 1, 4)
    mask = part.mask(X)
    assert mask.shape == (1, 6, 8)
    assert torch.equal(mask + part.rest.mask(X), torch.ones(1, 6, 8))
    along = mask[0, 0] if axis == "bins" else mask[0, :, 0]
    assert along.tolist() == [0, 1, 1, 1] + [0] * (len(along) - 4)
    assert part.rest.rest == part


@pytest.mark.parametrize("axis", ["bins", "frames"])
def test_what_is_hidden_is_0_and_all_else_is_as_it_was(axis):
    part = Part(axis, 2, 5)
    hidden = part(BATCH, Y)
    mask = part.mask(X).bool().expand_as(X)
    assert bool((hidden["audio"][mask] == 0).all())
    assert torch.equal(hidden["audio"][~mask], X[~mask])
    assert hidden["video"] is BATCH["video"]
    assert torch.equal(hidden["audio"] + part.rest(BATCH, Y)["audio"], X)


@pytest.mark.parametrize(("axis", "shape"), [("bins", (3, 6, 3)), ("frames", (3, 3, 8))])
def test_a_part_alone_is_cut_out_clip_by_clip(axis, shape):
    clips = Split({"audio": X}, Y, ("a", "b", "c")).subset([2, 0])
    cut, _ = Part(axis, 2, 5).alone(clips).batch([0, 1])
    assert cut["audio"].shape == (2, *shape[1:])
    assert torch.equal(cut["audio"][0], X[2, :, 2:5] if axis == "bins" else X[2, 2:5])
    with pytest.raises(AvlibError, match="no one piece"):
        Part(axis, 2, 5).rest.alone(clips)


def test_as_a_transform_it_hides_in_training_and_enters_the_recipe():
    labels = Labels(Y, Y)
    step = Hide(Part("bins", 0, 6).rest).prepare(Split(BATCH, Y, ("a", "b", "c")))
    seen, same = step(nn.Identity(), BATCH, labels, torch.Generator())
    assert bool((seen["audio"][..., 6:] == 0).all())
    assert torch.equal(seen["audio"][..., :6], X[..., :6])
    assert same is labels
    assert Recipe(transforms=(Hide(Part("bins", 0, 6)),)) != Recipe(transforms=(Hide(Part("bins", 0, 7)),))


def test_as_a_mask_it_confines_an_attack():
    class Sum(nn.Module):
        def forward(self, batch):
            return batch["audio"].flatten(1).sum(dim=1, keepdim=True)

    part = Part("frames", 0, 3)
    found = pgd(
        Sum(), {"audio": X}, Y, {"audio": Threat(2, 1.0, mask=part.mask(X))}, steps=3, loss=lambda z, _: z[:, 0]
    )
    delta = found.delta["audio"]
    assert float(delta[:, 3:].abs().max()) == 0
    assert delta.flatten(1).norm(dim=1).tolist() == pytest.approx([1, 1, 1])


def test_bands_and_halves_cover_everything_once():
    for parts in (thirds(64), thirds(50), equal("bins", 64, 4), equal("bins", 10, 3)):
        ends = [(part.first, part.last) for part in parts.values()]
        assert ends[0][0] == 0
        assert all(a[1] == b[0] for a, b in pairwise(ends))
    assert [(part.first, part.last) for part in thirds(64).values()] == [(0, 20), (20, 40), (40, 64)]
    assert [part.last - part.first for part in equal("bins", 10, 3).values()] == [3, 4, 3]
    assert list(equal("frames", 100, 2)) == ["frames 0–50", "frames 50–100"]


@pytest.mark.parametrize(("first", "last"), [(-1, 2), (3, 3), (4, 2)])
def test_an_empty_part_is_refused(first, last):
    with pytest.raises(AvlibError, match=f"bins {first} to {last}"):
        Part("bins", first, last)


def test_a_part_beyond_the_clip_and_a_clip_without_sound_are_refused():
    with pytest.raises(AvlibError, match="frames 4 to 9: there are 6"):
        Part("frames", 4, 9).mask(X)
    with pytest.raises(AvlibError, match="audio"):
        Part("bins", 0, 2)({"video": X}, Y)
