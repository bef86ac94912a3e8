"""The template functions of ROS: how many arguments each takes and of what kind.

Sources: the function reference of ROS (help.aliyun.com/document_detail/28865.html), its page on Conditions
(document_detail/53069.html), the classes of `ros-cdk-core` 1.15.0 and the contracts in Alibaba Cloud's iac-code 0.16.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Function:
    """`least` and `most` count the arguments of a list; `most` 0 means that the argument is one value, not a list.

    `kinds` names the literal that is wanted in each place: "text", "list", "map", "" for anything. A function call
    passes everywhere, because what it becomes is known only to the service.
    """

    least: int = 1
    most: int = 0
    kinds: tuple[str, ...] = ()


MANY = 10_000

FUNCTIONS: dict[str, Function] = {
    "Ref": Function(kinds=("text",)),
    "Fn::Add": Function(2, MANY),
    "Fn::And": Function(2, MANY),
    "Fn::Any": Function(0, MANY),
    "Fn::Avg": Function(2, 2, ("", "list")),
    "Fn::Base64": Function(kinds=("text",)),
    "Fn::Base64Decode": Function(kinds=("text",)),
    "Fn::Base64Encode": Function(kinds=("text",)),
    "Fn::Calculate": Function(2, 3, ("text", "", "list")),
    "Fn::Cidr": Function(3, 3, ("text",)),
    "Fn::Contains": Function(2, 2, ("list", "")),
    "Fn::EachMemberIn": Function(2, 2, ("list", "list")),
    "Fn::Equals": Function(2, 2),
    "Fn::FindInMap": Function(3, 4, ("text", "text", "text")),
    "Fn::FormatTime": Function(1, 2, ("text", "text")),
    "Fn::GetAZs": Function(kinds=("text",)),
    "Fn::GetAtt": Function(2, 2, ("text", "text")),
    "Fn::GetJsonValue": Function(2, 2, ("text",)),
    "Fn::GetStackOutput": Function(2, 3, ("text", "text", "text")),
    "Fn::If": Function(3, 3),
    "Fn::Indent": Function(2, 4, ("text",)),
    "Fn::Index": Function(2, 2, ("", "list")),
    "Fn::Join": Function(2, 2, ("text", "list")),
    "Fn::Jq": Function(3, 3, ("text", "text", "")),
    "Fn::Length": Function(),
    "Fn::ListMerge": Function(0, MANY),
    "Fn::MarketplaceImage": Function(kinds=("text",)),
    "Fn::MatchPattern": Function(2, 2, ("text", "text")),
    "Fn::Max": Function(0, MANY),
    "Fn::MemberListToMap": Function(3, 3, ("text", "text", "list")),
    "Fn::MergeMap": Function(2, 2, ("map", "map")),
    "Fn::MergeMapToList": Function(0, MANY),
    "Fn::Min": Function(0, MANY),
    "Fn::Not": Function(),
    "Fn::Or": Function(2, MANY),
    "Fn::Replace": Function(2, 2, ("map",)),
    "Fn::ResourceFacade": Function(),
    "Fn::Select": Function(2, 4),
    "Fn::SelectMapList": Function(2, 2, ("", "list")),
    "Fn::Split": Function(2, 2, ("text", "")),
    "Fn::Str": Function(),
    "Fn::Sub": Function(),
    "Fn::TransformNamespace": Function(3, 3),
}

LATE = frozenset({"Fn::GetAtt", "Fn::GetStackOutput", "Fn::MarketplaceImage", "Fn::ResourceFacade"})
"""They need resources, or calls, that are not there yet when conditions, rules and counts are decided."""

PSEUDO_PARAMETERS = frozenset(
    f"ALIYUN::{name}"
    for name in ["AccountId", "Index", "NoValue", "Region", "ResourceGroupId", "StackId", "StackName", "TenantId"]
)
