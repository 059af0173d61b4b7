from pathlib import Path

import jsonschema_rs
import pytest
import yaml

import canary
from canary.rollout_file import read_rollout_file
from canary.schema import rollout_schema

EXAMPLE = Path(canary.__file__).parent / "example.yaml"


@pytest.fixture(scope="module")
def schema() -> dict:
    return rollout_schema()


@pytest.fixture(scope="module")
def validator(schema) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema)


def test_the_schema_is_one_of_its_draft(schema):
    assert jsonschema_rs.meta.is_valid(schema)


def test_the_example_meets_the_schema_and_is_read(validator):
    validator.validate(yaml.safe_load(EXAMPLE.read_text("utf-8")))
    assert read_rollout_file(EXAMPLE).bake.percent == 95


def test_the_plan_as_it_is_kept_meets_the_schema(validator):
    validator.validate(read_rollout_file(EXAMPLE).model_dump(mode="json"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": [{"percent": 100}]},
        {"steps": [{"percent": 5, "min_duration": 300}]},
        {"limits": {"then": "promote"}},
        {"surplus": 1},
        {"service": None},
    ],
    ids=str,
)
def test_what_the_program_refuses_the_schema_refuses(schema, validator, wrong):
    assert not validator.is_valid(schema["examples"][0] | wrong)


def test_every_setting_is_described(schema):
    settings = [
        (kind.get("title"), name, setting)
        for kind in (schema, *schema["$defs"].values())
        for name, setting in kind["properties"].items()
    ]
    assert len(settings) > 45
    assert [(title, name) for title, name, one in settings if not one.get("description")] == []


def test_a_default_is_shown_as_it_is_written(schema):
    assert schema["$defs"]["Step"]["properties"]["min_duration"]["default"] == "300s"
    assert schema["properties"]["bake"]["default"]["min_duration"] == "900s"
