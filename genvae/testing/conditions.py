"""The contract of a kind of condition, as one function that raises AssertionError where it is not kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from genvae.core.conditions import Condition, ConditionSettings, unknown
from genvae.settings import plain


def condition_contract(settings: ConditionSettings, values: Sequence[Any]) -> Condition:
    """Check the kind of condition that is fitted to a few values as a table has them, of which at least one is unknown
    and at least two differ. Gives the condition."""
    made = settings.fit("it", values)
    codes = made.codes(values)
    rows = made.rows(codes)
    assert codes.shape == (len(values), made.coded), f"codes are {tuple(codes.shape)}"
    assert rows.shape == (len(values), *made.block.shape), f"rows are {tuple(rows.shape)}"
    known = ~unknown(rows)
    assert known.any() and not known.all(), "of some values nothing is known, and of some there is"
    assert made.codes([]).shape == (0, made.coded), "no values have no codes"
    _said(made, rows[known])
    _given(made, rows, known)
    _agreeing(made, rows, codes, known)
    _read(made, rows, known)
    again = settings.restore("it", plain(made.to_config()))
    assert again.to_config() == made.to_config(), "what was saved makes another condition"
    assert torch.equal(again.rows(again.codes(values)), rows) and again.width == made.width
    return made


def _said(made: Condition, rows: torch.Tensor) -> None:
    """Rows are said in words that ask for them again, and so are all values."""
    assert made.said(torch.zeros(made.block.shape)) == "", "an unknown row is said to be something"
    assert "kind" in made.declared()
    for row in rows:
        if row.abs().min() > 0 or made.outputs != made.block.size:  # no part of it is unknown
            assert torch.allclose(made.ask(made.said(row)), row, atol=1e-4), f"{made.said(row)!r} asks for another row"
    for name, row in made.values().items():
        assert made.said(row) == name and torch.equal(made.ask(name), row), f"{name!r} is not the name of its row"
    assert made.log_shares.shape == (len(made.values()),)


def _given(made: Condition, rows: torch.Tensor, known: torch.Tensor) -> None:
    """Networks are given as many numbers as it says, and 0 of what is unknown; all weights learn."""
    network = made.network()
    given = rows.flatten(1) if network is None else network(rows)
    assert given.shape == (len(rows), made.width), f"networks are given {tuple(given.shape)}"
    assert not given[~known].any(), "networks are told something of what is unknown"
    if network is not None:
        given.square().sum().backward()
        assert all(weight.grad is not None for weight in network.parameters()), "some weights do not learn"


def _agreeing(made: Condition, rows: torch.Tensor, codes: torch.Tensor, known: torch.Tensor) -> None:
    """Codes fit their own rows, and everything fits what is unknown."""
    fits = made.agreement(rows, codes)
    assert fits.shape == (len(rows), len(rows)) and (fits >= 0).all() and (fits <= 1).all()
    assert fits.diagonal().eq(1).all() and fits[~known].eq(1).all() and fits[:, ~known].eq(1).all()
    assert not made.drawn or fits.min() < 0.5, "no two values are told apart"


def _read(made: Condition, rows: torch.Tensor, known: torch.Tensor) -> None:
    """What a network says of it has a gradient that makes it likelier; of what is unknown it costs nothing."""
    if not made.outputs:
        return
    said = torch.zeros(len(rows), made.outputs, requires_grad=True)
    first = made.nats(said, rows)
    assert first.shape == (len(rows),) and not first[~known].any(), "what is unknown costs something"
    for _ in range(60):
        (gradient,) = torch.autograd.grad(made.nats(said, rows).sum(), said)
        said = (said - 0.1 * gradient).detach().requires_grad_()
    assert made.nats(said, rows).sum() < 0.8 * first.sum(), "its nats do not fall along their gradient"
