"""Letters keeps the contract of its hook."""

from acme_letters import Letters

from finery.testing import conformance

test_letters = conformance(Letters(minimum=0.6))
