"""A number is called in the person's language where a person reads it, and acts by no name."""

from __future__ import annotations

import pytest

from intentos.parameters import Parameter
from intentos.plan import Plan, Step
from intentos.plan_file import dump_plan, load_plan
from intentos.program import Buffer, GpuProgram, Probe
from intentos.quantity_names import (
    column_name,
    has_name,
    quantity_name,
    quantity_words,
    with_names,
)
from intentos.types import Words

OWN = {"period": Words(en="Time of one swing", zh="摆动一次的时间"), "fox": Words(zh="狐狸")}


def plan_of(**changes: object) -> Plan:
    """Return a plan that calls two numbers by names of its own."""
    plan = Plan(
        title=Words(en="Pendulum", zh="单摆"),
        interpretation=Words(en="Swing.", zh="摆动。"),
        parameters=(Parameter(name="length", label=Words(en="Rope", zh="绳长"), default=1.0),),
        steps=(
            Step(
                id="draw",
                language="wgsl",
                code="fn draw() {}",
                arguments={"probes": [{"name": "light", "label_en": "Glow", "label_zh": "光亮"}]},
            ),
        ),
        labels=OWN,
        origin="recipe",
    )
    return plan.model_copy(update=changes)


@pytest.mark.parametrize(
    ("name", "en", "zh"),
    [
        ("period", "Time of one swing", "摆动一次的时间"),  # the plan's own, before the catalogue's
        ("length", "Rope", "绳长"),  # its parameter's
        ("light", "Glow", "光亮"),  # its probe's
        ("mean_speed", "Mean speed", "平均速度"),  # what numbers are commonly called so
        ("period_exact", "Time of one swing (exact)", "摆动一次的时间（精确值）"),
        ("max_length", "Rope (maximum)", "绳长（最大）"),
        ("x_end", "x (at the end)", "x（最终）"),
        ("cake_slices", "cake slices", "cake slices"),  # nobody has named it
        ("fox", "狐狸", "狐狸"),  # known in one language only
    ],
)
def test_the_plans_own_name_comes_first_and_the_code_last(name: str, en: str, zh: str) -> None:
    plan = plan_of()
    assert quantity_name(name, "en", plan) == en
    assert quantity_name(name, "zh", plan) == zh
    assert quantity_words(name, plan) == Words(en=en, zh=zh)


def test_without_a_plan_the_common_names_hold() -> None:
    assert quantity_name("period", "zh") == "周期"
    assert quantity_name("length", "en") == "Length"
    assert quantity_name("mean_speed", "fr") == "Mean speed"


def test_a_name_counts_where_all_of_it_is_in_words() -> None:
    plan = plan_of()
    assert has_name("period_exact", plan)
    assert has_name("energy")
    assert has_name("x_end")  # a single letter is its own name
    assert not has_name("cake_slices", plan)
    assert not has_name("cake_exact", plan)


def test_names_do_not_act() -> None:
    plan = plan_of()
    other = {"period": Words(en="Something else"), "more": Words(en="More", zh="更多")}
    assert plan_of(labels=other).digest == plan.digest == plan_of(labels={}).digest


def test_names_are_kept_in_a_plans_file() -> None:
    plan = plan_of()
    found = load_plan(dump_plan(plan, {}), "plan.yaml")
    assert found.plan.labels == OWN
    assert not found.edited


def test_a_programs_charts_are_called_as_the_plan_calls_them() -> None:
    program = GpuProgram(
        source="fn nothing() {}",
        buffers=(Buffer(name="sums", type="u32", length=4),),
        probes=(
            Probe(buffer="sums", name="period", label_en="swing", label_zh="摆", unit="s"),
            Probe(buffer="sums", name="kinetic", label_en="kinetic energy", label_zh="动能"),
            Probe(buffer="sums", name="mean_speed"),
        ),
        width=8,
        height=8,
    )
    named = with_names(program, plan_of())
    assert [(p.label_en, p.label_zh) for p in named.probes] == [
        ("Time of one swing", "摆动一次的时间"),
        ("kinetic energy", "动能"),
        ("Mean speed", "平均速度"),
    ]
    plain = {"label_en": "", "label_zh": ""}
    bare = [p.model_copy(update=plain) for p in program.probes]
    assert [p.model_copy(update=plain) for p in named.probes] == bare
    assert named.model_copy(update={"probes": ()}) == program.model_copy(update={"probes": ()})


def test_the_columns_of_somebodys_own_data_keep_their_names() -> None:
    plan = plan_of()
    assert column_name("energy", "zh", plan) == "energy"
    assert column_name("period", "zh", plan) == "摆动一次的时间"
    probes = {"kinetic": Probe(buffer="b", name="kinetic", label_en="motion", label_zh="动能")}
    assert column_name("kinetic", "zh", plan, probes) == "动能"
    assert column_name("frame", "zh", plan, probes) == "画面"
