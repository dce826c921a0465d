"""Tables with a schema: reading them, checking them, splitting them."""

from casemate.data.build import to_dataset
from casemate.data.dataset import Dataset, concatenate
from casemate.data.duplicates import duplicates_across, duplicates_within
from casemate.data.infer import infer_schema
from casemate.data.read import read_frame
from casemate.data.schema import Column, Schema
from casemate.data.validate import validate

__all__ = [
    "Column",
    "Dataset",
    "Schema",
    "concatenate",
    "duplicates_across",
    "duplicates_within",
    "infer_schema",
    "read_frame",
    "to_dataset",
    "validate",
]
