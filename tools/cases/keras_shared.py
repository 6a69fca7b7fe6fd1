"""Keras documents of .keras archives in which one object stands in several places, and what `load_model` counts."""

from __future__ import annotations

from typing import Any

from tools.cases.keras_documents import Document, bare, dense, entry, functional, layer, nest, sequential, tensor


def one_object(item: Document, number: int = 7) -> Document:
    return {**item, "shared_object_id": number}


def _square(name: str = "d", *fed_by: Any, number: int = 7) -> Document:
    """A Dense that all places share: 4·4 + 4 = 20."""
    return one_object({**dense(name, *fed_by, units=4), "build_config": {"input_shape": [None, 4]}}, number)


def _without_mark(item: Document) -> Document:
    return {name: value for name, value in bare(item).items() if name != "shared_object_id"}


def _cell(number: int = 7, name: str = "cell", **config: bool) -> Document:
    """A cell that all places share: 4(4·4 + 4·4 + 4) = 144."""
    return one_object(bare(layer("LSTMCell", name, units=4, **config)), number)


def _rnn(name: str, *cells: Document, **config: bool) -> Document:
    cell = cells[0] if len(cells) == 1 else bare(layer("StackedRNNCells", "stack", cells=list(cells)))
    return bare(layer("RNN", name, cell=cell, return_sequences=True, **config))


def _time_distributed(name: str, inner: Document) -> Document:
    return bare(layer("TimeDistributed", name, layer=inner))


_STEPS = entry("x", 5, 4)
_SUB = sequential(entry("y"), bare(_square()), bare(dense("e")), name="sub")  # 20 + 4·3 + 3 = 35
_TOWER = sequential(entry("y"), bare(_square("t")), name="tower")
_INNER = functional(entry("a"), _square("d", "a"), name="inner")

# Trainable, and non-trainable with all that never trains.
SHARED: dict[str, tuple[Document, int, int]] = {
    "a cell twice in a stack": (sequential(_STEPS, _rnn("r", _cell(), _cell())), 144, 0),
    "a cell thrice in a stack, beside another": (
        sequential(_STEPS, _rnn("r", _cell(), bare(layer("LSTMCell", "other", units=4)), _cell(), _cell())),
        288,
        0,
    ),
    "a frozen cell twice": (sequential(_STEPS, _rnn("r", _cell(trainable=False), _cell(trainable=False))), 0, 144),
    "a cell in two recurrent layers": (sequential(_STEPS, _rnn("r", _cell()), _rnn("s", _cell())), 144, 0),
    "two objects of one name": (sequential(_STEPS, _rnn("r", _cell(1), _cell(2))), 288, 0),
    "a layer, and a sequence that holds it": (sequential(entry(), bare(_square()), _SUB), 35, 0),
    "a sequence in two sequences": (
        sequential(
            entry(),
            sequential(entry("p"), one_object(_TOWER, 8), name="one"),
            sequential(entry("q"), one_object(_TOWER, 8), name="two"),
        ),
        20,
        0,
    ),
    # 20 + 2·(4·4 + 4)
    "a sequence that wrappers share": (
        sequential(
            _STEPS,
            _time_distributed("t", one_object(_TOWER, 8)),
            _time_distributed("u", sequential(entry("y"), bare(_square("t")), bare(dense("f", units=4)), name="other")),
            _time_distributed("v", one_object(_TOWER, 8)),
            bare(dense("end", units=4)),
        ),
        60,
        0,
    ),
    "a layer in two wrappers": (
        sequential(_STEPS, _time_distributed("t", bare(_square())), _time_distributed("u", bare(_square()))),
        20,
        0,
    ),
    "a layer in a wrapper and outside": (
        sequential(_STEPS, bare(_square()), _time_distributed("t", bare(_square()))),
        20,
        0,
    ),
    "a wrapper in two sequences": (
        sequential(
            _STEPS,
            sequential(entry("p", 5, 4), one_object(_time_distributed("t", bare(_square())), 8), name="one"),
            sequential(entry("q", 5, 4), one_object(_time_distributed("t", bare(_square())), 8), name="two"),
        ),
        20,
        0,
    ),
    # 2·(forward and backward of 4(4·4 + 4·4 + 4) each): it rebuilds the layer given to it
    "what Bidirectional wraps is a copy": (
        sequential(
            _STEPS,
            bare(layer("LSTM", "lstm", units=4, return_sequences=True)) | {"shared_object_id": 7},
            bare(
                layer(
                    "Bidirectional",
                    "b",
                    merge_mode="sum",
                    layer=bare(layer("LSTM", "lstm", units=4, return_sequences=True)) | {"shared_object_id": 7},
                )
            ),
        ),
        3 * 144,
        0,
    ),
    "the backward layer of Bidirectional is no copy": (
        sequential(
            _STEPS,
            *(
                bare(
                    layer(
                        "Bidirectional",
                        name,
                        merge_mode="sum",
                        layer=bare(layer("LSTM", f"f{name}", units=4, return_sequences=True)),
                        backward_layer=one_object(
                            bare(layer("LSTM", "back", units=4, return_sequences=True, go_backwards=True))
                        ),
                    )
                )
                for name in "bc"
            ),
        ),
        3 * 144,
        0,
    ),
    # each direction: a stack of one cell
    "a cell twice in what Bidirectional wraps": (
        sequential(
            _STEPS,
            bare(
                layer(
                    "Bidirectional",
                    "b",
                    layer=_rnn("r", _cell(), _cell()),
                    backward_layer=_rnn("s", _cell(8), _cell(8), go_backwards=True),
                )
            ),
        ),
        288,
        0,
    ),
    "a shared Bidirectional": (
        sequential(
            _STEPS,
            *(
                sequential(
                    entry("p", 5, 4),
                    one_object(
                        bare(
                            layer(
                                "Bidirectional",
                                "b",
                                merge_mode="sum",
                                layer=bare(layer("LSTM", "f", units=4, return_sequences=True)),
                            )
                        )
                    ),
                    name=name,
                )
                for name in ("one", "two")
            ),
        ),
        288,
        0,
    ),
    # gamma, beta; moving mean and variance
    "a normalisation in two sequences": (
        sequential(
            entry(),
            *(
                sequential(entry("p"), one_object(bare(layer("BatchNormalization", "n"))), name=name)
                for name in ("one", "two")
            ),
        ),
        8,
        8,
    ),
    # 20, and a vector of 4 for each wrapper
    "a layer in two spectral normalisations": (
        sequential(
            entry(),
            bare(layer("SpectralNormalization", "s", layer=bare(_square()))),
            bare(layer("SpectralNormalization", "t", layer=bare(_square()))),
        ),
        20,
        8,
    ),
    "a layer called twice in a model, and again in a nested one": (
        functional(
            entry(),
            _square("d", "x", "d"),
            nest(_INNER, "inner", tensor("d", 1)),
            outputs=[["inner", 1, 0]],
        ),
        20,
        0,
    ),
    "a namesake before the two places of an object": (
        sequential(
            entry(),
            sequential(entry("p"), _without_mark(_square()), name="one"),
            sequential(entry("q"), bare(_square()), sequential(entry("r"), bare(_square()), name="n"), name="two"),
        ),
        40,
        0,
    ),
    "a namesake of another size, and one mark": (
        sequential(
            _STEPS,
            _time_distributed("t", bare(dense("d"))),
            bare(dense("e", units=4)),
            _time_distributed("u", bare(_square())),
        ),
        51,
        0,
    ),
    "one mark": (sequential(_STEPS, _time_distributed("u", bare(_square()))), 20, 0),
    "a namesake after the mark": (
        sequential(_STEPS, _time_distributed("u", bare(_square())), _without_mark(_square())),
        40,
        0,
    ),
}

# Keras 3.15 saves such a model, and cannot load it: what the model has that was saved.
SAVED: dict[str, tuple[Document, int, int]] = {
    "a sequence, and the layer that it holds": (
        functional(entry(), nest(_SUB, "sub", "x"), _square("d", "x"), outputs=[["sub", 0, 0], ["d", 0, 0]]),
        35,
        0,
    ),
    "a model in two models": (
        functional(
            entry(),
            nest(
                functional(entry("p"), one_object(nest(_INNER, "inner", "p"), 8), outputs=[["inner", 1, 0]]), "o", "x"
            ),
            nest(
                functional(entry("q"), one_object(nest(_INNER, "inner", "q"), 8), outputs=[["inner", 1, 0]]),
                "s",
                "x",
            ),
            outputs=[["o", 1, 0], ["s", 1, 0]],
        ),
        20,
        0,
    ),
    # Keras marks the first place in hindsight, unless a layer around it is written by then.
    "a layer in two wrappers, of which the second is marked": (
        sequential(_STEPS, _time_distributed("t", _without_mark(_square())), _time_distributed("u", bare(_square()))),
        20,
        0,
    ),
    "a cell in three layers, of which the first is not marked": (
        sequential(_STEPS, _rnn("r", _without_mark(_cell())), _rnn("s", _cell()), _rnn("t", _cell())),
        144,
        0,
    ),
    "a sequence in two wrappers, of which the second is marked": (
        sequential(
            _STEPS,
            _time_distributed("t", sequential(entry("y"), _without_mark(_square("t")), name="tower")),
            _time_distributed("u", one_object(_TOWER, 8)),
        ),
        20,
        0,
    ),
}
