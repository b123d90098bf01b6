"""Dealt out again: nobody keeps what was its own, nothing is lost, and the rest stays where it was."""

import dataclasses

import pytest
import torch

from avlib.data.exchanged import exchanged
from avlib.errors import AvlibError
from tests.data.test_split import COUNT, split  # noqa: F401


@pytest.fixture
def data(split):  # noqa: F811
    @dataclasses.dataclass(frozen=True)
    class Data:
        train: object
        valid: object
        eval: object
        checksums: dict

    return Data(split, split.subset([4, 2]), split.subset([9, 1, 0, 5]), {"audio": "a", "video": "v", "labels": "l"})


@pytest.mark.parametrize("part", ["train", "valid", "eval"])
@pytest.mark.parametrize("seed", range(5))
def test_every_clip_has_that_of_another_and_each_is_dealt_once(data, part, seed):
    before, after = (getattr(each, part) for each in (data, exchanged(data, "audio", seed)))
    everyone = range(len(before))
    was, is_now = (clips.batch(everyone)[0]["audio"][:, 0, 0].long().tolist() for clips in (before, after))
    assert sorted(was) == sorted(is_now)
    assert not any(a == b for a, b in zip(was, is_now, strict=True))
    for clips in (before, after):
        x, labels = clips.batch(everyone)
        assert torch.equal((x["video"][:, 0, 0, 0, 0, 0] * 255).round().long(), labels.argmax(dim=1))
    assert before.ids == after.ids


def test_it_is_another_set_for_whoever_keeps_what_was_trained(data):
    made = [exchanged(data, "audio", seed).checksums for seed in (0, 0, 1)]
    assert made[0] == made[1]
    assert len({made[0]["audio"], made[2]["audio"], data.checksums["audio"]}) == 3
    assert made[0]["video"] == "v"


@pytest.mark.parametrize(("share", "dealt"), [(0.0, 0), (0.25, 3), (0.5, 6), (1.0, 11)])
def test_a_share_of_the_clips_is_dealt_out_and_the_others_keep_what_is_theirs(data, share, dealt):
    before, after = (each.train.whole("audio")[:, 0, 0] for each in (data, exchanged(data, "audio", 3, share)))
    assert int((before != after).sum()) == dealt
    assert sorted(before.tolist()) == sorted(after.tolist())
    assert exchanged(data, "audio", 3, share).checksums != exchanged(data, "audio", 3, 0.9).checksums


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_is_between_none_and_all(data, share):
    with pytest.raises(AvlibError, match=r"^share="):
        exchanged(data, "audio", share=share)


def test_features_can_be_put_in_place_of_others_in_a_view(split):  # noqa: F811
    view = split.subset([7, 3, 10])
    held = view.having({"taste": torch.tensor([[70.0], [30.0], [100.0]])})
    x, labels = held.batch([2, 0])
    assert x["taste"].flatten().tolist() == [100.0, 70.0]
    assert x["audio"][:, 0, 0].tolist() == labels.argmax(dim=1).tolist() == [10, 7]
    assert split.having({"taste": torch.arange(float(COUNT))}).subset([4]).batch([0])[0]["taste"] == 4
