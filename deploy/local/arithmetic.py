"""The functions that calculate. Text counts as a number in averages and formulas only, and null as zero there; null
elsewhere makes null of the whole."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from .values import FunctionError, Number, items, number, text_of

_PLACE = re.compile(r"\{(\d+)\}")


def _rounded(result: float, places: Any) -> Number:
    digits = number(places)
    if not isinstance(digits, int):
        raise FunctionError("wants a whole number of decimal places")
    try:
        rounded = round(result, digits)
        return int(rounded) if digits <= 0 else rounded
    except (OverflowError, ValueError):
        raise FunctionError("comes to no number") from None


def avg(value: Any) -> Number:
    form = "[decimal places, [numbers]]"
    places, values = items(value, 2, form=form)
    numbers = [float(number(v if v is not None else 0)) for v in items(values, form=form)]
    if not numbers:
        raise FunctionError("wants at least one number")
    return _rounded(sum(numbers) / len(numbers), places)


def add(value: Any) -> Any:
    form = "two or more numbers, lists or maps, all of one kind"
    if value is None:
        return None
    values = items(value, form=form)
    if len(values) < 2:
        raise FunctionError(f"wants {form}")
    if any(v is None for v in values):
        return None
    if all(isinstance(v, list) for v in values):
        return [item for v in values for item in v]
    if all(isinstance(v, Mapping) for v in values):
        return {key: item for v in values for key, item in v.items()}
    return sum(_number(v, form) for v in values)


def _number(value: Any, form: str) -> Number:
    if not isinstance(value, (int, float)):
        raise FunctionError(f"wants {form}, not {text_of(value)!r}")
    return value


_OPERATORS: dict[type[ast.AST], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip


def _arithmetic(node: ast.AST) -> Number:
    match node:
        case ast.Expression(body=body):
            return _arithmetic(body)
        case ast.Constant(value=value) if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_arithmetic(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _arithmetic(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_arithmetic(left), _arithmetic(right))
    raise FunctionError("wants numbers with + - * / // % and brackets")


def calculate(value: Any) -> Number:
    expression, places, *values = items(value, 2, 3, form="[expression, decimal places, [values]]")
    given = values[0] if values else []
    numbers = [number(v if v is not None else 0) for v in (given if isinstance(given, list) else [given])]
    if not isinstance(expression, str):
        raise FunctionError("wants text as its expression")
    try:
        text = _PLACE.sub(lambda place: f"({numbers[int(place[1])]})", expression)
        return _rounded(_arithmetic(ast.parse(text.strip(), mode="eval")), places)
    except IndexError:
        raise FunctionError("has a {place} without a value") from None
    except (SyntaxError, ArithmeticError, RecursionError, MemoryError):
        raise FunctionError(f"cannot calculate {expression!r}") from None


def extreme(choose: Callable[[list[Number]], Number]) -> Callable[[Any], Number | None]:
    def apply(value: Any) -> Number | None:
        values = [] if value is None else items(value, form="a list of numbers")
        if not values or any(v is None for v in values):
            return None
        return choose([_number(v, "a list of numbers") for v in values])

    return apply
