"""One model, or one for each language, in the folder that the operator gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from worker.errors import ConfigurationError

ANY_LANGUAGE = "*"
"""Stands for a model that is asked for whatever language."""

_Model = TypeVar("_Model")
_TAG = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


def find_models(model_dir: Path | None, is_model: Callable[[Path], bool]) -> dict[str, Path]:
    """The folders of the models, by language tag; by `ANY_LANGUAGE` where the folder itself is one.

    Args:
        model_dir: Of one model, or of folders like ``en-US`` and ``es`` with a model each.
        is_model: Whether a folder holds a model.

    Raises:
        ConfigurationError: There is no model.
    """
    if model_dir is None:
        raise ConfigurationError("the recogniser needs a folder with a model")
    if is_model(model_dir):
        return {ANY_LANGUAGE: model_dir}
    folders = sorted(model_dir.iterdir()) if model_dir.is_dir() else []
    found = {each.name.replace("_", "-"): each for each in folders if _TAG.fullmatch(each.name) and is_model(each)}
    if not found:
        raise ConfigurationError(f"{model_dir} holds no model of this recogniser, nor do folders named by languages")
    return found


def choose_language(wanted: str, installed: Iterable[str]) -> str | None:
    """The installed language that serves for another: itself, without its region, or with another region; or None."""
    tags = {each.lower(): each for each in sorted(installed)}
    tag = wanted.strip().replace("_", "-").lower()
    primary = tag.partition("-")[0]
    regions = [each for each in tags if each.partition("-")[0] == primary]
    for candidate in (tag, primary, *regions[:1], ANY_LANGUAGE):
        if candidate in tags:
            return tags[candidate]
    return None


class Models(Generic[_Model]):
    """Loaded models.

    All are loaded at once: loading takes seconds, in which a process that listens already would hear nobody.
    """

    def __init__(self, folders: Mapping[str, Path], load: Callable[[Path], _Model]) -> None:
        self._models = {language: load(folder) for language, folder in folders.items()}

    def __repr__(self) -> str:
        return f"<Models {', '.join(self._models)}>"

    def choose(self, language: str) -> _Model:
        """The model for a language, one of those that are installed.

        Raises:
            LookupError: There is none.
        """
        chosen = choose_language(language, self._models)
        if chosen is None:
            raise LookupError("no model for this language")
        return self._models[chosen]
