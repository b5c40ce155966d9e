"""Captured steps: which shapes are captured, and that what is replayed is right."""

from __future__ import annotations

import pytest
import torch

from qtokfeatures.codecs.nn import graphs
from qtokfeatures.codecs.nn.graphs import Graphed
from qtokfeatures.codecs.nn.memory import Memory


class Step:
    """Adds what came before, as a stream would."""

    def __init__(self):
        self.block, self.calls = torch.nn.Identity(), 0

    def __call__(self, x, memory):
        self.calls += 1
        y = x + memory[self.block] if self.block in memory else x
        memory[self.block] = y
        return y


class Replay:
    """Stands in for a graph where there is no device that has them."""

    def __init__(self, step):
        self.step, self.times = step, 0

    def replay(self, x, memory):
        self.times += 1
        return self.step(x, memory)


@pytest.fixture
def captured(monkeypatch):
    """Collect what is captured, on any device."""
    made = []

    def capture(step, x, memory, pool):
        made.append(Replay(step))
        return made[-1]

    monkeypatch.setattr(graphs, "capture", capture)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: "pool")
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device=None: None)
    monkeypatch.setattr(Graphed, "can_capture", lambda self, x: self.enabled)
    return made


def test_shapes_are_captured_when_they_come_again(captured):
    graphed, x = Graphed(Step(), most_values=100), torch.ones(1, 3)
    for _ in range(3):
        memory = Memory()
        assert torch.equal(graphed(x, memory), x)
        assert torch.equal(graphed(x, memory), 2 * x)
    assert [one.times for one in captured] == [2, 2]  # a stream's first step, and its second
    graphed(torch.ones(1, 4), Memory())
    assert len(captured) == 2


def test_few_graphs_are_kept(captured):
    graphed = Graphed(Step(), most_values=100)
    for length in range(1, 40):
        for _ in range(2):
            graphed(torch.ones(1, length), Memory())
    assert len(graphed._graphs) == graphs._MOST_GRAPHS


@pytest.mark.parametrize(
    ("error", "goes_on"),
    [(torch.cuda.OutOfMemoryError("full"), True), (RuntimeError("cannot be captured"), False)],
)
def test_what_cannot_be_captured_runs_as_it_is(captured, monkeypatch, error, goes_on):
    def capture(*args):
        raise error

    monkeypatch.setattr(graphs, "capture", capture)
    graphed, x = Graphed(Step(), most_values=100), torch.ones(1, 3)
    for _ in range(3):
        assert torch.equal(graphed(x, Memory()), x)
    assert graphed.enabled is goes_on


def test_on_a_cpu_nothing_is_captured():
    step = Step()
    graphed = Graphed(step, most_values=100)
    for _ in range(3):
        graphed(torch.ones(1, 3), Memory())
    assert (step.calls, graphed.replays) == (3, 0)


@pytest.mark.gpu
def test_graphs_replay_what_was_captured():
    step = Step()
    graphed = Graphed(step, most_values=100)
    for i in range(4):
        x, memory = torch.full((1, 3), float(i), device="cuda"), Memory()
        assert torch.equal(graphed(x, memory), x)
        assert torch.equal(graphed(x + 1, memory), 2 * x + 1)
    assert graphed.replays > 0
