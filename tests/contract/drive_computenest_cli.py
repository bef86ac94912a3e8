"""Runs the published computenest-cli as it is, but for where it connects: the API at LOCAL_HOST, and for uploads the
same host in place of oss-REGION.aliyuncs.com."""

import os
import sys
from collections.abc import Callable

import oss2
from alibabacloud_computenestsupplier20210521.client import Client
from computenestcli.client.base import BaseClient
from computenestcli.client.computenest import ComputeNestClient
from computenestcli.client.ecs import Ecs20140526Client, EcsClient
from computenestcli.client.oos import OosClient, oos20190601Client
from computenestcli.main import main
from computenestcli.service import file

HOST = os.environ["LOCAL_HOST"]


def connected(kind: type) -> Callable[[BaseClient], object]:
    def client(self: BaseClient) -> object:
        self.config.endpoint, self.config.protocol = HOST, "http"
        return kind(self.config)

    return client


class Oss:
    """The module `oss2`, whose buckets are somewhere else."""

    def __getattr__(self, name: str) -> object:
        return getattr(oss2, name)

    def Bucket(self, auth: oss2.StsAuth, endpoint: str, name: str) -> oss2.Bucket:
        return oss2.Bucket(auth, f"http://{HOST}", name)


ComputeNestClient.create_client_compute_nest = connected(Client)
EcsClient.create_client_ecs = connected(Ecs20140526Client)
OosClient.create_client_oos = connected(oos20190601Client)
file.oss2 = Oss()
sys.exit(main())
