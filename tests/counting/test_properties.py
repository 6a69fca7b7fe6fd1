"""Properties of the count that every model has."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from paramcount.counting.count import Options, count
from paramcount.counting.freezing import Rule
from paramcount.formats.detect import read
from paramcount.model.report import Report
from paramcount.schema.registry import FORMATS

dense = st.builds(
    lambda units, bias: {"type": "Dense", "units": units, "use_bias": bias}, st.integers(1, 9), st.booleans()
)
blocks = st.recursive(
    dense,
    lambda inner: st.builds(
        lambda layers, flag: {"type": "Block", "trainable": flag, "layers": layers},
        st.lists(inner, min_size=1, max_size=4),
        st.booleans(),
    ),
    max_leaves=12,
)
models = st.lists(blocks, min_size=1, max_size=4)
globs = st.text(alphabet="*?densblock_.[]!1", max_size=12)


def count_layers(layers: Any, *rules: Rule) -> Report:
    payload = {"framework": "keras", "input_shape": [3], "layers": layers}
    return count(read(payload, FORMATS["native"]), Options(rules=rules))


@given(models, st.lists(st.tuples(globs, st.booleans()), max_size=4))
def test_rules_move_counts_between_columns_and_never_change_their_sum(
    model: Any, rules: list[tuple[str, bool]]
) -> None:
    before, after = count_layers(model), count_layers(model, *(Rule(*rule) for rule in rules))
    assert (
        before.root.totals.trainable + before.root.totals.frozen
        == after.root.totals.trainable + after.root.totals.frozen
    )
    assert min(after.root.totals.trainable, after.root.totals.frozen) >= 0
    assert before.weights_by_dtype == after.weights_by_dtype


@given(models, st.integers(1, 12))
def test_repeating_equals_writing_out(model: Any, times: int) -> None:
    closed = [*model, {"type": "Dense", "units": 3}]  # a block that returns what it takes
    repeated = count_layers([{"type": "Block", "repeat": times, "layers": closed}])
    written = count_layers([{"type": "Block", "layers": closed} for _ in range(times)])
    assert repeated.root.totals == written.root.totals


@given(models)
def test_a_row_sums_its_tensors_and_its_children(model: Any) -> None:
    def check(row: Any) -> None:
        direct = sum(tensor.size for tensor in row.tensors)
        nested = sum(child.totals.trainable + child.totals.frozen for child in row.children)
        assert row.totals.trainable + row.totals.frozen == row.repeat * (direct + nested)
        for child in row.children:
            check(child)

    check(count_layers(model).root)


@settings(max_examples=30)
@given(models, st.integers(0, 5))
def test_a_rule_on_one_copy_splits_a_repeated_block(model: Any, index: int) -> None:
    closed = [*model, {"type": "Dense", "units": 3}]
    block = {"type": "Block", "name": "0-5", "repeat": 6, "layers": closed}
    rows = count_layers([block], Rule("*", True), Rule(f"{index}.*", False)).root.children
    frozen = [row for row in rows if row.totals.trainable == 0]
    assert [(row.name, row.path, row.repeat) for row in frozen] == [(str(index), str(index), 1)]
    assert sum(row.repeat for row in rows) == 6
