"""The GRU gives what PyTorch's own gives."""

from __future__ import annotations

import torch
from torch import nn

from qtokfeatures.speech.recurrent import BidirectionalGRU


def torch_gru(own: BidirectionalGRU) -> nn.GRU:
    """Return PyTorch's GRU with the same parameters."""
    width = own.input_weight.shape[1]
    known = nn.GRU(width, width, batch_first=True, bidirectional=True).to(own.input_weight.dtype)
    with torch.no_grad():
        for direction, suffix in enumerate(("", "_reverse")):
            for name, weight, bias in (
                ("ih", own.input_weight, own.input_bias),
                ("hh", own.hidden_weight, own.hidden_bias),
            ):
                getattr(known, f"weight_{name}_l0{suffix}").copy_(weight[direction].T)
                getattr(known, f"bias_{name}_l0{suffix}").copy_(bias[direction, 0])
    return known


def both(x: torch.Tensor, steps: list[int]) -> tuple[BidirectionalGRU, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    own = BidirectionalGRU(x.shape[2]).double()
    packed = nn.utils.rnn.pack_padded_sequence(
        x, torch.tensor(steps), batch_first=True, enforce_sorted=False
    )
    expected, _ = nn.utils.rnn.pad_packed_sequence(torch_gru(own)(packed)[0], batch_first=True)
    return own, own(x, torch.tensor(steps)), expected


def test_it_gives_what_pytorch_gives() -> None:
    x = torch.randn(3, 7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    steps = [7, 3, 5]
    _, found, expected = both(x, steps)
    for row, count in enumerate(steps):
        torch.testing.assert_close(found[row, :count], expected[row, :count])


def test_gradients_are_right() -> None:
    torch.manual_seed(0)
    gru = BidirectionalGRU(3).double()
    x = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in gru.named_parameters()]

    def run(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        parameters = dict(zip(names, values, strict=True))
        found = torch.func.functional_call(gru, parameters, (x, torch.tensor([4, 2])))
        return found * (torch.arange(4)[None, :, None] < torch.tensor([4, 2])[:, None, None])

    assert torch.autograd.gradcheck(run, (x, *gru.parameters()))


def test_padding_and_company_change_nothing() -> None:
    torch.manual_seed(0)
    gru = BidirectionalGRU(4)
    x = torch.randn(2, 9, 4)
    together = gru(x, torch.tensor([9, 5]))
    alone = gru(x[1:, :5], torch.tensor([5]))
    torch.testing.assert_close(together[1, :5], alone[0])
