"""generation_config.json."""

import json
from pathlib import Path
from typing import Any

import pytest

from predictor.defaults import GenerationDefaults, load_generation_defaults
from predictor.errors import ModelRefused

# The members of R1-Distill's own file.
R1 = {
    "_from_model_config": True,
    "bos_token_id": 151646,
    "eos_token_id": 151643,
    "do_sample": True,
    "temperature": 0.6,
    "top_p": 0.95,
    "transformers_version": "4.39.3",
}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(
            R1, GenerationDefaults(temperature=0.6, top_p=0.95, eos_token_ids=(151643,)), id="r1"
        ),
        pytest.param({"temperature": 0.6}, GenerationDefaults(), id="greedy-without-do_sample"),
        pytest.param(
            {"do_sample": False, "temperature": 0.0, "top_p": None},
            GenerationDefaults(),
            id="greedy-as-zero-and-nulls",
        ),
        pytest.param({"do_sample": True}, GenerationDefaults(temperature=1.0), id="temperature-1"),
        pytest.param(
            {"do_sample": True, "top_k": 20, "repetition_penalty": 1.1, "eos_token_id": [1, 2]},
            GenerationDefaults(
                temperature=1.0, top_k=20, repetition_penalty=1.1, eos_token_ids=(1, 2)
            ),
            id="qwen",
        ),
    ],
)
def test_defaults_are_the_checkpoints(
    tmp_path: Path, config: dict[str, Any], expected: GenerationDefaults
) -> None:
    (tmp_path / "generation_config.json").write_text(json.dumps(config))

    assert load_generation_defaults(tmp_path) == expected


def test_a_checkpoint_without_the_file_is_greedy(tmp_path: Path) -> None:
    assert load_generation_defaults(tmp_path) == GenerationDefaults()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{", r"generation_config\.json cannot be read as JSON", id="not-json"),
        pytest.param('{"temperature": "hot"}', "temperature is 'hot', must be 0 or", id="type"),
        pytest.param('{"top_p": 0}', "top_p is 0, must be", id="range"),
        pytest.param('{"temperature": 1e-309}', "temperature is 1e-309", id="temperature-too-low"),
        pytest.param('{"eos_token_id": [1, -1]}', r"eos_token_id is \[1, -1\]", id="negative-id"),
        pytest.param('{"eos_token_id": true}', "eos_token_id is true", id="bool-id"),
        pytest.param('{"do_sample": 1}', "do_sample is 1, must be true or false", id="bool"),
    ],
)
def test_a_faulty_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "generation_config.json").write_text(text)

    with pytest.raises(ModelRefused, match=words):
        load_generation_defaults(tmp_path)
