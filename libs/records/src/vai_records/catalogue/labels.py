"""Labels: keys and values that people give to saved things and runs, to find them again."""

from typing import Annotated

from pydantic import Field

from vai_records.strict import short

MOST = 32
LONGEST_KEY = 63
LONGEST_VALUE = 255

KEY_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$"
"""The characters that Kubernetes allows. Without `=`, which separates key and value if a label is written as one
text.
"""

_VALUE_PATTERN = r"^[^\x00-\x1f\x7f]*$"

LabelKey = Annotated[str, Field(max_length=LONGEST_KEY, pattern=KEY_PATTERN)]
LabelValue = Annotated[str, Field(max_length=LONGEST_VALUE, pattern=_VALUE_PATTERN)]

Labels = Annotated[dict[LabelKey, LabelValue], short(MOST), Field(max_length=MOST)]
"""Up to 32 keys with their values."""

LabelFilter = Annotated[
    str, Field(max_length=LONGEST_KEY + 1 + LONGEST_VALUE, pattern=KEY_PATTERN[:-1] + r"(=[^\x00-\x1f\x7f]{0,255})?$")
]
"""`key=value`, or `key` for any value."""

OF_LABELS = """(labels IS NOT NULL AND label_marks(org_id, labels) @> (
    SELECT array_agg(hashtextextended(mark, hashtextextended(org_id::text, 0))) FROM unnest(${}::text[]) mark
))"""
"""The SQL condition that a row has all labels of a list of filters. The indexes of runs and of automation runs support
it.
"""
