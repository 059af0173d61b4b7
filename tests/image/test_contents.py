"""What is in the images, and what they say of themselves."""

import json
import re

import pytest

from tests.image.conftest import LABELS
from tests.image.containers import output_of, run
from tests.image.locks import excluded, pins

pytestmark = [pytest.mark.image, pytest.mark.timeout(1200)]

LIST_MODULES = """
import importlib.util, sys
print([name for name in sys.argv[1:] if importlib.util.find_spec(name)])
"""
LIST_DISTRIBUTIONS = """
import importlib.metadata, json
print(json.dumps({d.name: d.version for d in importlib.metadata.distributions()}))
"""
# Links are left out: their mode says nothing.
WORLD_WRITABLE = ("find", "/", "-xdev", "!", "-type", "l", "-perm", "-0002")
BUILDERS = r".*bin/\(pip\|wheel\|gcc\|g\+\+\|c\+\+\|cc\|clang\|tcc\|as\|ld\|make\|nvcc\)[0-9.-]*"


@pytest.fixture(scope="session", params=["predictor", "tools"])
def image(request: pytest.FixtureRequest) -> str:
    name: str = request.getfixturevalue(f"{request.param}_image")
    return name


def config_of(image: str) -> dict[str, object]:
    config: dict[str, object] = json.loads(
        run("podman", "image", "inspect", "--format", "{{json .Config}}", image).stdout
    )
    return config


def test_the_predictor_is_started_by_its_name_and_stopped_by_sigterm(predictor_image: str) -> None:
    config = config_of(predictor_image)

    assert config["Entrypoint"] == ["r1-predictor"]
    assert config["ExposedPorts"] == {"8080/tcp": {}, "8081/tcp": {}}
    assert config.keys().isdisjoint({"Cmd", "Healthcheck", "Volumes"})


def test_an_image_has_a_user_and_a_signal_to_stop(image: str) -> None:
    config = config_of(image)

    assert (config["User"], config["StopSignal"]) == ("10001:10001", "SIGTERM")


def test_an_image_says_where_it_comes_from(image: str) -> None:
    labels = config_of(image)["Labels"]
    assert isinstance(labels, dict)

    wanted = {f"org.opencontainers.image.{name.lower()}": value for name, value in LABELS.items()}
    assert wanted.items() <= labels.items()


def test_every_cache_is_in_tmp(image: str) -> None:
    environment = config_of(image)["Env"]
    assert isinstance(environment, list)
    values = dict(line.split("=", 1) for line in environment)

    caches = ("HOME", "HF_HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
    assert [values[name].split("/")[1] for name in caches] == ["tmp"] * 4


def test_the_fonts_that_matplotlib_finds_are_listed_in_tmp(tools_image: str) -> None:
    environment = config_of(tools_image)["Env"]
    assert isinstance(environment, list)

    assert "MPLCONFIGDIR=/tmp/matplotlib" in environment


def test_everybody_may_write_to_tmp_alone(image: str) -> None:
    assert output_of(image, *WORLD_WRITABLE, user="0:0").split() == ["/tmp"]


def test_no_program_gives_another_users_rights(image: str) -> None:
    search = ("find", "/", "-xdev", "-type", "f", "-perm", "/6000")
    assert output_of(image, *search, user="0:0").split() == []


def test_there_is_no_installer_and_no_compiler(image: str) -> None:
    found = output_of(
        *(image, "find", "/", "-xdev", "!", "-type", "d", "-perm", "/0111"),
        *("-regex", BUILDERS),
        user="0:0",
    )

    assert found == ""


@pytest.mark.parametrize("python", ["/opt/r1/bin/python", "/usr/bin/python3"], ids=["own", "base"])
def test_no_python_can_install_anything(image: str, python: str) -> None:
    modules = ("pip", "setuptools", "pkg_resources", "ensurepip", "wheel")

    assert output_of(image, python, "-c", LIST_MODULES, *modules) == "[]\n"


def distributions(image: str) -> dict[str, str]:
    printed = output_of(image, "/opt/r1/bin/python", "-c", LIST_DISTRIBUTIONS)
    return {
        re.sub("[-_.]+", "-", name).lower(): version
        for name, version in json.loads(printed).items()
    }


@pytest.mark.parametrize(
    ("image", "lock", "left_out"),
    [("predictor", "cpu", "excluded"), ("tools", "tools", "excluded-tools")],
    ids=["predictor", "tools"],
    indirect=["image"],
)
def test_an_image_has_the_locked_packages_and_no_other(
    image: str, lock: str, left_out: str
) -> None:
    installed = distributions(image)

    assert installed.pop("kserve-r1")
    assert installed == pins(lock)
    assert installed.keys().isdisjoint(excluded(left_out))


def test_the_predictor_starts_without_compiling(predictor_image: str) -> None:
    result = run(
        *("podman", "--runtime", "runc", "run", "--rm", "--network", "host"),
        *("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"),
        *("--entrypoint", "/opt/r1/bin/python", predictor_image, "-v"),
        *("-c", "import predictor.server.lifecycle, predictor.model, predictor.engine.process"),
    )

    assert result.stderr.count(".pyc'") > 1000
    # Bytecode is quoted, a source that had to be compiled is not.
    assert re.findall(r"code object from (/.*\.py)$", result.stderr, re.MULTILINE) == []


def test_the_tools_are_the_two_programs_without_torch_and_the_predictor(tools_image: str) -> None:
    modules = ("canary", "loadtest", "predictor", "torch", "transformers", "kserve")

    printed = output_of(tools_image, "/opt/r1/bin/python", "-c", LIST_MODULES, *modules)
    assert printed == "['canary', 'loadtest']\n"


def test_the_tools_image_names_no_command_of_its_own(tools_image: str) -> None:
    assert config_of(tools_image).get("Entrypoint") is None
    assert "r1-predictor" not in output_of(tools_image, "ls", "/opt/r1/bin")
