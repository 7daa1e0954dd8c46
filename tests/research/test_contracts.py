"""What a model may answer with."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stock_assistant_pipelines.research.contracts import Claim


@pytest.mark.parametrize("sign", ["\0", "\ud83d"])
@pytest.mark.parametrize("field", ["text", "evidence"])
def test_no_text_that_cannot_be_kept_keeps_to_the_contract(field: str, sign: str) -> None:
    said = {"text": "收盘价{{close}}", "kind": "fact", "evidence": ["close"]}
    assert Claim.model_validate(said)
    with pytest.raises(ValidationError, match="write plain text"):
        Claim.model_validate(said | {field: f"close{sign}" if field == "text" else [f"close{sign}"]})
