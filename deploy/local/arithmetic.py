"""The functions that calculate."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from .values import FunctionError, Number, items, listed, number, text_of


def _rounded(result: Decimal, places: Any) -> Number:
    digits = number(places)
    if not isinstance(digits, int) or not 0 <= digits <= 15:
        raise FunctionError("wants a whole number of decimal places")
    rounded = result.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return int(rounded) if digits == 0 else float(rounded)


def avg(value: Any) -> Number:
    places, values = items(value, 2, form="[decimal places, [numbers]]")
    numbers = [Decimal(str(number(v))) for v in listed(values, "[decimal places, [numbers]]")]
    if not numbers:
        raise FunctionError("wants at least one number")
    return _rounded(sum(numbers, Decimal()) / len(numbers), places)


def add(value: Any) -> Any:
    values = items(value, form="a list of numbers, of lists or of maps")
    if values and all(isinstance(v, list) for v in values):
        return [item for v in values for item in v]
    if values and all(isinstance(v, Mapping) for v in values):
        return {key: item for v in values for key, item in v.items()}
    return sum(number(v) for v in values)


_OPERATORS: dict[type[ast.AST], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Mod: operator.mod,
}  # fmt: skip


def _arithmetic(node: ast.AST) -> Decimal:
    match node:
        case ast.Expression(body=body):
            return _arithmetic(body)
        case ast.Constant(value=value) if isinstance(value, (int, float)) and not isinstance(value, bool):
            return Decimal(str(value))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_arithmetic(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_arithmetic(left), _arithmetic(right))
    raise FunctionError("wants numbers with + - * / % and brackets")


def calculate(value: Any) -> Number:
    expression, places, *values = items(value, 2, 3, form="[expression, decimal places, [values]]")
    numbers = [number(v) for v in items(values[0], form="a list of values")] if values else []
    try:
        text = re.sub(r"\{(\d+)\}", lambda m: f"({numbers[int(m[1])]})", text_of(expression))
        return _rounded(_arithmetic(ast.parse(text, mode="eval")), places)
    except IndexError:
        raise FunctionError("has a {place} without a value") from None
    except (SyntaxError, ArithmeticError, RecursionError):
        raise FunctionError(f"cannot calculate {text_of(expression)!r}") from None


def extreme(choose: Callable[[list[Number]], Number]) -> Callable[[Any], Number]:
    def apply(value: Any) -> Number:
        numbers = [number(v) for v in listed(value, "a list of numbers")]
        if not numbers:
            raise FunctionError("wants at least one number")
        return choose(numbers)

    return apply
