from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from deploy.catalog import CONFIG, Catalog, load
from deploy.errors import Failure, Usage


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load()


def test_the_four_specs_are_what_the_service_offers(catalog: Catalog) -> None:
    assert [(s.id, s.cpus, s.memory, s.gpus, s.gpu_memory, s.system_disk) for s in catalog.specs] == [
        ("ecs.gn7i-c16g1.4xlarge", 16, 60, 1, 24, 200),
        ("ecs.gn7i-c32g1.8xlarge", 32, 188, 1, 24, 200),
        ("ecs.gn7i-c32g1.16xlarge", 64, 376, 2, 24, 200),
        ("ecs.gn7i-c32g1.32xlarge", 128, 752, 4, 24, 200),
    ]
    assert (catalog.default_model, catalog.local_model) == ("large-v2", "tiny.en")


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("gn7i-c16g1", "ecs.gn7i-c16g1.4xlarge"),
        ("c16g1", "ecs.gn7i-c16g1.4xlarge"),
        ("ecs.gn7i-c32g1.8xlarge", "ecs.gn7i-c32g1.8xlarge"),
        ("gn7i-c32g1.16xlarge", "ecs.gn7i-c32g1.16xlarge"),
        (" GN7I-C32G1.32XLARGE ", "ecs.gn7i-c32g1.32xlarge"),
        ("8xlarge", "ecs.gn7i-c32g1.8xlarge"),
    ],
)
def test_any_unambiguous_part_finds_a_spec(catalog: Catalog, text: str, spec: str) -> None:
    assert catalog.find_spec(text).id == spec


def test_an_ambiguous_spec_lists_the_candidates(catalog: Catalog) -> None:
    with pytest.raises(Usage) as failure:
        catalog.find_spec("gn7i-c32g1")
    assert str(failure.value) == (
        "--spec gn7i-c32g1: could be ecs.gn7i-c32g1.8xlarge, ecs.gn7i-c32g1.16xlarge, ecs.gn7i-c32g1.32xlarge; "
        "give more of the name"
    )


@pytest.mark.parametrize(("text", "near"), [("gn7i-c16g2.4xlarge", "ecs.gn7i-c16g1.4xlarge"), ("", "choose one of")])
def test_an_unknown_spec_suggests_near_names(catalog: Catalog, text: str, near: str) -> None:
    with pytest.raises(Usage, match="no such spec") as failure:
        catalog.find_spec(text)
    assert near in failure.value.remedy


def test_a_wrong_region_name_gets_a_suggestion(catalog: Catalog) -> None:
    with pytest.raises(Usage) as failure:
        catalog.find_region("cn-hangzou")
    assert failure.value.remedy.startswith("did you mean cn-hangzhou")


@pytest.mark.parametrize(
    ("was", "becomes", "complaint"),
    [
        ("      Gpus: 1\n", "      Gpus: one\n", "config.yaml: Catalog/Specs/0/Gpus: should be an integer"),
        ("      Gpus: 1\n", "      Gpus: true\n", "config.yaml: Catalog/Specs/0/Gpus: should be an integer"),
        ("      Gpus: 1\n", "      Gpus: 0\n", "config.yaml: Catalog/Specs/0/Gpus: should be 1 or more"),
        ("      Gpus: 1\n", "", "config.yaml: Catalog/Specs/0/Gpus: is missing"),
        ("      Gpus: 1\n", "      Gpuz: 1\n", "config.yaml: Catalog/Specs/0/Gpuz: is not known"),
        ("LocalDefault: tiny.en", "LocalDefault: tiny.eng", "config.yaml: Catalog/Models/LocalDefault: should be one"),
        ("Catalog:\n", "Katalog:\n", "config.yaml: Catalog: is missing"),
        ("Catalog:\n", "Catalog: [\n", "config.yaml:"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_place(tmp_path: Path, was: str, becomes: str, complaint: str) -> None:
    text = CONFIG.read_text(encoding="utf-8")
    assert was in text
    broken = tmp_path / "config.yaml"
    broken.write_text(text.replace(was, becomes, 1), encoding="utf-8")
    with pytest.raises(Failure) as failure:
        load(broken)
    assert str(failure.value).startswith(complaint)
    assert "\n" not in str(failure.value)


def test_the_service_offers_what_the_catalog_has(catalog: Catalog) -> None:
    service = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["Service"]
    specs = {spec.id for spec in catalog.specs}
    templates = service["DeployMetadata"]["TemplateConfigs"]
    assert [template["Url"] for template in templates] == ["ros_templates/single.yaml", "ros_templates/cluster.yaml"]
    for template in templates:
        assert template["AllowedRegions"] == [region.id for region in catalog.regions]
        assert (CONFIG.parent / template["Url"]).is_file()
        assert {package["Parameters"]["InstanceType"] for package in template["PredefinedParameters"]} <= specs
    assert [info["Locale"] for info in service["ServiceInfo"]] == ["zh-CN", "en-US"]
