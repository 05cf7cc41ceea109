"""Likelihoods p(x|z), each in nats per item."""

from genvae.core.likelihoods.base import FactorisedLikelihood, Likelihood
from genvae.core.likelihoods.bernoulli import Bernoulli
from genvae.core.likelihoods.discretised_logistic_mixture import DiscretisedLogisticMixture
from genvae.core.likelihoods.gaussian import Gaussian
from genvae.core.likelihoods.sequence import CategoricalSequence, Head, LinearHead, SequenceDecoder, Stepper

__all__ = [
    "Bernoulli", "CategoricalSequence", "DiscretisedLogisticMixture", "FactorisedLikelihood", "Gaussian", "Head",
    "Likelihood", "LinearHead", "SequenceDecoder", "Stepper",
]  # fmt: skip
