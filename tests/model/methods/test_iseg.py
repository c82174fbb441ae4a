import pytest
import torch

from model.config import RefineConfig
from model.methods import iseg as refining
from model.methods.iseg import entropy_reduced, normalised, refine, settle, spread
from tests.model.memory import growth, measured


def two_blocks(leak: float) -> torch.Tensor:
    """Self-attention of 16 cells in two groups of 8 that leak into each other."""
    group = torch.arange(16) // 8
    matrix = torch.where(group[:, None] == group[None], 1.0, leak)
    return matrix / matrix.sum(1, keepdim=True)


@pytest.mark.parametrize(
    ("factor", "threshold"), [(0.002, 0.0039), (0.015, 0.0192), (0.02, 0.0238), (0.1, 0.0713), (0.2, 0.1072)]
)
def test_entropy_reduction_cuts_below_the_thresholds_of_the_base_ten_logarithm(factor: float, threshold: float) -> None:
    values = torch.tensor([threshold * 0.97, threshold * 1.03])
    matrix = torch.eye(3)
    matrix[0, 1:] = values
    reduced = entropy_reduced(matrix, factor)
    assert reduced[0, 1] == 0
    assert reduced[0, 2] > 0


def test_entropy_reduced_rows_sum_to_one_even_where_everything_would_be_cut() -> None:
    matrix = torch.full((4, 4), 1e-6)
    matrix[:, 0] = 1.0
    matrix[3] = torch.tensor([1e-9, 1e-9, 1e-9, 1e-9])
    reduced = entropy_reduced(matrix, 5.0)
    assert torch.allclose(reduced.sum(1), torch.ones(4))
    assert torch.isfinite(reduced).all()


def test_rows_some_at_a_time_are_reduced_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    among = torch.rand(23, 23, generator=torch.Generator().manual_seed(3)).pow(3)
    among[5] = 1e-9  # loses everything
    whole = entropy_reduced(among, 0.1)
    monkeypatch.setattr(refining, "ROWS", 4)
    assert torch.equal(entropy_reduced(among, 0.1), whole)
    assert torch.equal(whole[5] > 0, among[5] / among.amax(0) == (among[5] / among.amax(0)).max())


def test_entropy_reduced_products_fill_their_block_evenly_and_leak_nothing() -> None:
    among = two_blocks(leak=0.1)
    start = torch.zeros(1, 4, 4)
    start[0, 0, :2] = 1.0
    config = RefineConfig(entropy_factor=0.2, max_iterations=10, tolerance=0.0)
    reduced = refine(start, among, among, config).scores.flatten(1)
    assert reduced[0, 8:].sum() == pytest.approx(0, abs=1e-6)
    assert reduced[0, :8].sum() == pytest.approx(1, abs=1e-6)
    assert torch.allclose(reduced[0, :8], torch.full((8,), 1 / 8))


def test_a_settled_map_stops_early_and_a_moving_one_goes_on() -> None:
    among = torch.eye(16) * 0.7 + torch.roll(torch.eye(16), 1, dims=1) * 0.3
    still = torch.zeros(4, 4)
    still[:2] = 1.0
    point = torch.zeros(4, 4)
    point[0, 0] = 1.0
    config = RefineConfig(entropy_factor=0.0, max_iterations=9, tolerance=0.08)
    chosen = refine(torch.stack([still, point]), torch.eye(16), among, config).iterations
    assert chosen[0] < chosen[1] <= 9


def test_phrases_are_refined_independently() -> None:
    torch.manual_seed(0)
    among = torch.rand(16, 16).softmax(1)
    maps = torch.rand(3, 4, 4)
    config = RefineConfig()
    together = refine(maps, among, among, config).scores
    alone = torch.cat([refine(each[None], among, among, config).scores for each in maps])
    assert torch.allclose(together, alone, atol=1e-6)


def test_a_flat_map_becomes_zero_and_not_nan() -> None:
    refined = refine(torch.ones(1, 4, 4), torch.eye(16), torch.eye(16), RefineConfig()).scores
    assert (refined == 0).all()


@measured
def test_refining_sixty_four_by_sixty_four_cells_needs_less_than_300_megabytes_more() -> None:
    among, maps = torch.eye(4096).mul_(0.5).add_(0.5 / 4096), torch.rand(3, 64, 64)
    assert 64e6 < growth(lambda: refine(maps, among, among, RefineConfig(max_iterations=2))) < 300e6


def test_looking_seldom_settles_each_map_as_looking_after_every_product_does(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(4)
    maps, matrix = torch.rand(5, 16, generator=generator) ** 8, two_blocks(0.05)
    maps[0] = 1.0
    config = RefineConfig(tolerance=0.01)
    found = []
    for run in (1, 3, 4, 50):
        monkeypatch.setattr(refining, "RUN", run)
        found.append(settle(maps, matrix, config))
    settled, products = found[0]
    assert len(set(products.tolist())) > 1, "some go on longer than others"
    for number, map_ in enumerate(maps):
        expected = normalised(map_[None])
        for _ in range(int(products[number])):
            before, expected = expected, spread(expected, matrix)
        torch.testing.assert_close(settled[number : number + 1], expected)
        assert (expected - before).abs().sum() / 2 <= config.tolerance
    for others, counts in found[1:]:
        torch.testing.assert_close(others, settled)
        assert torch.equal(counts, products)


def test_one_product_needs_no_matrix_of_less_entropy() -> None:
    maps, among = torch.rand(2, 4, 4), torch.softmax(torch.rand(16, 16), 1)
    once = refine(maps, among, among, RefineConfig(max_iterations=1))
    torch.testing.assert_close(once.scores.flatten(1), normalised(spread(maps.flatten(1), among)), atol=0, rtol=0)
    assert once.iterations.tolist() == [1, 1]


@measured
def test_one_product_of_sixty_four_by_sixty_four_cells_makes_no_matrix() -> None:
    maps, among = torch.rand(1, 64, 64), torch.eye(4096)
    assert growth(lambda: refine(maps, among, among, RefineConfig(max_iterations=1))) < 20e6
