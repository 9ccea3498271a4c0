import pytest
import torch

from models.generation.schedules import (
    ROLLING_FORCING_LEVELS,
    add_noise,
    mix_seed,
    partition_level,
    seeded_noise,
    shift_level,
)


def test_noise_depends_on_seed_latent_and_step_and_on_nothing_else() -> None:
    shape = (1, 4, 1, 4, 4)
    one = seeded_noise(1, 2, 3, shape)
    torch.randn(7)  # what others draw in between
    assert torch.equal(one, seeded_noise(1, 2, 3, shape))
    others = [
        seeded_noise(2, 2, 3, shape),
        seeded_noise(1, 3, 3, shape),
        seeded_noise(1, 2, 4, shape),
    ]
    assert all(not torch.equal(one, other) for other in others)


def test_neighboring_numbers_are_mixed_into_different_ones() -> None:
    numbers = {mix_seed(a, b, c) for a in range(12) for b in range(12) for c in range(12)}
    assert len(numbers) == 12**3
    assert min(numbers) >= 0
    assert max(numbers) < 2**63
    assert mix_seed(-1, 10**30) >= 0


def test_renoising_goes_straight_from_clean_to_noise() -> None:
    clean, noise = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(add_noise(clean, 0.0, noise), clean)
    assert torch.equal(add_noise(clean, 1.0, noise), noise)
    torch.testing.assert_close(add_noise(clean, 0.5, noise), (clean + noise) / 2)


def test_the_levels_of_rolling_forcing_are_its_time_steps_shifted_by_five() -> None:
    steps = [shift_level(time / 1000, 5) for time in (1000, 800, 600, 400, 200)]
    assert steps == pytest.approx(ROLLING_FORCING_LEVELS, abs=5e-4)


def test_a_cycle_takes_each_chunk_to_where_its_neighbor_began() -> None:
    for chunk in range(1, 4):
        assert partition_level(chunk, 3, 4, 3) == pytest.approx(partition_level(chunk - 1, 0, 4, 3))
    assert partition_level(3, 0, 4, 3) == 1
    assert partition_level(0, 3, 4, 3) == 0
    falling = [partition_level(2, done, 4, 3, shift=2.0) for done in range(4)]
    assert falling == sorted(falling, reverse=True)
