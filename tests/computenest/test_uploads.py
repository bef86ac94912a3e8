"""Files are stored only for who may store them, and a failed upload is an error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from alibabacloud_computenestsupplier20210521 import models
from alibabacloud_computenestsupplier20210521.client import Client
from alibabacloud_tea_openapi.utils_models import Config

from deploy.alibaba import connect_local
from deploy.alibaba.oss import Grant, get, put
from deploy.alibaba.supplier import ComputeNestSupplier
from deploy.errors import Failure
from deploy.target import Endpoint, local_endpoint, stop


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    yield local_endpoint(tmp_path / "state", start=True)
    stop(tmp_path / "state")


@pytest.fixture
def supplier(endpoint: Endpoint) -> ComputeNestSupplier:
    keys = (endpoint.access_key_id, endpoint.access_key_secret)
    return connect_local(endpoint.host, *keys, region="cn-hangzhou").supplier()


def test_a_file_comes_back_as_it_was(supplier: ComputeNestSupplier, endpoint: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "图 1.png"
    file.write_bytes(bytes(range(256)))
    address = supplier.upload(file, public=True)
    bucket, _, key = address.removeprefix("https://").partition(".oss-cn-hangzhou.aliyuncs.com/")
    assert supplier.fetch(f"http://{endpoint.host}/{bucket}/{key}") == file.read_bytes()


def test_private_files_need_a_signed_address(supplier: ComputeNestSupplier, endpoint: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 1")
    bucket, _, key = (
        supplier.upload(file, public=False).removeprefix("https://").partition(".oss-cn-hangzhou.aliyuncs.com/")
    )
    for query in ("", "?Expires=9999999999&Signature=x", "?Expires=soon&Signature=%E9"):
        with pytest.raises(Failure, match="HTTP 403"):
            get(f"http://{endpoint.host}/{bucket}/{key}{query}", local=True)


@pytest.mark.parametrize(
    "change", [{"key": "1/other"}, {"secret": "wrong"}, {"token": "e30=.0"}, {"bucket": "computenest-local-public"}]
)
def test_credentials_are_good_for_one_place(endpoint: Endpoint, tmp_path: Path, change: dict[str, str]) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 1")
    keys = {"access_key_id": endpoint.access_key_id, "access_key_secret": endpoint.access_key_secret}
    client = Client(Config(endpoint=endpoint.host, protocol="http", **keys))
    data = client.get_upload_credentials(models.GetUploadCredentialsRequest("a.yaml", "private")).body.data
    secret, token = data.access_key_secret, data.security_token
    grant = Grant(data.bucket_name, data.key, data.region_id, data.access_key_id, secret, token)
    assert secret not in repr(grant) and token not in repr(grant)
    with pytest.raises(Failure, match="could not be uploaded") as refused:
        put(file, replace(grant, **change), local_host=endpoint.host)
    assert refused.value.code == "Transfer"
    put(file, grant, local_host=endpoint.host)


def test_a_service_whose_file_is_missing_is_refused(supplier: ComputeNestSupplier) -> None:
    fields = {
        "DeployType": "ros",
        "ServiceInfo": [{"Locale": "zh-CN", "Name": "n", "ShortDescription": "d"}],
        "DeployMetadata": {
            "TemplateConfigs": [{"Name": "t", "Url": "https://b.oss-cn-hangzhou.aliyuncs.com/gone.yaml"}]
        },
    }
    with pytest.raises(Failure, match="The file cannot be read"):
        supplier.create(fields)
