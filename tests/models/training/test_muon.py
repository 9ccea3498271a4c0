import torch
from torch import nn

from models.training.muon import Muon, groups, orthogonal, share_at


def test_an_orthogonal_step_has_singular_values_near_one() -> None:
    rng = torch.Generator().manual_seed(0)
    for shape in ((16, 40), (40, 16), (24, 24)):
        both = torch.randn(2, *shape, generator=rng)
        values = torch.linalg.svdvals(orthogonal(both))
        assert values.min() > 0.3
        assert values.max() < 1.3
        torch.testing.assert_close(orthogonal(both)[1], orthogonal(both[1]), rtol=0, atol=0.02)


def test_each_parameter_is_in_the_group_for_its_kind() -> None:
    net = nn.ModuleDict({"inner": nn.Conv2d(3, 4, 3), "edge": nn.Linear(4, 2)})
    made = groups(net, {"edge": 0.5}, matrix=0.1, other=0.2)
    assert [(len(group["params"]), group["rate"]) for group in made] == [  # type: ignore[arg-type]  # lists
        (1, 0.1),
        (1, 0.2),
        (2, 0.5),
    ]


def test_it_finds_the_least_squares_solution() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 3))
    x = torch.randn(64, 6)
    y = x @ torch.randn(6, 3) + 1
    optimizer = Muon(groups(net, {}, matrix=0.05, other=0.02))
    loss = torch.tensor(1.0)
    for step in range(300):
        for group in optimizer.param_groups:
            group["share"] = share_at(step, 10, step / 300)
        loss = (net(x) - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 1e-3


def test_rates_rise_and_then_fall_to_three_percent() -> None:
    shares = [share_at(step, 10, step / 100) for step in range(101)]
    assert shares[:10] == sorted(shares[:10])
    assert shares[9] == 1
    assert shares[10:] == sorted(shares[10:], reverse=True)
    assert round(shares[100], 6) == 0.03
