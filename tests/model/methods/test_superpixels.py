import torch

from model.methods.superpixels import pooled


def halves(noise: float) -> torch.Tensor:
    """Two token maps (2, 12, 12) that swap places between the left and the right half."""
    left = torch.where(torch.arange(12) < 6, 0.9, 0.1).expand(12, 12)
    maps = torch.stack([left, 1 - left])
    return maps + noise * torch.rand(maps.shape, generator=torch.Generator().manual_seed(0))


def test_cells_of_a_cluster_get_their_mean() -> None:
    maps = halves(noise=0.05)
    smooth = pooled(maps, side=2)
    assert smooth.shape == maps.shape
    assert len(maps[0].unique()) > 100
    assert len(smooth[0].unique()) <= 4
    assert torch.allclose(smooth[:, :, :6].sum((1, 2)), maps[:, :, :6].sum((1, 2)))
    assert torch.allclose(smooth[:, :, 6:].sum((1, 2)), maps[:, :, 6:].sum((1, 2)))


def test_maps_without_any_difference_stay_as_they_are() -> None:
    maps = torch.full((3, 8, 8), 0.2)
    assert torch.allclose(pooled(maps), maps)


def test_zeros_stay_finite() -> None:
    assert torch.isfinite(pooled(torch.zeros(3, 8, 8))).all()


def test_no_round_leaves_the_maps_alone() -> None:
    maps = halves(noise=0.3)
    assert torch.equal(pooled(maps, rounds=0), maps)
