"""What counts as a secret, and what as text that may carry a shell command."""

from __future__ import annotations

import pytest

from deploy.lint.nodes import Mapping, Scalar
from deploy.lint.secrets import is_free_text, is_safe_pattern, is_secret


def parameter(**keys: str) -> Mapping:
    return Mapping(1, 1, {name: Scalar(1, 1, value, value) for name, value in {"Type": "String", **keys}.items()})


@pytest.mark.parametrize(
    "name",
    [
        "Password",
        "InstancePassword",
        "DBPassword2",
        "AdminPasswd",
        "ApiKey",
        "OpenAIAPIKey",
        "AccessToken",
        "ClientSecret",
        "rootPwd",
        "AccessKeySecret",
        "PrivateKey",
        "password_confirm",
        "Credentials",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name, parameter())


@pytest.mark.parametrize(
    "name",
    [
        "PasswordLength",
        "SecretName",
        "TokenTtl",
        "KeyPairName",
        "HttpTokensOption",
        "PasswordInherit",
        "SecretId",
        "Compass",
        "Tokenizer",
        "AccessKeyId",
        "SecretaryPhone",
    ],
)
def test_names_that_only_sound_like_secrets(name: str) -> None:
    assert not is_secret(name, parameter())


def test_an_association_with_a_password_is_a_secret_whatever_its_name() -> None:
    assert is_secret("Login", parameter(AssociationProperty="ALIYUN::ECS::Instance::Password"))
    assert not is_secret("UseSecret", parameter(Type="Boolean"))


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[a-z]+$",
        r"^v[0-9]+(\.[0-9]+){2}$",
        r"^[A-Za-z][A-Za-z0-9._-]{1,31}$",
        r"^(?=.*[a-z])[a-z0-9]{8,30}$",
        r"^\d{1,3}$",
        "^(a|b)$",
    ],
)
def test_patterns_that_keep_a_script_whole(pattern: str) -> None:
    assert is_safe_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        None,
        "[a-z]+",
        "^[a-z]+",
        r"^.*$",
        r"^[^a]+$",
        r"^\S+$",
        r"^[a-z ]+$",
        r"^[a-z']+$",
        r"^[a-z$]+$",
        r"^[!-~]+$",
        r"^\W$",
        "^a;b$",
        r"^[\s\S]$",
    ],
)
def test_patterns_that_do_not(pattern: str | None) -> None:
    assert not is_safe_pattern(pattern)


def test_free_text() -> None:
    assert is_free_text("Greeting", parameter())
    assert is_free_text("Greeting", parameter(AssociationProperty="TextArea"))
    assert is_free_text("Login", parameter(NoEcho="true", AllowedPattern="^[a-z]+$"))
    assert not is_free_text("Greeting", parameter(AllowedPattern="^[a-z]+$"))
    assert not is_free_text("Zone", parameter(AssociationProperty="ALIYUN::ECS::ZoneId"))
    assert not is_free_text("Size", parameter(Type="Number"))
