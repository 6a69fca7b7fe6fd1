"""Documents of a plug-in's reader: their ModelFacts are all that an adapter needs."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount import Document, Layer, Tensor
from paramcount.adapters import AdapterProblems, adapt
from paramcount.counting.count import count
from paramcount.model.budget import Limits
from paramcount.model.document import ModelFacts, Submodel
from paramcount.model.report import Report

HIDDEN, VOCABULARY, BLOCKS = 8, 100, 3
BASE_SIZE = VOCABULARY * HIDDEN * 2 + BLOCKS * 2 * HIDDEN * HIDDEN


def linear(name: str, height: int, width: int, **members: Any) -> Layer:
    return Layer(name, "Linear", tensors=(Tensor("weight", (height, width)),), **members)


BLOCK = Layer(
    f"0-{BLOCKS - 1}",
    "Block",
    children=(linear("q_proj", HIDDEN, HIDDEN), linear("v_proj", HIDDEN, HIDDEN)),
    repeat=BLOCKS,
)
EMBEDDING = Layer("embed_tokens", "Embedding", tensors=(Tensor("weight", (VOCABULARY, HIDDEN)),))


def make_document(facts: ModelFacts, class_name: str = "Decoder", framework: str = "torch") -> Document:
    blocks = Layer("layers", "ModuleList", children=(BLOCK,))
    model = Layer("model", "Inner", children=(EMBEDDING, blocks))
    root = Layer("", class_name, children=(model, linear("lm_head", VOCABULARY, HIDDEN)))
    return Document(root, "torch", framework, read_facts=lambda: facts, format="of-a-plug-in")


def count_adapted(document: Document, adapter: dict[str, Any]) -> Report:
    return count(adapt(document, count(document, limits=Limits()), adapter, Limits()), limits=Limits())


@pytest.mark.parametrize(
    ("facts", "class_name", "adapter", "trainable"),
    [
        # listed names need no facts: 3 blocks, r=2, 8 + 8 features
        (ModelFacts(), "Decoder", {"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"]}, 3 * 2 * 16),
        # default targets of a model_type: q_proj and v_proj
        (ModelFacts("llama"), "Decoder", {"peft_type": "LORA", "r": 2}, 3 * 2 * 2 * 16),
        # default targets of a class of transformers
        (ModelFacts(), "LlamaForCausalLM", {"peft_type": "LORA", "r": 2}, 3 * 2 * 2 * 16),
        # classes tell what is linear: the blocks' two, and lm_head, which no class says is the output embedding
        (
            ModelFacts(types_are_classes=True),
            "Decoder",
            {"peft_type": "LORA", "r": 2, "target_modules": "all-linear"},
            3 * 2 * 2 * 16 + 2 * (HIDDEN + VOCABULARY),
        ),
        # a prompt is as wide as the config says
        (
            ModelFacts(config={"hidden_size": 8, "num_attention_heads": 2, "vocab_size": 100, "num_hidden_layers": 3}),
            "Decoder",
            {"peft_type": "PROMPT_TUNING", "task_type": "CAUSAL_LM", "num_virtual_tokens": 5},
            5 * 8,
        ),
        # num_layers is another name of num_hidden_layers: 5 tokens, a key and a value for each of 4 layers
        (
            ModelFacts(
                config={"hidden_size": 8, "num_attention_heads": 2, "vocab_size": 100, "n_deep": 4},
                aliases={"num_hidden_layers": "n_deep"},
            ),
            "Decoder",
            {"peft_type": "PREFIX_TUNING", "task_type": "CAUSAL_LM", "num_virtual_tokens": 5},
            5 * 4 * 2 * 8,
        ),
    ],
    ids=["names", "model-type", "class", "all-linear", "config", "alias"],
)
def test_a_document_made_by_hand(facts: ModelFacts, class_name: str, adapter: dict[str, Any], trainable: int) -> None:
    report = count_adapted(make_document(facts, class_name), adapter)
    totals = report.root.totals
    assert (totals.trainable, totals.trainable + totals.frozen) == (trainable, BASE_SIZE + trainable)
    assert report.format == "of-a-plug-in"


@pytest.mark.parametrize(
    ("submodels", "trainable"),
    [
        ((Submodel("model.language_model.", "gpt2", "GPT2Model"),), 2 * 16),  # wte is GPT-2's embedding
        ((), 2 * 16 + 2 * (VOCABULARY + HIDDEN)),  # wte is taken for a Linear
    ],
)
def test_the_modules_of_a_submodel(submodels: tuple[Submodel, ...], trainable: int) -> None:
    wte = EMBEDDING._replace(name="wte")
    language_model = Layer("language_model", "Inner", children=(wte, linear("proj", HIDDEN, HIDDEN)))
    model = Layer("model", "Inner", children=(language_model,))
    root = Layer("", "LlavaForConditionalGeneration", children=(model, linear("lm_head", VOCABULARY, HIDDEN)))
    facts = ModelFacts("llava", submodels=submodels)
    document = Document(root, "torch", "torch", read_facts=lambda: facts)
    report = count_adapted(document, {"peft_type": "LORA", "r": 2, "target_modules": "all-linear"})
    assert report.root.totals.trainable == trainable  # lm_head, the output embedding, is no target


def test_facts_are_read_only_for_an_adapter() -> None:
    def fail() -> ModelFacts:
        raise AssertionError("an ordinary count pays for facts")

    document = make_document(ModelFacts())._replace(read_facts=fail)
    assert count(document, limits=Limits()).root.totals.trainable == BASE_SIZE
    with pytest.raises(AssertionError, match="pays"):
        count_adapted(document, {"peft_type": "LORA", "target_modules": ["q_proj"]})


@pytest.mark.parametrize("framework", ["keras", ""])
def test_only_torch(framework: str) -> None:
    with pytest.raises(AdapterProblems) as caught:
        count_adapted(make_document(ModelFacts(), framework=framework), {"peft_type": "LORA", "target_modules": ["q"]})
    assert [problem.code for problem in caught.value.problems] == ["unsupported_format"]
