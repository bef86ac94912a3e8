"""The parameters of a template as tables for people, in both languages.

python -m deploy.parameter_table > docs/parameters.md
python -m deploy.parameter_table cluster > docs/parameters-cluster.md
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .templates import CLUSTER, SINGLE, body

_COMMANDS = {SINGLE: "python -m deploy.parameter_table", CLUSTER: "python -m deploy.parameter_table cluster"}

_WORDS = {
    "zh-cn": {
        "title": "中文",
        "lead": (
            "`ros_templates/{file}` 的全部参数，顺序与控制台表单一致。本文件由 `{command}` "
            "根据模板生成。命令行通过 `create` 的选项填写这些参数，其余参数用 `--set 参数=值` 传入。"
        ),
        "head": ("参数", "名称", "说明", "可选值", "默认值", "约束", "显示条件"),
        "none": "无，必填",
        "range": "{low} 到 {high}",
        "length": "{low} 到 {high} 个字符",
        "most": "最多 {high} 个",
    },
    "en": {
        "title": "English",
        "lead": (
            "Every parameter of `ros_templates/{file}`, in the order of the console's form. Made from it "
            "by `{command}`. The command line fills them in from the options of `create`; "
            "others are given with `--set NAME=VALUE`."
        ),
        "head": ("Parameter", "Label", "Description", "Values", "Default", "Constraint", "Shown when"),
        "none": "none, must be given",
        "range": "{low} to {high}",
        "length": "{low} to {high} characters",
        "most": "at most {high}",
    },
}


def to_markdown(template: Mapping[str, Any], file: str = SINGLE) -> str:
    """The whole page for a parsed template, Chinese first."""
    pages = ("\n".join(_page(template, file, language)) for language in _WORDS)
    return "\n".join(["# 模板参数 / Template parameters\n", *pages])


def _page(template: Mapping[str, Any], file: str, language: str) -> Iterator[str]:
    words = _WORDS[language]
    lead = str(words["lead"]).format(file=file, command=_COMMANDS[file])
    yield f"## {words['title']}\n\n{lead}\n"
    for group in template["Metadata"]["ALIYUN::ROS::Interface"]["ParameterGroups"]:
        yield f"### {group['Label']['default'][language]}\n"
        yield _row(words["head"])
        yield "|---" * len(words["head"]) + "|"
        for name in group["Parameters"]:
            yield _row(_cells(name, template["Parameters"][name], language))
        yield ""


def _cells(name: str, declared: Mapping[str, Any], language: str) -> tuple[str, ...]:
    constraint = declared.get("ConstraintDescription", {}).get(language, "")
    return (
        f"`{name}`",
        _prose(declared["Label"][language]),
        _prose(declared["Description"][language]),
        _values(declared, language),
        _default(declared, language),
        _prose(constraint),
        _shown(declared),
    )


def _values(declared: Mapping[str, Any], language: str) -> str:
    words = _WORDS[language]
    if declared["Type"] == "Boolean":
        return "`true` `false`"
    if "AllowedValues" in declared:
        return " ".join(f"`{value}`" for value in declared["AllowedValues"])
    if "MinValue" in declared:
        return str(words["range"]).format(low=declared["MinValue"], high=declared["MaxValue"])
    if "MinLength" in declared:
        return str(words["length"]).format(low=declared["MinLength"], high=declared["MaxLength"])
    return str(words["most"]).format(high=declared["MaxLength"]) if declared["Type"] == "Json" else ""


def _default(declared: Mapping[str, Any], language: str) -> str:
    value = declared.get("Default")
    if value is None:
        return str(_WORDS[language]["none"])
    return f"`{_plain(value)}`" if value != "" else ""


def _shown(declared: Mapping[str, Any]) -> str:
    condition = declared.get("AssociationPropertyMetadata", {}).get("Visible", {}).get("Condition")
    if not condition:
        return ""
    sign = "≠" if "Fn::Not" in condition else "="
    name, value = condition.get("Fn::Not", condition)["Fn::Equals"]
    shown = _plain(value) or "''"
    return f"`{name.removeprefix('${').removesuffix('}')}` {sign} `{shown}`"


def _plain(value: Any) -> str:
    """As it is typed: YAML's booleans are lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _prose(text: str) -> str:
    """No character of it means anything to Markdown."""
    return re.sub(r"([\\`*_~<>\[\]|])", r"\\\1", text)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    import yaml

    chosen = CLUSTER if sys.argv[1:] == ["cluster"] else SINGLE
    sys.stdout.write(to_markdown(yaml.safe_load(body(chosen)), chosen))
