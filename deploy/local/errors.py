"""Errors as the service answers them: a code, a message and an HTTP status. The codes and wordings are those of the
error tables in the ROS 2019-09-10 API reference (CreateStack, GetStack, DeleteStack)."""

from __future__ import annotations


class ApiError(Exception):
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class ResourceError(Exception):
    """A resource could not be made or removed; the text becomes its StatusReason."""


class CancelError(Exception):
    """The operation that waited was called off."""


def invalid(reason: str) -> ApiError:
    return ApiError("StackValidationFailed", reason)


def missing_parameter(name: str) -> ApiError:
    return ApiError(
        f"Missing{name}", f"The input parameter {name} that is mandatory for processing this request is not supplied."
    )


def invalid_parameter(name: str, reason: str) -> ApiError:
    return ApiError(
        f"InvalidParameter.{name}" if name else "InvalidParameter",
        f"The specified parameter {name} is invalid: {reason}.",
    )


def stack_not_found(name: str) -> ApiError:
    return ApiError("StackNotFound", f"The Stack ({name}) could not be found.", 404)


def stack_exists(name: str) -> ApiError:
    return ApiError("StackExists", f"The Stack ({name}) already exists.", 409)


def action_in_progress(name: str, action: str) -> ApiError:
    return ApiError("ActionInProgress", f"Stack {name} already has an action ({action}) in progress.", 409)


def not_supported(message: str) -> ApiError:
    return ApiError("NotSupported", message)


def resource_not_found(name: str, stack: str) -> ApiError:
    return ApiError("ResourceNotFound", f"The Resource ({name}) could not be found in Stack {stack}.", 404)


def bad_reference(name: str, where: str) -> ApiError:
    return ApiError("InvalidTemplateReference", f'The specified reference "{name}" (in {where}) is incorrect.')


def bad_attribute(resource: str, name: str) -> ApiError:
    return ApiError("InvalidTemplateAttribute", f"The Referenced Attribute ({resource} {name}) is incorrect.")
