"""Runs an OOS template: its tasks one after another, with what they say about success and failure.

Known are the actions that our templates use: commands on instances and calls of other services; loops over a list;
`OnError` and `OnSuccess` with the name of a task or ACS::END; parameters and the loop's item in `{{ }}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from .errors import ResourceError

END = "ACS::END"
ACTIONS = ("ACS::ECS::RunCommand", "ACS::ExecuteAPI")
_EXPRESSION = re.compile(r"\{\{\s*([\w:]+)\s*\}\}")
_MOST_TASKS = 100  # that one run does, so that a template that jumps back ends
Act = Callable[[str, Mapping[str, Any]], None]


def run(content: str, parameters: Mapping[str, Any], act: Act) -> None:
    """`act` does one action with its properties and raises ResourceError when it fails. Raises the error of a task
    after which the template says nothing, and ResourceError for what is not known here."""
    try:
        tasks: Sequence[Mapping[str, Any]] = yaml.safe_load(content)["Tasks"]
        names = [str(task["Name"]) for task in tasks]
    except (yaml.YAMLError, KeyError, TypeError):
        raise ResourceError("InvalidTemplate: not an OOS template with tasks") from None
    at = 0
    for _ in range(_MOST_TASKS):
        if at >= len(tasks):
            return
        task = tasks[at]
        then = task.get("OnSuccess")
        try:
            _do(task, parameters, act)
        except ResourceError:
            then = task.get("OnError")
            if then is None:
                raise
        if then == END:
            return
        if then is not None and then not in names:
            raise ResourceError(f"InvalidTemplate: {task['Name']} goes on with {then}, which is no task")
        at = at + 1 if then is None else names.index(then)


def _do(task: Mapping[str, Any], parameters: Mapping[str, Any], act: Act) -> None:
    action = str(task.get("Action"))
    if action not in ACTIONS:
        raise ResourceError(f"InvalidTemplate: the action {action} is not known to the local target")
    items = _filled(task["Loop"]["Items"], parameters) if "Loop" in task else [None]
    for item in items:
        act(action, _filled(task.get("Properties", {}), {**parameters, "ACS::TaskLoopItem": item}))


def _filled(value: Any, parameters: Mapping[str, Any]) -> Any:
    """With the parameters in their places; a value that is one expression alone keeps its kind."""
    if isinstance(value, dict):
        return {key: _filled(item, parameters) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, parameters) for item in value]
    if not isinstance(value, str):
        return value
    try:
        whole = _EXPRESSION.fullmatch(value.strip())
        if whole:
            return parameters[whole[1]]
        return _EXPRESSION.sub(lambda match: str(parameters[match[1]]), value)
    except KeyError as error:
        raise ResourceError(f"InvalidTemplate: {error.args[0]} is no parameter") from None
