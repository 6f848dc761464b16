"""The comparison itself: what it says of this package has to stay true; the peers' columns are run by hand."""

import pytest

from tests.benchmarks.peers.probes import ROWS
from tests.benchmarks.peers.subjects import ours

PROMISED = {
    "All its headers on an unhandled 500": "yes: 8 of 8",
    "A call over plaintext, with a token": "refused (403)",
    "A page over plaintext": "redirected (308)",
    "X-Forwarded-Proto from a peer that is no proxy": "ignored",
    "... after uvicorn has believed it": "ignored",
    "A misspelt CSP directive stops the start": "yes, with the right name",
    "`; script-src *` inside a CSP source": "refused",
    "A POST from another site's page": "refused (403)",
}
"""Where the answer is more than a yes."""


@pytest.mark.parametrize("question", ROWS)
def test_our_column(question: str) -> None:
    """Each cell of ours in docs/explanation/peers.md is what is seen."""
    seen = ROWS[question](ours())
    assert seen == PROMISED.get(question, seen)
    assert question in PROMISED or seen == "yes" or seen.startswith("yes: ")
