import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.methods.symmetric_kl import LEAST, symmetric_kl, symmetric_kl_between
from tests.model.memory import growth, measured


def attention(seed: int, rows: int, columns: int) -> torch.Tensor:
    """Peaked rows that sum to 1, as self-attention has them."""
    return (torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) * 3).softmax(1)


def by_definition(rows: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """The sum over (n, k, m) as it is written, in double precision."""
    one, other = rows.double()[:, None], others.double()[None]
    return ((one - other) * (torch.log(one + LEAST) - torch.log(other + LEAST))).sum(2) / 2


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 30))
def test_the_matrix_form_is_the_sum_it_stands_for(seed: int, rows: int, columns: int) -> None:
    maps = attention(seed, rows, columns)
    assert torch.allclose(symmetric_kl(maps).double(), by_definition(maps, maps), atol=1e-5)


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 6))
def test_a_few_rows_are_as_far_from_others_as_in_the_whole_matrix(seed: int, rows: int, others: int) -> None:
    maps = attention(seed, rows + others, 20)
    between = symmetric_kl_between(maps[:rows], maps[rows:])
    assert torch.allclose(between, symmetric_kl(maps)[:rows, rows:], atol=1e-5)


def test_a_distance_is_symmetric_and_nothing_to_itself() -> None:
    apart = symmetric_kl(attention(1, 40, 40))
    assert torch.equal(apart, apart.T)
    assert (apart.diagonal() == 0).all()
    assert (apart >= 0).all()


def test_rows_of_zeros_and_one_hot_rows_stay_finite() -> None:
    apart = symmetric_kl(torch.cat([torch.eye(3), torch.zeros(1, 3)]))
    assert torch.isfinite(apart).all()
    assert apart[0, 1] == pytest.approx(float(torch.log(torch.tensor((1 + LEAST) / LEAST))), abs=1e-4)


def test_half_precision_rows_are_measured_in_single_precision() -> None:
    maps = attention(2, 8, 50).half()
    assert symmetric_kl(maps).dtype == torch.float32
    assert torch.equal(symmetric_kl(maps), symmetric_kl(maps.float()))


@measured
def test_sixty_four_by_sixty_four_cells_need_less_than_300_megabytes_more() -> None:
    # fewer columns than cells: they cost time, while the peak is made of arrays of cells by cells
    rows = torch.full((4096, 256), 1 / 256)
    assert 128e6 < growth(lambda: symmetric_kl(rows)) < 300e6
