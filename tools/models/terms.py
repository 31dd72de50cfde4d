"""The licences of models, and which of them were accepted on this machine."""

from __future__ import annotations

from collections.abc import Iterable

from tools.models.catalog import Model
from tools.models.ledger import Ledger

ACCEPTED = Ledger("accepted-licences.json", str)


def unaccepted(models: Iterable[Model]) -> list[Model]:
    """The models whose licence was not accepted yet; one that has changed since has not been."""
    accepted = ACCEPTED.read()
    return [model for model in models if accepted.get(model.name) != model.terms]


def accept(models: Iterable[Model]) -> None:
    ACCEPTED.add({model.name: model.terms for model in models})
