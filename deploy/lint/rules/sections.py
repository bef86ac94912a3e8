"""The file as a whole: its size, its sections, the keys in them."""

from __future__ import annotations

from ..document import Report
from ..findings import nearest
from ..nodes import Mapping, Scalar, Sequence, call, walk
from ..template import Template

MAX_BYTES = 524_288
MAX_ENTRIES = {"Parameters": ("parameters", "参数"), "Resources": ("resources", "资源")}
MAX_COUNT = 200

SECTIONS = [
    "ROSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Mappings",
    "Conditions",
    "Rules",
    "Locals",
    "Resources",
    "Outputs",
    "Transform",
    "Workspace",
]
_ENTRY_SECTIONS = ("Parameters", "Resources", "Outputs", "Mappings")
_RESOURCE_KEYS = [
    "Type",
    "Properties",
    "DependsOn",
    "Condition",
    "Count",
    "DeletionPolicy",
    "UpdatePolicy",
    "Metadata",
    "Description",
]
_OUTPUT_KEYS = ["Value", "Description", "Label", "Condition", "NoEcho"]


def size(template: Template, report: Report) -> None:
    count = len(template.text.encode())
    if count > MAX_BYTES:
        report("WCN104", template.root, size=str(count), limit=str(MAX_BYTES))


def format_version(template: Template, report: Report) -> None:
    version = template.root.get("ROSTemplateFormatVersion")
    if version is None:
        report("WCN105", template.root, found="missing")
    elif not (isinstance(version, Scalar) and version.text == "2015-09-01"):
        report("WCN105", version, found=version.text if isinstance(version, Scalar) else "a list or mapping")


def unknown_sections(template: Template, report: Report) -> None:
    for name, key in template.root.keys.items():
        if name not in SECTIONS:
            report("WCN106", key, name=name, hint=nearest(name, SECTIONS))


def shapes(template: Template, report: Report) -> None:
    """Sections are mappings, and so are their entries."""
    for name in (*_ENTRY_SECTIONS, "Conditions", "Metadata", "Rules", "Locals"):
        section = template.root.get(name)
        if section is None or (isinstance(section, Scalar) and section.value is None):
            continue
        if not isinstance(section, Mapping):
            report("WCN107", section, name=name, expected="a mapping", expected_zh="映射")
            continue
        for key, entry in section.entries.items() if name in _ENTRY_SECTIONS else ():
            if not isinstance(entry, Mapping):
                report("WCN107", entry, name=f"{name}/{key}", expected="a mapping", expected_zh="映射")


def counts(template: Template, report: Report) -> None:
    if not template.section("Resources").entries and not template.is_terraform:
        report("WCN108", template.root.keys.get("Resources", template.root))
    for section, (what, what_zh) in MAX_ENTRIES.items():
        count = len(template.section(section).entries)
        if count > MAX_COUNT:
            place = template.root.keys[section]
            report("WCN109", place, count=str(count), what=what, what_zh=what_zh, limit=str(MAX_COUNT))


def resource_keys(template: Template, report: Report) -> None:
    for name, resource in template.resources.items():
        kind = resource.string("Type") or ""
        if template.is_transformed(kind):
            continue  # a function stands within its service
        for key, place in resource.keys.items():
            is_module_version = key == "Version" and kind.startswith("MODULE::")
            if key not in _RESOURCE_KEYS and not is_module_version:
                report("WCN304", place, name=name, key=key, hint=nearest(key, _RESOURCE_KEYS))
        policy = resource.get("DeletionPolicy")
        if isinstance(policy, Scalar) and policy.text not in ("Delete", "Retain"):
            report("WCN313", policy, value=policy.text)
        properties = resource.get("Properties")
        if isinstance(properties, Sequence) or (isinstance(properties, Scalar) and properties.value is not None):
            report("WCN107", properties, name=f"Properties of {name}", expected="a mapping", expected_zh="映射")


def output_keys(template: Template, report: Report) -> None:
    outputs = template.section("Outputs")
    for name, output in template.outputs.items():
        if "Value" not in output.entries:
            report("WCN701", outputs.keys[name], name=name)
        for key, place in output.keys.items():
            if key not in _OUTPUT_KEYS:
                report("WCN702", place, name=name, key=key, hint=nearest(key, _OUTPUT_KEYS))


def short_tags(template: Template, report: Report) -> None:
    tagged = [node for node in walk(template.root) if isinstance(node, Mapping) and node.tag]
    if tagged:
        [long] = tagged[0].entries
        report("WCN801", tagged[0], tag=tagged[0].tag, long=long, count=str(len(tagged)))


def conditional_image(template: Template, report: Report) -> None:
    for resource in template.resources.values():
        image = (resource.mapping("Properties") or resource).get("ImageId")
        found = call(image)
        if found is not None and found.name == "Fn::If":
            report("WCN802", found.node)


RULES = (
    size, format_version, unknown_sections, shapes, counts, resource_keys, output_keys, short_tags, conditional_image,
)  # fmt: skip
