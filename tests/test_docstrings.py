"""Every public name is documented completely: parameters, returns, an example."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from numpydoc.validate import validate

import qtokfeatures

# What is asked of everything public; EX01 (an example) only of the names themselves.
ASKED = {
    "GL08": "has no docstring",
    "PR01": "parameters not documented",
    "PR02": "unknown parameters",
    "PR03": "wrong order",
    "PR07": "parameter has no description",
    "RT01": "returns not documented",
    "YD01": "yields not documented",
    "EX01": "has no example",
}


def public_names() -> list[str]:
    """Return the functions and classes of the package's top level, errors left out."""
    objects = {name: getattr(qtokfeatures, name) for name in qtokfeatures.__all__}
    return [
        name
        for name, thing in objects.items()
        if not inspect.ismodule(thing)
        and not (inspect.isclass(thing) and issubclass(thing, BaseException))
    ]


def own_methods() -> list[tuple[str, str]]:
    """Return the public methods and properties that the package's own classes define."""
    classes = {name: getattr(qtokfeatures, name) for name in public_names()}
    return [
        (name, member)
        for name, cls in classes.items()
        if inspect.isclass(cls)
        for member, value in vars(cls).items()
        if not member.startswith("_") and (callable(value) or isinstance(value, property))
    ]


def problems(thing: Any, *, without: frozenset[str] = frozenset()) -> list[str]:
    """Return what numpydoc finds wrong with `thing`, of what is asked."""
    path = f"{thing.__module__}.{thing.__qualname__}"
    found = validate(path)["errors"]
    return [f"{code} {text}" for code, text in found if code in ASKED.keys() - without]


@pytest.mark.parametrize("name", public_names())
def test_public_name_is_documented(name: str):
    thing = getattr(qtokfeatures, name)
    # An abstract class has nothing to run.
    without = frozenset({"EX01"} if inspect.isabstract(thing) else ())
    assert problems(thing, without=without) == []


@pytest.mark.parametrize(("name", "member"), own_methods())
def test_public_method_is_documented(name: str, member: str):
    value = vars(getattr(qtokfeatures, name))[member]
    if isinstance(value, property):
        assert inspect.getdoc(value)
        return
    function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
    if function.__doc__ is None:  # an override inherits what it overrides says
        assert inspect.getdoc(value)
        return
    # What only the maker of a codec implements is documented by shapes, in prose.
    is_for_makers = getattr(function, "__isabstractmethod__", False)
    without = {"EX01", "PR01", "RT01"} if is_for_makers else {"EX01"}
    assert problems(function, without=frozenset(without)) == []
