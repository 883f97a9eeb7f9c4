"""The kit catches each way to break the contract, names it, and says how to mend it."""

import bad_answers
import bad_cuts
import bad_declarations
import bad_gathers
import bad_hooks
import bad_inputs
import bad_laws
import bad_pairs
import pytest
from bad_case import Case

from finery.testing import check
from finery.testing.checks import CHECKS

MODULES = (bad_declarations, bad_hooks, bad_answers, bad_pairs, bad_cuts, bad_gathers, bad_laws, bad_inputs)
CASES = [case for module in MODULES for case in module.CASES]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_bad_plugin_is_caught_by_the_check_of_what_it_breaks_and_by_no_other(case: Case) -> None:
    report = check(case.plugin, case.samples)
    assert report.failed == (case.check,), "\n".join(map(str, report.faults))
    assert all(fault.place and fault.fault and fault.remedy for fault in report.faults)


def test_every_check_has_a_bad_plugin_that_it_catches() -> None:
    assert {case.check for case in CASES} == {check.name for check in CHECKS}
