"""What must be tested at least, and by which tests: relations between questions, and known traps.

Each entry names tests by file and function, or a harder question of tests/test_metamorphic.py; that they
exist is checked here, that they hold there.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from test_metamorphic import HARDER

TESTS = Path(__file__).parent
#: Relation between two questions -> tests in test_metamorphic.py, or names of its harder questions.
RELATIONS: dict[str, tuple[str, ...]] = {
    "units": (
        "test_another_currency_scales_the_cost",
        "test_another_unit_of_power",
        "test_another_unit_of_traffic",
    ),
    "permutations": (
        "test_order_of_offers_and_points",
        "test_hours_in_another_order",
        "test_order_of_the_file_changes_no_plan",
    ),
    "renamed ids": ("test_names_do_not_matter",),
    "dominated offers": ("test_a_dominated_offer_changes_nothing",),
    "demand up, cost not down": ("more demand",),
    "price down, cost not up": ("higher prices", "dearer tokens", "dearer energy"),
    "budget up, cost not up": ("smaller budget",),
    "split services": ("test_a_split_service_costs_no_less", "test_a_bucket_in_two_halves_is_the_bucket"),
    "independent sites add up": ("test_independent_sites_add_up",),
    "pruning changes nothing": (
        "test_pruning_points_changes_no_cost",
        "test_leaving_out_smaller_hours_changes_no_cost",
    ),
    "longer horizon": ("a longer horizon",),
    "relaxed service level": ("a stricter percentile", "a shorter time to the first token"),
}
#: Trap of the solver stack or of a format -> file and test.
TRAPS: dict[str, tuple[str, ...]] = {
    "the time limit ends as Optimal without a point": (
        "test_traps.test_status_of_pulp_is_never_read",
        "test_backend.test_time_limit_without_a_plan_says_so",
    ),
    "the time limit ends as Optimal with a gap": ("test_backend.test_time_limit_keeps_an_honest_incumbent",),
    "statuses that PuLP does not map": (
        "test_backend.test_every_member_of_highs_is_mapped_and_none_is_invented",
        "test_backend.test_what_each_status_means",
    ),
    "infeasible models have values": (
        "test_traps.test_infeasible_models_have_no_values",
        "test_backend.test_values_only_with_a_point",
    ),
    "unbounded reads infeasible": ("test_backend.test_unbounded_is_never_a_plan",),
    "an integer of 0.3 is optimal": (
        "test_backend.test_a_fractional_optimal_is_refused",
        "test_backend.test_fractional_bounds_of_integers_are_rounded_inwards",
        "test_traps.test_whole_numbers_have_whole_bounds",
    ),
    "options that are misspelt have no effect": (
        "test_backend.test_options_that_highs_rejects_are_our_fault_and_loud",
        "test_backend.test_options_are_in_force",
    ),
    "small coefficients are dropped, large ones rejected or drowned in": (
        "test_traps.test_coefficients_that_highs_drops_or_drowns_in_are_refused",
        "test_traps.test_the_dropped_coefficient_trap_exists",
        "test_backend.test_a_coefficient_out_of_range_names_row_and_column",
        "test_backend.test_a_lost_row_is_found",
        "test_backend.test_every_refused_call_raises",
    ),
    "a row that is short by less than a tolerance": (
        "test_traps.test_the_tolerance_trap_exists",
        "test_verify.test_growth_is_exact_although_the_plan_holds_floats",
    ),
    "chained comparisons, replaced objectives": (
        "test_traps.test_the_chained_comparison_trap_exists",
        "test_traps.test_pulp_lives_in_the_backend_alone",
    ),
    "not a number in a coefficient or bound": ("test_backend.test_not_a_number_is_refused",),
    "Ctrl-C": (
        "test_backend.test_control_c_keeps_the_incumbent",
        "test_interrupt.test_a_signal_ends_a_real_solve_soon_and_honestly",
    ),
    "equal runs, equal bytes": ("test_backend.test_two_solves_give_the_same_bytes",),
    "a missed optimum": (
        "test_brute_force.test_optimum_equals_enumeration",
        "test_brute_force.test_optimum_equals_enumeration_on_2000",
    ),
    "units change the answer": ("test_traps.test_the_unit_of_a_statement_does_not_matter",),
    "shares that break a row by 1e-9": ("test_traps.test_routing_obeys_every_capacity_exactly",),
    "loose bounds from duals": ("test_certificate.test_the_true_optimum_lies_between_certificate_and_cost",),
    "YAML scalars, duplicates, aliases, nesting, long numbers, NUL": (
        "test_inputs_yaml.test_scalars_stay_text",
        "test_inputs_yaml.test_refused_with_place_and_remedy",
        "test_inputs_yaml.test_alias_bomb_is_refused_at_its_first_anchor",
        "test_inputs_yaml.test_nesting_beyond_the_parsers_own_limit_is_refused_in_the_same_words",
        "test_inputs_units.test_refused_with_remedy",
    ),
    "live formulas in XLSX and CSV, control characters": (
        "test_reports_hostile.test_xlsx_holds_no_formula_and_no_link",
        "test_reports_hostile.test_csv_holds_no_formula_and_keeps_its_shape",
    ),
    "NaN and </script> in JSON": (
        "test_verify_files.test_damaged_files_are_refused_with_their_line",
        "test_reports_hostile.test_html_holds_only_our_nodes",
    ),
}


def functions(module: str) -> set[str]:
    """Tests of a file by name."""
    tree = ast.parse((TESTS / f"{module}.py").read_text())
    return {n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")}


def test_there_are_twelve_relations() -> None:
    assert len(RELATIONS) >= 12
    assert len({name for names in RELATIONS.values() for name in names}) >= 12


@pytest.mark.parametrize("relation", RELATIONS)
def test_every_relation_is_tested(relation: str) -> None:
    assert RELATIONS[relation] and set(RELATIONS[relation]) <= functions("test_metamorphic") | set(HARDER)


@pytest.mark.parametrize("trap", TRAPS)
def test_every_trap_is_tested(trap: str) -> None:
    assert TRAPS[trap]
    for place in TRAPS[trap]:
        module, _, name = place.partition(".")
        assert name in functions(module), place
