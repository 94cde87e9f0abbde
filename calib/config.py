"""Configuration: YAML files read into frozen pydantic models that forbid unknown keys.

A wrong key, value or unit becomes one line naming the file, the key, the value and the nearest allowed spelling.
"""

from __future__ import annotations

import difflib
import json
import re
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from calib.errors import RequestError

#: the shipped data: sensors, models, official parameters, clusters, requests
CONFIGS = Path(__file__).resolve().parent.parent / "configs"


class Model(BaseModel):
    """A configuration section: immutable, complete once read, and deaf to keys that it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, hide_input_in_errors=True
    )

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    text = f"unknown key '{key}'{suggestion(str(key), cls.model_fields)}"
                    raise PydanticCustomError("unknown_key", "{text}", {"text": text, "key": str(key)})
        return data

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other values. What was computed from the old ones (a digest) is forgotten: it would pass for the new one's."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied


M = TypeVar("M", bound=BaseModel)


def suggestion(word: str, allowed: Iterable[str]) -> str:
    """The tail of an error message: the nearest allowed spelling, else the whole choice."""
    choice = sorted(str(item) for item in allowed)
    near = difflib.get_close_matches(word, choice, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else f"; allowed: {', '.join(choice) or 'none'}"


class _Loader(yaml.SafeLoader):
    """YAML without surprises: a repeated key is an error, dates and clock times stay text, and numbers like 1e-3 are numbers.

    Aliases are refused: a few lines of them name more values than any memory holds.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, f"the alias '*{event.anchor}' is not read; write the value out", event.start_mark
            )
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:float", "tag:yaml.org,2002:int")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_FLOAT = re.compile(
    r"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
# not 10:30, which YAML 1.1 takes for 630 minutes, nor 012, which it takes for ten
_INTEGER = re.compile(r"^[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INTEGER, list("-+0123456789"))


class _Dumper(yaml.SafeDumper):
    """Quotes text that the loader would take for a number, such as 1e5, beside what other readers of YAML would."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


def _mapping_without_repeats(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    mapping: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float | None) or key in mapping:
            raise yaml.constructor.ConstructorError(
                None, None, f"key '{key}' is given twice or is no plain key", key_node.start_mark
            )
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_repeats)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds; RequestError naming file, line and fault otherwise."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        raise RequestError(f"{path}: no such file{_neighbours(path)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    # the last three are what PyYAML lets through for values that do not fit their explicit tag, like !!bool maybe
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, AttributeError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise RequestError(f"{path}{where}: not valid YAML: {problem}") from None
    if not isinstance(content, dict):
        raise RequestError(f"{path}: expected a mapping of keys to values, found {type(content).__name__}")
    return content


def read_value(text: str) -> Any:
    """One value as YAML reads it ("3", "[a, b]", "2 pixel"); text that is no YAML stays text."""
    try:
        return yaml.load(text, Loader=_Loader) if text else ""
    except yaml.YAMLError:
        return text


def _neighbours(path: Path) -> str:
    names = [item.name for item in path.parent.glob(f"*{path.suffix}")] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else "; check the path"


def load(model: type[M], path: Path) -> M:
    """The file `path` as `model`, validated."""
    return parse(model, read_yaml(path), str(path))


def parse(model: type[M], content: Mapping[str, Any], source: str) -> M:
    """`content` as `model`; `source` names it in errors (a file, or the option it came from)."""
    try:
        return model.model_validate(dict(content))
    except ValidationError as error:
        lines = [f"{source}: {_sentence(item, content)}" for item in error.errors(include_url=False)]
        raise RequestError("\n".join(dict.fromkeys("\\n".join(line.splitlines()) for line in lines))) from None


def _sentence(item: Any, content: Mapping[str, Any]) -> str:
    # the discriminators of unions and the markers of dict keys are pydantic's, not the user's
    location = [part for part in item["loc"] if part != "[key]"]
    value: Any = content
    trail: list[str] = []
    for part in location:
        if (isinstance(value, Mapping) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        ):
            value = value[part]
            trail.append(str(part))
    message = item["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if item["type"] == "missing":
        return f"{'.'.join([*trail, str(location[-1])])}: this key is required"
    if item["type"] == "unknown_key":
        return f"{'.'.join([*trail, item['ctx']['key']])}: {message}"
    if item["type"] in ("literal_error", "enum"):
        choice = [word.strip().strip("'") for word in item["ctx"]["expected"].replace(" or ", ", ").split(",")]
        return f"{'.'.join(trail)}: {value!r} is not allowed{suggestion(str(value), choice)}"
    shown = "" if repr(value) in message or not trail else f"{_short(value)}: "
    return f"{'.'.join(trail) or 'file'}: {shown}{message}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def find(section: str, name: str, beside: Path | None = None) -> Path:
    """The file of a shipped configuration (`find("sensors", "venus")`), or the user's own where `name` is a path to a .yaml file."""
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        return path if path.is_absolute() or beside is None else beside / path
    path = CONFIGS / section / f"{name}.yaml"
    if not path.is_file():
        known = [item.stem for item in (CONFIGS / section).glob("*.yaml")]
        raise RequestError(
            f"no {section} configuration '{name}'{suggestion(name, known)} (or give the path of a .yaml file)"
        )
    return path


def complete(model: BaseModel) -> dict[str, Any]:
    """Every field of a model, defaults included, as plain JSON-able data: what is saved with each result."""
    return model.model_dump(mode="json")


def to_yaml(content: Mapping[str, Any]) -> str:
    """Plain data as YAML text that `read_yaml` reads back to the same data."""
    plain = json.loads(json.dumps(content))
    return str(yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


def frozen(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    """A read-only view, for fields of frozen types."""
    return types.MappingProxyType(dict(mapping))
