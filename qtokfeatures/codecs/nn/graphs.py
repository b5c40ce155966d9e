"""Steps of a network as CUDA graphs, which launch all kernels at once."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from qtokfeatures.codecs.nn.memory import Memory

Step = Callable[[Tensor, Memory], Tensor]

_MOST_GRAPHS = 12
_MOST_KEYS = 256
_log = logging.getLogger(__name__)


class Graphed:
    """A step with a :class:`Memory`, captured when shapes recur; otherwise run directly."""

    # What a step does on the device must depend on the shapes of input and memory alone. Inputs
    # with more than `most_values` values keep the device busy without graphs.
    def __init__(self, step: Step, *, most_values: int) -> None:
        self.step, self.most_values = step, most_values
        self.enabled, self.replays = True, 0
        self._times: OrderedDict[Any, int] = OrderedDict()
        self._graphs: OrderedDict[Any, _Graph] = OrderedDict()
        self._lock = threading.Lock()
        self._pool: Any = None

    def __call__(self, x: Tensor, memory: Memory) -> Tensor:
        if not self.can_capture(x):
            return self.step(x, memory)
        with self._lock, torch.inference_mode():
            graph = self._graph(x, memory)
            if graph is None:
                return self.step(x, memory)
            self.replays += 1
            return graph.replay(x, memory)

    def can_capture(self, x: Tensor) -> bool:
        """Whether a step with this input may be captured."""
        return self.enabled and x.is_cuda and 0 < x.numel() <= self.most_values

    def _graph(self, x: Tensor, memory: Memory) -> _Graph | None:
        shapes = tuple((id(block), tuple(past.shape)) for block, past in memory.items())
        key = (tuple(x.shape), x.dtype, x.device, shapes)
        if key in self._graphs:
            self._graphs.move_to_end(key)
            return self._graphs[key]
        times = self._times.pop(key, 0) + 1
        self._times[key] = times
        if len(self._times) > _MOST_KEYS:
            self._times.popitem(last=False)
        if times < 2:
            return None
        graph = self._captured(x, memory)
        if graph is not None:
            self._graphs[key] = graph
            if len(self._graphs) > _MOST_GRAPHS:
                self._graphs.popitem(last=False)
        return graph

    def _captured(self, x: Tensor, memory: Memory) -> _Graph | None:
        try:
            if self._pool is None:
                self._pool = torch.cuda.graph_pool_handle()
            return capture(self.step, x, memory, self._pool)
        except torch.cuda.OutOfMemoryError:
            self._graphs.clear()  # the step runs directly; if it does not fit either, it is halved
        except Exception as error:  # noqa: BLE001 — it runs directly
            _log.warning("no CUDA graphs (%s: %s)", type(error).__name__, error)
            self.enabled = False
        torch.cuda.synchronize(x.device)
        return None


@dataclass(frozen=True)
class _Graph:
    graph: torch.cuda.CUDAGraph
    x: Tensor
    y: Tensor
    before: dict[nn.Module, Tensor]
    after: dict[nn.Module, Tensor]

    def replay(self, x: Tensor, memory: Memory) -> Tensor:
        self.x.copy_(x)
        if self.before:
            torch._foreach_copy_(list(self.before.values()), [memory[k] for k in self.before])
        self.graph.replay()
        if self.after:
            kept = [torch.empty_like(past) for past in self.after.values()]
            torch._foreach_copy_(kept, list(self.after.values()))
            memory.update(zip(self.after, kept, strict=True))
        return self.y.clone()


def capture(step: Step, x: Tensor, memory: Memory, pool: Any) -> _Graph:
    """Capture `step` for the shapes of `x` and `memory`, which stay unchanged."""
    fixed, before = x.clone(), {block: past.clone() for block, past in memory.items()}

    def run() -> tuple[Tensor, Memory]:
        after = Memory(before)
        return step(fixed, after), after

    stream = torch.cuda.Stream(x.device)
    stream.wait_stream(torch.cuda.current_stream(x.device))
    with torch.cuda.stream(stream):
        run()  # set-up on first use must not be captured
    torch.cuda.current_stream(x.device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
        y, after = run()
    return _Graph(graph, fixed, y, before, dict(after))
