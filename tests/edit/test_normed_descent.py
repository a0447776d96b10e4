"""Steps have a length of their own, whatever the size of the gradient."""

from __future__ import annotations

import torch

from emendo.edit.normed_descent import NormedDescent


def test_steps_are_a_share_of_the_scale_of_each_row_and_gather_momentum() -> None:
    delta = torch.zeros(3, 2, requires_grad=True)
    optimiser = NormedDescent(delta, torch.tensor([10.0, 1.0, 5.0]), learning_rate=0.4, momentum=0.5)
    for _ in range(2):
        # A row without a gradient, one that has left the search, stays where it is.
        delta.grad = torch.tensor([[300.0, 400.0], [0.0, 1e-6], [0.0, 0.0]])
        optimiser.step()
    torch.testing.assert_close(delta.detach(), -torch.tensor([[6.0, 8.0], [0.0, 1.0], [0.0, 0.0]]))
