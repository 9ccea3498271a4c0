import pytest
import torch

from models.generation.schedules import ROLLING, drawn, mixed, renoise, shifted, staircase


def test_noise_depends_on_seed_latent_and_step_and_on_nothing_else() -> None:
    shape = (1, 4, 1, 4, 4)
    one = drawn(1, 2, 3, shape)
    torch.randn(7)  # what others draw in between
    assert torch.equal(one, drawn(1, 2, 3, shape))
    others = [drawn(2, 2, 3, shape), drawn(1, 3, 3, shape), drawn(1, 2, 4, shape)]
    assert all(not torch.equal(one, other) for other in others)


def test_neighbouring_numbers_are_mixed_into_different_ones() -> None:
    numbers = {mixed(a, b, c) for a in range(12) for b in range(12) for c in range(12)}
    assert len(numbers) == 12**3
    assert min(numbers) >= 0
    assert max(numbers) < 2**63
    assert mixed(-1, 10**30) >= 0


def test_renoising_goes_straight_from_clean_to_noise() -> None:
    clean, noise = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(renoise(clean, 0.0, noise), clean)
    assert torch.equal(renoise(clean, 1.0, noise), noise)
    torch.testing.assert_close(renoise(clean, 0.5, noise), (clean + noise) / 2)


def test_the_levels_of_rolling_forcing_are_its_time_steps_shifted_by_five() -> None:
    steps = [shifted(time / 1000, 5) for time in (1000, 800, 600, 400, 200)]
    assert steps == pytest.approx(ROLLING, abs=5e-4)


def test_a_cycle_takes_each_chunk_to_where_its_neighbour_began() -> None:
    for chunk in range(1, 4):
        assert staircase(chunk, 3, 4, 3) == pytest.approx(staircase(chunk - 1, 0, 4, 3))
    assert staircase(3, 0, 4, 3) == 1
    assert staircase(0, 3, 4, 3) == 0
    falling = [staircase(2, done, 4, 3, shift=2.0) for done in range(4)]
    assert falling == sorted(falling, reverse=True)
