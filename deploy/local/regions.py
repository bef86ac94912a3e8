"""Where things are: regions and their names, zones, and the one account."""

from __future__ import annotations

from collections.abc import Mapping

ACCOUNT_ID = "1000000000000001"  # nobody's: the local target has one account
REGIONS: Mapping[str, str] = {
    "cn-hangzhou": "华东1（杭州）",
    "cn-shanghai": "华东2（上海）",
    "cn-qingdao": "华北1（青岛）",
    "cn-beijing": "华北2（北京）",
    "cn-zhangjiakou": "华北3（张家口）",
    "cn-huhehaote": "华北5（呼和浩特）",
    "cn-wulanchabu": "华北6（乌兰察布）",
    "cn-shenzhen": "华南1（深圳）",
    "cn-heyuan": "华南2（河源）",
    "cn-guangzhou": "华南3（广州）",
    "cn-chengdu": "西南1（成都）",
    "cn-hongkong": "中国香港",
    "ap-southeast-1": "新加坡",
    "ap-southeast-3": "马来西亚（吉隆坡）",
    "ap-southeast-5": "印度尼西亚（雅加达）",
    "ap-southeast-6": "菲律宾（马尼拉）",
    "ap-southeast-7": "泰国（曼谷）",
    "ap-northeast-1": "日本（东京）",
    "ap-northeast-2": "韩国（首尔）",
    "us-west-1": "美国（硅谷）",
    "us-east-1": "美国（弗吉尼亚）",
    "eu-central-1": "德国（法兰克福）",
    "eu-west-1": "英国（伦敦）",
    "me-east-1": "阿联酋（迪拜）",
}


def zones(region: str) -> list[str]:
    """Zone names of a region as the service spells them: `cn-hangzhou-h`, `ap-southeast-1a`."""
    dash = "" if region[-1:].isdigit() else "-"
    return [f"{region}{dash}{letter}" for letter in "abc"]
