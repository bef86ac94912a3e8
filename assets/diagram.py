"""Draws a ROS template: what it makes and what refers to what. Nothing is drawn by hand, so the picture cannot lie.

template ─▶ resources ─▶ edges (Ref, GetAtt, DependsOn) ─▶ columns by depth ─▶ SVG
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

# What people call the resources of our templates; another type is shown by its last part.
_NAMES = {
    "ALIYUN::ECS::VPC": ("专有网络", "VPC"),
    "ALIYUN::ECS::VSwitch": ("交换机", "VSwitch"),
    "ALIYUN::ECS::SecurityGroup": ("安全组", "Security group"),
    "ALIYUN::ECS::InstanceGroup": ("GPU 实例", "GPU instance"),
    "ALIYUN::ECS::RunCommand": ("启动命令", "Startup command"),
    "ALIYUN::ECS::AutoSnapshotPolicy": ("自动快照策略", "Snapshot policy"),
    "ALIYUN::ROS::WaitCondition": ("等待就绪", "Wait until ready"),
    "ALIYUN::ROS::WaitConditionHandle": ("就绪信号", "Ready signal"),
    "ALIYUN::VPC::EIP": ("公网 IP", "Public address"),
    "ALIYUN::VPC::EIPAssociation": ("绑定公网 IP", "Public address binding"),
    "ALIYUN::ALB::Acl": ("访问控制", "Who may connect"),
    "ALIYUN::ALB::AclAssociation": ("绑定访问控制", "Access rule"),
    "ALIYUN::ALB::Listener": ("监听", "Listener"),
    "ALIYUN::ALB::LoadBalancer": ("负载均衡", "Load balancer"),
    "ALIYUN::ALB::Rule": ("转发规则", "Forwarding rule"),
    "ALIYUN::ALB::ServerGroup": ("服务器组", "Server group"),
    "ALIYUN::CMS::MonitorGroup": ("监控分组", "Monitoring group"),
    "ALIYUN::CMS::ResourceMetricRule": ("报警规则", "Alarm"),
    "ALIYUN::ESS::AlarmTask": ("伸缩报警", "Scaling alarm"),
    "ALIYUN::ESS::LifecycleHook": ("生命周期挂钩", "Lifecycle hook"),
    "ALIYUN::ESS::ScalingConfiguration": ("伸缩配置：GPU 节点", "Scaling configuration"),
    "ALIYUN::ESS::ScalingGroup": ("伸缩组", "Scaling group"),
    "ALIYUN::ESS::ScalingGroupEnable": ("启用伸缩组", "First nodes"),
    "ALIYUN::ESS::ScalingRule": ("伸缩规则", "Scaling rule"),
    "ALIYUN::ESS::ScheduledTask": ("定时任务", "Scheduled task"),
    "ALIYUN::NAS::AccessGroup": ("NAS 权限组", "Access group"),
    "ALIYUN::NAS::AccessRule": ("NAS 权限规则", "Access rule"),
    "ALIYUN::NAS::FileSystem": ("录音存储 NAS", "Recordings (NAS)"),
    "ALIYUN::NAS::MountTarget": ("挂载点", "Mount target"),
    "ALIYUN::OOS::SecretParameter": ("加密参数", "Secret settings"),
    "ALIYUN::OOS::Template": ("运维模板", "Operation"),
    "ALIYUN::RAM::Role": ("RAM 角色", "RAM role"),
    "ALIYUN::RDS::Account": ("数据库账号", "Database account"),
    "ALIYUN::RDS::DBInstance": ("数据库 RDS PostgreSQL", "Database"),
    "ALIYUN::RDS::Database": ("数据库", "Database schema"),
    "ALIYUN::SLS::Logstore": ("日志库", "Log store"),
    "ALIYUN::SLS::Project": ("日志项目", "Log project"),
    "ALIYUN::VPC::NatGateway": ("NAT 网关", "NAT gateway"),
    "ALIYUN::VPC::SnatEntry": ("SNAT 条目", "SNAT entry"),
}
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN, _HEAD = 208, 84, 72, 28, 40, 76
_SUB = re.compile(r"\$\{([^!}.]+)[^}]*\}")


@dataclass(frozen=True)
class _Box:
    name: str
    kind: str
    optional: bool
    x: int
    y: int


def diagram(template: Mapping[str, Any]) -> str:
    """The picture as SVG text; the same template always gives the same text."""
    resources: Mapping[str, Any] = template["Resources"]
    edges = {name: sorted(_references(body, set(resources)) - {name}) for name, body in resources.items()}
    boxes = _placed(resources, edges)
    width = max(box.x for box in boxes.values()) + _WIDTH + _MARGIN
    height = max(box.y for box in boxes.values()) + _HEIGHT + _MARGIN
    description = template.get("Description") or {}
    zh, en = description.get("zh-cn", ""), description.get("en", "")
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f"font-family=\"'Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif\">",
        f"<title>{escape(en)}</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0l8 4-8 4z" fill="#8a90b5"/></marker></defs>',
        f'<text x="{_MARGIN}" y="32" font-size="17" font-weight="600" fill="#1f2340">{escape(zh)}</text>',
        f'<text x="{_MARGIN}" y="54" font-size="13" fill="#5b6080">{escape(en)}</text>',
    ]
    for name, needs in edges.items():
        lines += [_arrow(boxes[need], boxes[name]) for need in needs]
    lines += [_drawn(box) for box in boxes.values()]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _references(value: Any, names: set[str]) -> set[str]:
    """The resources that a piece of a template refers to."""
    return {name for name in _mentioned(value) if name in names}


def _mentioned(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _mentioned(item)
    if not isinstance(value, Mapping):
        return
    for key, item in value.items():
        if key == "Ref" and isinstance(item, str):
            yield item
        elif key == "Fn::GetAtt" and isinstance(item, list):
            yield str(item[0])
        elif key == "DependsOn":
            yield from [item] if isinstance(item, str) else item
        elif key == "Fn::Sub":
            yield from _SUB.findall(item if isinstance(item, str) else item[0])
        yield from _mentioned(item)


def _placed(resources: Mapping[str, Any], edges: Mapping[str, list[str]]) -> dict[str, _Box]:
    """Each resource right of what it needs and close to what needs it; the template's order within a column."""
    depth: dict[str, int] = {}

    def column(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max((column(need) for need in edges[name]), default=-1)
        return depth[name]

    for name in sorted(resources, key=column, reverse=True):
        users = [other for other, needs in edges.items() if name in needs]
        depth[name] = min((depth[user] for user in users), default=depth[name] + 1) - 1
    filled: dict[int, int] = {}
    boxes = {}
    for name, body in resources.items():
        at = depth[name]
        row = filled.get(at, 0)
        filled[at] = row + 1
        x, y = _MARGIN + at * (_WIDTH + _GAP_X), _HEAD + row * (_HEIGHT + _GAP_Y)
        boxes[name] = _Box(name, body["Type"], "Condition" in body, x, y)
    return boxes


def _arrow(source: _Box, target: _Box) -> str:
    x1, y1, x2, y2 = source.x + _WIDTH, source.y + _HEIGHT // 2, target.x - 2, target.y + _HEIGHT // 2
    bend = _GAP_X // 2
    path = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    return f'<path d="{path}" fill="none" stroke="#8a90b5" stroke-width="1.5" marker-end="url(#tip)"/>'


def _drawn(box: _Box) -> str:
    last = box.kind.rpartition("::")[2]
    zh, en = _NAMES.get(box.kind, (last, last))
    dash = ' stroke-dasharray="6 4"' if box.optional else ""
    middle = box.x + _WIDTH // 2

    def text(y: int, size: int, colour: str, words: str) -> str:
        return (
            f'<text x="{middle}" y="{box.y + y}" font-size="{size}" fill="{colour}" '
            f'text-anchor="middle">{escape(words)}</text>'
        )

    note = "按需创建 · if chosen" if box.optional else box.name
    return (
        f'<rect x="{box.x}" y="{box.y}" width="{_WIDTH}" height="{_HEIGHT}" rx="10" fill="#f4f5fc" '
        f'stroke="#3d46c9"{dash}/>'
        + text(30, 16, "#1f2340", zh)
        + text(50, 12, "#5b6080", en)
        + text(70, 11, "#8a90b5", note)
    )
