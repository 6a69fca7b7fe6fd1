"""The shipped blueprints: each can be read."""

from __future__ import annotations

from paramcount.formats.huggingface.blueprints import INDEX_PLACEHOLDERS, iterate_classes, load_blueprint, load_index


def test_every_blueprint_can_be_read() -> None:
    """Each is in the language, and an index variable of it is a block's."""
    for model_type, name in iterate_classes():
        for entry in load_blueprint(model_type, name).entries:
            assert len(entry.counts) == sum(step.endswith(INDEX_PLACEHOLDERS) for step in entry.steps), (
                name,
                entry.name,
            )
    assert load_index().version
