"""Gives the clients' methods the signatures that `help` and editors show: the real arguments and the real answer."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_args

M = TypeVar("M", bound=Callable[..., Any])


def dress(method: M, build: Callable[..., Any], answer: Callable[[Any], Any]) -> M:
    """Give `method` the arguments of `build`; `answer` makes its answer's type of what `build` returns."""
    made = inspect.signature(build)
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    returns = answer(made.return_annotation)
    method.__signature__ = made.replace(  # type: ignore[attr-defined]
        parameters=[itself, *made.parameters.values()], return_annotation=returns
    )
    method.__annotations__ = build.__annotations__ | {"return": returns}
    return method


def rename(group: type) -> None:
    """Call each method as the group does: `list`, not `listing`."""
    for name, method in vars(group).items():
        if inspect.isfunction(method) and hasattr(method, "__signature__"):
            method.__name__, method.__qualname__ = name, f"{group.__name__}.{name}"
            method.__module__ = group.__module__


def of_call(hint: Any) -> Any:
    """`Run` of `Call[Run]`."""
    return get_args(hint)[0]


def of_page(hint: Any) -> Any:
    """`Run` of `Call[Page[Run]]`."""
    return get_args(of_call(hint))[0]


def iterated(sort: Any) -> Callable[[Any], Any]:
    """`Iterator[Run]` of `Call[Page[Run]]`, for `sort` Iterator."""
    return lambda hint: sort[of_page(hint)]


def of_conversation(hint: Any) -> Any:
    """`Run` of `Conversation[Run]`."""
    return get_args(hint)[2]
