"""A training step that a GPU records once and then replays: one launch instead of thousands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import torch
from torch import Tensor

from qtokfeatures.training.batches import Batch

Work = Callable[[Batch, Tensor], dict[str, Tensor]]

_EAGER_STEPS = 4


class Replayed:
    """Runs `work`, on a GPU from a CUDA graph after the first few calls.

    Parameters
    ----------
    work : callable
        A step whose every draw and number is in its arguments, always of the same shapes. What
        it returns is overwritten by the next call.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, batch: Batch, depth: Tensor) -> dict[str, Tensor]:
        """Do one step."""
        if batch.y.device.type != "cuda":
            return self._work(batch, depth)
        self._calls += 1
        if self._calls <= _EAGER_STEPS:
            return self._aside(batch, depth)
        if self._graph is None:
            self._graph = self._capture(batch, depth)
        for kept, given in zip(self._inputs, [*_tensors(batch), depth], strict=True):
            kept.copy_(given)
        self._graph.replay()
        return self._results

    def _aside(self, batch: Batch, depth: Tensor) -> dict[str, Tensor]:
        """A step on a stream of its own, as what is to be captured has to begin."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            results = self._work(batch, depth)
        torch.cuda.current_stream().wait_stream(stream)
        return results

    def _capture(self, batch: Batch, depth: Tensor) -> torch.cuda.CUDAGraph:
        still = Batch(*(tensor.clone() for tensor in _tensors(batch)))
        depth = depth.clone()
        self._inputs = [*_tensors(still), depth]
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        with torch.cuda.graph(graph):
            self._results = self._work(still, depth)
        return graph


def _tensors(batch: Batch) -> list[Tensor]:
    return [getattr(batch, field.name) for field in fields(batch)]
