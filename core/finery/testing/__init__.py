"""What plugin authors test with: `test_letters = conformance(Letters())` is a whole test file."""

from finery.memo import Memo as memo
from finery.testing.journal import MemoryJournal
from finery.testing.kit import Report, Result, check, conformance
from finery.testing.samples import SHAPES, sample

__all__ = ["SHAPES", "MemoryJournal", "Report", "Result", "check", "conformance", "memo", "sample"]
