"""Expressions against Python's own re."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramcount.adapters.patterns import MAX_MATCH_STEPS, MAX_TREE_CHARS, Pattern, start_matching
from paramcount.model.errors import InvalidDocument
from tests.builders.adapters import LLAMA, count_totals

NAMES = (
    "lm_head",
    "model",
    "model.embed_tokens",
    "model.layers.0.self_attn.q_proj",
    "model.layers.11.self_attn.v_proj",
    "model.layers.1.mlp.experts.0.up_proj",
    "model.language_model.layers.11.mlp.gate_up_proj",
    "model.visual.blocks.3.attn.qkv",
    "visual.blocks.12.mlp.fc1",
    "Vision.q_proj",
    "a",
    "a.a",
    "proj-q proj",
)

EXPRESSIONS = (
    # as training tools write them
    r"^(?!.*lm_head).*(?:q_proj|v_proj)$",
    r"^(?!.*visual).*(?:q_proj|k_proj|v_proj|fc1|gate_up_proj).*",
    r"^(?!.*(?:visual|lm_head|embed_tokens)).*(?:proj).*$",
    r"^(model\.language_model(?=\.).*\.(q_proj|gate_up_proj))$",
    r"^(model.layers(?=\.).*\.(q_proj|v_proj))$",
    r"(?:.*?(?:language|text).*?(?:self_attn|mlp).*?(?:gate_up_proj|q_proj).*?)|(?:\bmodel\.layers\.[\d]{1,}\.(?:self_attn)\.(?:q_proj))",
    r"(?!.*\.experts\.\d)(?:\bmodel\.layers\.[\d]{1,}\..*_proj)",
    r"^(?:(?!visual).)*_proj$",
    # lookarounds
    r".*(?<!q)_proj",
    r".*(?<=v|q)_proj",
    r".*(?<=\d\.)mlp.*",
    r".*(?<!model)\.layers.*|(?=lm)\w+",
    r"(?=.*\d)(?=.*mlp)(?!.*experts).*",
    r"(?!(?!.*layers)).*proj",
    r".*\.(?=1)\d+(?!\d)\..*",
    r".*(?=_proj(?<!v_proj)).*",
    r"(?i)^(?!model).*Q_PROJ",
    r"(?:(?=.*q)(?i:VISION)|lm)(?-i:.).*",
    r"(?s:.*)(?!x)",
    r"(?!)",
    r"(?=.*proj)[^\W\d_a-f]+[.\w]*",
    r"(?!\b)\B|.*\bq_proj(?!.)",
    r"(?x) (?! lm ) [a-z] {3,} .*  # not the head",
    r"(?=\S+\Z)\D*?\d{,2}(?:\D+\d)*?.*?\Amodel|.*\s.*(?!$)",
    # references, atomic groups
    r"(.)\.\1",
    r".*layers\.(\d)\1\..*",
    r"(?P<first>\w)\w*\.(?P=first).*",
    r"(v)?.*(?(1)1|q_proj)",
    r"(?>model|mod).*q_proj",
    r"(?>.*)proj",
    r"[\w.]++",
    r"\w++_proj",
    # what RE2 reads otherwise
    r"a{,3}",
    r"(?:\w{,6}\.){,9}\w+",
    r"(?:(?:(?:a{1000}){1000}){1000})?lm_head",
)


@pytest.fixture(autouse=True)
def _matching() -> None:
    start_matching()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_as_re_matches(expression: str) -> None:
    pattern, prefix = Pattern(expression, "/x"), Pattern(f"(?:.)?{_without_flags(expression)}", "/x", is_prefix=True)
    beginning = re.compile(f"(?:.)?{_without_flags(expression)}")
    assert [name for name in NAMES if pattern.matches(name)] == [n for n in NAMES if re.fullmatch(expression, n)]
    assert [name for name in NAMES if prefix.matches(name)] == [n for n in NAMES if beginning.match(n)]


def _without_flags(expression: str) -> str:
    return expression.replace("(?i)", "").replace("(?x)", "").partition("#")[0]


ATOMS = ("a", "b", ".", r"\.", "[ab]", "[^a.]", r"\d", r"\w", r"\W", "proj", "(?i:A)", "^", "$", r"\b", r"\B")
FIXED = ("a", "[ab]", "_p", ".", "(?:ab|ba)", "a(?=b)", "(?!a).")
BEHIND = [f"(?<{sign}{text})" for sign in "=!" for text in FIXED]


def _combine(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("(?={})".format, inner),
        st.builds("(?!{})".format, inner),
        st.builds("(?:{}){}".format, inner, st.sampled_from(("*", "+", "?", "{2}", "{1,3}", "{,2}", "*?", "{2,}"))),
    )


@settings(max_examples=300, deadline=None)
@given(
    st.recursive(st.sampled_from((*ATOMS, *BEHIND)), _combine, max_leaves=8),
    st.text("ab.1_ProjA ", min_size=1, max_size=9),
)
def test_random_expressions(expression: str, name: str) -> None:
    """Names are short enough for re to try every way."""
    start_matching()
    for text in (expression, f".*{expression}.*", f"(?!{expression}).*"):
        assert Pattern(text, "/x").matches(name) == (re.fullmatch(text, name) is not None)


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("(?!c(?:a|bc)*$)" * 90, "a" * 5000),
        (r"(.+)(.+)(.+)(.+)\1\2\3\4x", "a" * 200),
        (r"(\w+\.)+\1q", "model.layers.11.self_attn.q_proj"),
        (r"(?:(a|b)*\1)*x", "ab" * 50),
        (r"(a?){900}\1{900}x", "a" * 400),
    ],
)
def test_what_takes_long_is_refused(expression: str, name: str) -> None:
    began = time.thread_time()
    with pytest.raises(InvalidDocument, match=f"more than {MAX_MATCH_STEPS:,} steps"):
        Pattern(expression, "/x").matches(name)
    assert time.thread_time() - began < 1


@pytest.mark.parametrize(
    ("expression", "name", "matches"),
    [
        (r"(?=.)(?:(?:(?:a*)*)*)*b", "a" * 5000, False),
        (r"(?=.)(?:(?:(?:a*)*)*)*b", "a" * 5000 + "b", True),
        (r"(?=.)(?:a|a|aa)+(?!b).", "a" * 300, True),
        (r"(?=.)" + "a?" * 900 + "a" * 90, "a" * 90, True),
        (r"(?=.)(a+)+$", "a" * 60 + "b", False),
        (r"(?!(?!(?!(?!.*.*.*.*.*.*.*.*x)))).+", "a" * 300, False),
        (r"(?:(?:(?:a{1000}){1000}){1000})", "a" * 5000, False),
    ],
)
def test_what_takes_re_long(expression: str, name: str, matches: bool) -> None:
    began = time.thread_time()
    assert Pattern(expression, "/x").matches(name) == matches
    assert time.thread_time() - began < 1


def test_all_expressions_of_an_adapter_share_their_steps() -> None:
    long, name = Pattern("(?!c(?:a|bc)*$).*", "/x"), "a" * 2000
    assert long.matches(name)
    with pytest.raises(InvalidDocument, match="steps"):
        [Pattern(f"(?!c(?:a|bc)*{index}$).*", "/x").matches(f"{name}{index}") for index in range(50)]
    start_matching()
    assert long.matches(name)


@pytest.mark.parametrize(
    ("expression", "detail"),
    [
        ("(?=" * 2000 + "a" + ")" * 2000, "is no regular expression|nested"),
        ("(?=a)" * 50 + "a" * MAX_TREE_CHARS, "where one that RE2 does not run may have"),
        ("(?<=a*)b", "is no regular expression: look-behind requires fixed-width pattern"),
        (r"(?=a)\1", "is no regular expression: invalid group reference 1"),
        ("(?=[[:alpha:]])", "is no regular expression: Possible nested set"),
        ("a)|(b", "is no regular expression: unbalanced parenthesis"),
    ],
)
def test_refused(expression: str, detail: str) -> None:
    for is_prefix in (False, True):
        with pytest.raises(InvalidDocument, match=detail):
            Pattern(expression, "/x", is_prefix=is_prefix)


@pytest.mark.parametrize(
    ("member", "value", "trained"),
    [
        ("target_modules", r"^(?!.*lm_head).*(?:q_proj|v_proj)$", 4 * 8 * (128 + 96)),
        ("target_modules", r"(?!.*\.[02]\.).*(?<!v)(?<!o)(?<!k)_proj", 2 * 8 * (128 + 3 * 176)),
        ("target_modules", r".*\.([13])\..*q_proj(?!\1)", 2 * 8 * 128),
        ("exclude_modules", r".*\.(?!1)\d\..*", 8 * (128 + 128)),
        ("modules_to_save", ["(?!.*layers).*head"], 4 * 8 * (128 + 128)),  # PEFT saves what ends so; nothing does
        ("rank_pattern", {r"(?<!\.0\.self_attn\.)q_proj": 4}, 8 * (128 + 4 * 128) + 3 * 4 * 128),
    ],
)
def test_in_every_member(member: str, value: Any, trained: int) -> None:
    """LLAMA has 4 layers; q and o are 64 by 64, v 64 by 32, the three of mlp 64 by 112. By hand: rank · (in + out)."""
    config = {"peft_type": "LORA", "target_modules": ["q_proj", "o_proj"], member: value}
    assert count_totals(LLAMA, config)[0] == trained
