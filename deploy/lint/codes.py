"""Every code that the lint can report, in both languages. Codes are stable: programs and people search for them.

WCN1 the file and its sections · WCN2 parameters · WCN3 resources · WCN4 references · WCN5 functions · WCN6 security ·
WCN7 outputs and the console's form · WCN8 Compute Nest's tools. docs/lint-codes.md is made from this table:

    python -m deploy.lint > docs/lint-codes.md
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    ERROR = "error"
    """The service would refuse the template, or a secret or machine is at risk."""
    WARNING = "warning"
    """It deploys, but people or tools will stumble over it."""
    NOTE = "note"
    """Something that could not be checked; does not count as a finding."""


@dataclass(frozen=True, slots=True)
class Code:
    severity: Severity
    en: str
    zh: str


def _error(en: str, zh: str) -> Code:
    return Code(Severity.ERROR, en, zh)


def _warning(en: str, zh: str) -> Code:
    return Code(Severity.WARNING, en, zh)


CODES: dict[str, Code] = {
    "WCN101": _error("cannot be read: {problem}", "无法解析：{problem}"),
    "WCN102": _error("key {key} appears twice; the first is on line {first}", "键 {key} 重复，首次出现在第 {first} 行"),
    "WCN103": _warning(
        "unquoted {text} is read as {value}; put it in quotes, or write {value}",
        "未加引号的 {text} 会被读成 {value}；请加引号，或直接写 {value}",
    ),
    "WCN104": _error("template has {size} bytes; the limit is {limit}", "模板大小为 {size} 字节，上限为 {limit} 字节"),
    "WCN105": _error(
        "ROSTemplateFormatVersion must be '2015-09-01', not {found}",
        "ROSTemplateFormatVersion 必须为 '2015-09-01'，而不是 {found}",
    ),
    "WCN106": _error("unknown section {name}", "未知的模板段 {name}"),
    "WCN107": _error("{name} must be {expected}", "{name} 必须是{expected_zh}"),
    "WCN108": _error("template has no resources", "模板中没有资源"),
    "WCN109": _error("{count} {what}; the limit is {limit}", "{what_zh}数量为 {count}，上限为 {limit}"),
    "WCN110": _error(
        "with its aliases resolved the file has more than {nodes} nodes or {levels} levels",
        "展开别名后，节点超过 {nodes} 个或层级超过 {levels} 层",
    ),
    "WCN111": _error("unknown tag {tag}", "未知的标签 {tag}"),
    "WCN112": _error("local {name} {problem}", "局部变量 {name} {problem_zh}"),
    "WCN113": _error("{name} is the name of a {other} already", "名称 {name} 已用于{other_zh}"),
    "WCN114": _error("Transform is {found}; it must be one of {known}", "Transform 为 {found}，只能是 {known}"),
    "WCN115": Code(
        Severity.NOTE,
        "{transform} is carried out by ROS: {what} not checked here; {remedy}",
        "{transform} 由 ROS 展开，本地未检查{what_zh}；{remedy_zh}",
    ),
    "WCN116": _error(
        "{transform} needs the section Workspace, a mapping of file names to texts such as main.tf",
        "{transform} 需要 Workspace 段：文件名到内容的映射，例如 main.tf",
    ),
    "WCN201": _error("parameter {name} has no valid Type: {found}", "参数 {name} 的 Type 无效：{found}"),
    "WCN202": _error("parameter {name} has the unknown key {key}", "参数 {name} 中有未知的键 {key}"),
    "WCN203": _error(
        "Default {value} of {name} is not in AllowedValues", "参数 {name} 的 Default {value} 不在 AllowedValues 中"
    ),
    "WCN204": _error(
        "Default {value} of {name} does not match AllowedPattern",
        "参数 {name} 的 Default {value} 不符合 AllowedPattern",
    ),
    "WCN205": _error(
        "Default {value} of {name} breaks {bound}: {limit}", "参数 {name} 的 Default {value} 不满足 {bound}：{limit}"
    ),
    "WCN206": _error("{key} {value} of {name} is not a {type}", "参数 {name} 的 {key} {value} 不是 {type} 类型"),
    "WCN207": _error("{name}: {low} is greater than {high}", "参数 {name}：{low} 大于 {high}"),
    "WCN208": _error(
        "AllowedPattern of {name} is no regular expression: {problem}",
        "参数 {name} 的 AllowedPattern 不是正则表达式：{problem}",
    ),
    "WCN209": _warning("parameter {name} is used nowhere", "参数 {name} 未被使用"),
    "WCN210": _warning(
        "parameter {name} has no Label in both languages (en, zh-cn)", "参数 {name} 缺少中英文（en、zh-cn）Label"
    ),
    "WCN211": _warning(
        "AssociationPropertyMetadata of {name} refers to {other}, which is no parameter",
        "参数 {name} 的 AssociationPropertyMetadata 引用了不存在的参数 {other}",
    ),
    "WCN212": _warning("unknown AssociationProperty {value}", "未知的 AssociationProperty：{value}"),
    "WCN301": _error("resource {name} has no Type", "资源 {name} 没有 Type"),
    "WCN302": _error("unknown resource type {type}", "未知的资源类型 {type}"),
    "WCN303": Code(
        Severity.NOTE,
        "type {type} is not in the schema data; its properties were not checked",
        "资源类型 {type} 不在本地规范数据中，未检查其属性",
    ),
    "WCN304": _warning("resource {name} has the unknown key {key}", "资源 {name} 中有未知的键 {key}"),
    "WCN305": _error("{type} has no property {path}", "{type} 没有属性 {path}"),
    "WCN306": _error("{type} needs the property {path}", "{type} 缺少必填属性 {path}"),
    "WCN307": _error("{path} must be {expected}, not {found}", "{path} 必须是 {expected}，而不是 {found}"),
    "WCN308": _error("{path} cannot be {value}; allowed: {allowed}", "{path} 不能为 {value}，允许的值：{allowed}"),
    "WCN309": _error("{path} is {value}; it must be {range}", "{path} 为 {value}，取值范围：{range}"),
    "WCN310": _error("{path} has length {length}; it must be {range}", "{path} 长度为 {length}，长度范围：{range}"),
    "WCN311": _error("{path} {value} does not match {pattern}", "{path} 的值 {value} 不符合 {pattern}"),
    "WCN312": _warning("{type} no longer lists the property {path}", "{type} 已不再列出属性 {path}"),
    "WCN313": _error(
        "DeletionPolicy must be Delete or Retain, not {value}", "DeletionPolicy 只能为 Delete 或 Retain，而不是 {value}"
    ),
    "WCN314": _error(
        "Count of {name} must be a whole number that is not negative, not {value}",
        "资源 {name} 的 Count 必须是非负整数，而不是 {value}",
    ),
    "WCN401": _error("{name} is no parameter, resource or pseudo parameter", "{name} 不是参数、资源或伪参数"),
    "WCN402": _error("Fn::GetAtt names {name}, which is no resource", "Fn::GetAtt 引用了不存在的资源 {name}"),
    "WCN403": _error("{type} ({name}) has no attribute {attribute}", "{type}（{name}）没有输出属性 {attribute}"),
    "WCN404": _error("condition {name} is not defined", "条件 {name} 未定义"),
    "WCN405": _error("DependsOn names {name}, which is no resource", "DependsOn 引用了不存在的资源 {name}"),
    "WCN406": _error("{name} is not in Mappings", "Mappings 中没有 {name}"),
    "WCN407": _error("circular dependency: {path}", "循环依赖：{path}"),
    "WCN408": _error("condition {name} is circular: {path}", "条件 {name} 循环引用：{path}"),
    "WCN409": _error(
        "ALIYUN::Index has a value only in a resource with Count", "ALIYUN::Index 只能用于带 Count 的资源"
    ),
    "WCN501": _error("unknown function {name}", "未知的函数 {name}"),
    "WCN502": _error(
        "{name} takes {expected} arguments, not {count}", "{name} 需要 {expected} 个参数，而不是 {count} 个"
    ),
    "WCN503": _error(
        "argument {position} of {name} must be {expected}", "{name} 的第 {position} 个参数必须是{expected_zh}"
    ),
    "WCN504": _error("{name} cannot be used in {section}", "{section} 中不能使用 {name}"),
    "WCN505": _error(
        "{name} stands beside other keys; a function must be alone", "{name} 与其他键并列；函数必须单独出现"
    ),
    "WCN506": _error(
        "argument {position} of {name} must be {expected}, not {found}",
        "{name} 的第 {position} 个参数必须是{expected_zh}，而不是 {found}",
    ),
    "WCN601": _error(
        "parameter {name} is a secret and must have NoEcho: true", "参数 {name} 是敏感信息，必须设置 NoEcho: true"
    ),
    "WCN602": _error(
        "parameter {name} is a secret and must not have a Default", "参数 {name} 是敏感信息，不能有 Default"
    ),
    "WCN603": _error(
        "text of the user ({name}) becomes part of the script; pass it through Fn::Base64Encode and decode it there",
        "用户输入 {name} 直接成为脚本内容；请通过 Fn::Base64Encode 传入并在脚本中解码",
    ),
    "WCN604": _error(
        "command has at least {size} bytes in Base64; the limit is {limit}",
        "命令内容 Base64 后至少 {size} 字节，上限为 {limit} 字节",
    ),
    "WCN605": _error(
        "user data has at least {size} bytes; the limit is {limit}", "UserData 至少 {size} 字节，上限为 {limit} 字节"
    ),
    "WCN606": _error("{ports} is open to the whole world ({source})", "端口 {ports} 向全网开放（{source}）"),
    "WCN607": _warning(
        "every destination, protocol and port is allowed; name what the machine needs",
        "出方向允许所有地址、协议和端口；请只放行所需的目的地",
    ),
    "WCN701": _error("output {name} has no Value", "输出 {name} 没有 Value"),
    "WCN702": _error("output {name} has the unknown key {key}", "输出 {name} 中有未知的键 {key}"),
    "WCN703": _error(
        "ParameterGroups names {name}, which is no parameter", "ParameterGroups 引用了不存在的参数 {name}"
    ),
    "WCN704": _warning("parameter {name} is in no parameter group", "参数 {name} 不在任何参数分组中"),
    "WCN705": _warning("parameter {name} is in more than one group", "参数 {name} 出现在多个参数分组中"),
    "WCN706": _error(
        "template tag {tag} must have four parts, as acs:example:name:detail",
        "模板标签 {tag} 必须是四段，例如 acs:example:name:detail",
    ),
    "WCN707": _warning("{what} is not in both languages (en, zh-cn)", "{what} 缺少中英文（en、zh-cn）"),
    "WCN801": _warning(
        "computenest-cli cannot read short tags such as {tag} ({count} in this file); write {long}",
        "computenest-cli 无法解析 {tag} 这样的短标签（本文件共 {count} 处），请写成 {long}",
    ),
    "WCN802": _warning(
        "computenest-cli cannot read an ImageId that is Fn::If; use a string, Ref or Fn::FindInMap",
        "computenest-cli 无法解析 Fn::If 形式的 ImageId；请用字符串、Ref 或 Fn::FindInMap",
    ),
}


def to_markdown() -> str:
    """docs/lint-codes.md."""
    rows = [f"| {name} | {code.severity} | {_cell(code.en)} | {_cell(code.zh)} |" for name, code in CODES.items()]
    head = (
        "# Lint codes\n\nWhat `python -m deploy validate FILE…` reports; `{…}` stands for the words of the place. "
        "Made from `deploy/lint/codes.py`.\n\n`python -m deploy validate` 报告的代码；`{…}` 为具体内容。\n\n"
        "| Code | Severity | English | 中文 |\n|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
