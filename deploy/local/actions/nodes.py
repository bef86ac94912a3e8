"""What nodes ask with their role: OOS 2019-06-01 for their settings, CloudMonitor 2019-01-01 for the queue's length."""

from __future__ import annotations

import time

from ..engine import Engine
from ..errors import ApiError
from ..groups import METRIC, SECRET
from ..wire import Arguments
from . import Body, region_of


class NodeActions:
    def __init__(self, engine: Engine) -> None:
        self._store = engine.store

    def get_secret_parameter(self, arguments: Arguments) -> Body:
        region_of(arguments)
        name = arguments.required("Name")
        value = self._store.document(SECRET, name)
        if value is None:
            raise ApiError("EntityNotExists.Parameter", f"The parameter {name} does not exist.", 404)
        shown = {"Value": value} if arguments.flag("WithDecryption") else {}
        return {"Parameter": {"Name": name, "Type": "Secret", "ParameterVersion": 1, **shown}}

    def put_custom_metric(self, arguments: Arguments) -> Body:
        """Keeps the last value of each metric."""
        name, group = arguments.required("MetricList.1.MetricName"), arguments.required("MetricList.1.GroupId")
        value = arguments.required("MetricList.1.Values")
        self._store.save_document(METRIC, f"{group}/{name}", "", time.time(), value)
        return {"Code": "200", "Message": "success"}
