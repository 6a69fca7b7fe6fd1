"""Several models in one repository: a pipeline of diffusers, the modules of sentence-transformers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from paramcount.formats.composition import nest
from paramcount.formats.named_tensors.checkpoint import warn_of_flags
from paramcount.formats.named_tensors.tree import count_buffers
from paramcount.formats.repository.folder import Folder, locate_file
from paramcount.formats.repository.models import AUTO_MODEL, Model
from paramcount.formats.sentence_transformers import ENCODERS, check_transformer, fold_static_embedding, read_module
from paramcount.formats.sentence_transformers.modules import MODULES as MODULE_CLASSES
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, InvalidDocument, Problems, TooLarge, raise_problems, token
from paramcount.model.layers import Layer
from paramcount.model.report import ReportWarning

PIPELINE, MODULES = "model_index.json", "modules.json"

TRANSFORMERS = ("Transformer", "MLMTransformer")
"""The modules of sentence-transformers that are a model of transformers."""

ROUTERS = ("Router", "Asym")
"""The modules of sentence-transformers that choose among others; Asym is the name in the releases before 5."""

_ROUTER_CONFIGS = ("router_config.json", "config.json")

_SETTINGS = "sentence_bert_config.json"

_MAX_COMPONENTS = 200

_WITHOUT_PARAMETERS = re.compile(
    r"\w*(?:Scheduler|Tokenizer|TokenizerFast|Processor|ProcessorFast|FeatureExtractor)"
    r"|(?:|Splade|Token)Pooling|Normalize|Dropout|BoW|LogitScore|MultiVectorMask",
    re.ASCII,
)
"""The classes of components that have no parameters."""


class Component(NamedTuple):
    """A part of a repository: its name there, its class, and its folder, if that is there."""

    name: str
    class_name: str
    folder: Folder | None
    loads: str = ""  # the class of transformers that its config is loaded as
    pointer: str = ""
    is_module: bool = False  # of sentence-transformers


class Composition(NamedTuple):
    """The document of several components, and the paths of their weights."""

    document: Document
    paths: set[str]


def read_pipeline(root: Folder) -> Composition:
    """Read the components that a model_index.json names. Raises Problems."""
    index = root.read_object(PIPELINE)
    components, problems = [], []
    for name, value in index.items():
        if not isinstance(value, list) or value == [None, None]:  # an option of the pipeline, or an absent component
            continue
        pointer = root.pointer(PIPELINE) + token(name)
        if len(value) != 2 or not all(isinstance(part, str) for part in value):
            problems.append(InvalidDocument("must be a library and a class", pointer, "type"))
            continue
        library, class_name = value
        loads = class_name if library == "transformers" else ""
        components.append(Component(name, class_name, root.folders.get(name), loads, pointer))
    raise_problems(problems)
    title = index.get("_class_name")
    return _compose(components, title if isinstance(title, str) else "")


def read_modules(root: Folder) -> Composition:
    """Read the modules that a modules.json of sentence-transformers lists. Raises Problems."""
    modules = root.read_json(MODULES)
    if not isinstance(modules, list):
        raise Problems([InvalidDocument("must be a list of modules", root.pointer(MODULES), "type")])
    components, problems, paths = [], [], set()
    for position, module in enumerate(modules):
        pointer = f"{root.pointer(MODULES)}/{position}"
        path, kind = (module.get("path"), module.get("type")) if isinstance(module, dict) else (None, None)
        if not isinstance(path, str) or not isinstance(kind, str):
            problems.append(InvalidDocument("must be an object with a path and a type", pointer, "type"))
        elif path in paths:
            problems.append(
                InvalidDocument(f'is in the folder of another module, "{path[:100]}"', pointer, "duplicate_name")
            )
        else:
            paths.add(path)
            folder, class_name = root.find(path), kind.rpartition(".")[2]
            components.append(
                Component(str(position), class_name, folder, _transformer_class(folder, class_name), pointer, True)
            )
    raise_problems(problems)
    return _compose(components, "SentenceTransformer")


def _transformer_class(folder: Folder | None, class_name: str) -> str:
    """Return the class that a Transformer module loads its config as; '' for that of the config."""
    if class_name != "Transformer" or folder is None:
        return ""
    task = folder.read_object(_SETTINGS).get("transformer_task", "feature-extraction")
    model_type = folder.read_object("config.json").get("model_type")
    if task != "feature-extraction" or not isinstance(model_type, str):
        return ""
    return ENCODERS.get(model_type) or AUTO_MODEL


def _compose(components: Sequence[Component], title: str) -> Composition:
    """Return the document of components, a child each. Raises Problems with those of all of them."""
    if len(components) > _MAX_COMPONENTS:
        raise Problems([TooLarge(f"has {len(components):,} components, where {_MAX_COMPONENTS} are the most")])
    children: list[Layer] = []
    warnings: list[ReportWarning] = []
    problems: list[ArchitectureError] = []
    paths: set[str] = set()
    for component in components:
        try:
            document = _read_component(component, paths)
        except ArchitectureError as error:
            problems.append(error)
        except Problems as error:
            problems += error.problems
        else:
            layer = document.root if document else Layer("", "")
            children.append(nest(layer, component.name)._replace(name=component.name, type=component.class_name))
            remarks = document.warnings if document else _warn_of_absence(component)
            warnings += [_below(component.name, warning) for warning in remarks]
    raise_problems(problems)
    root = Layer("", title, children=tuple(children))
    return Composition(Document(root, "torch", "torch", warnings=tuple(_merge_flags(warnings, root))), paths)


def _read_component(component: Component, paths: set[str]) -> Document | None:
    """Return the document of a component, and add the paths of its weights; None where it is not there."""
    if component.folder is None:
        return None
    if component.is_module and component.class_name in ROUTERS:
        return _read_router(component.folder, paths)
    model = Model(component.folder, component.loads)
    if not model.checkpoints and component.is_module:
        if component.class_name in TRANSFORMERS:
            _check_transformer(component.folder)
        elif component.class_name in MODULE_CLASSES:
            return _read_module(component.class_name, component.folder)
    if not model.checkpoints and _WITHOUT_PARAMETERS.fullmatch(component.class_name):
        return None
    paths |= model.counted_paths
    document = model.read()
    return fold_static_embedding(document) if document and component.class_name == "StaticEmbedding" else document


def _read_router(folder: Folder, paths: set[str]) -> Document:
    """Return the document of the modules that a Router's routes are made of, each once. Raises Problems.

    Source: sentence_transformers.base.modules.router.Router.load.
    """
    file = next((file for file in _ROUTER_CONFIGS if file in folder.files), _ROUTER_CONFIGS[0])
    config, pointer = folder.read_object(file), folder.pointer(file)
    types, structure = config.get("types"), config.get("structure")
    if not isinstance(types, dict) or not isinstance(structure, dict):
        raise InvalidDocument('must have the objects "types" and "structure"', pointer, "type")
    components: dict[str, Component] = {}
    problems = []
    for route, names in structure.items():
        for position, name in enumerate(names if isinstance(names, list) else [None]):
            if not isinstance(name, str) or not name or not isinstance(types.get(name), str):
                detail = "must be the name of a module that has a type"
                problems.append(InvalidDocument(detail, f"{pointer}/structure{token(route)}/{position}", "type"))
                continue
            inner, class_name = folder.find(name), types[name].rpartition(".")[2]
            loads = _transformer_class(inner, class_name)
            components[name] = Component(name, class_name, inner, loads, f"{pointer}/types{token(name)}", True)
    raise_problems(problems)
    composition = _compose(list(components.values()), "Router")
    paths |= composition.paths
    return composition.document


def _read_module(class_name: str, folder: Folder) -> Document:
    """Return the document of a module of sentence-transformers, of its config. Raises ArchitectureError."""
    file = MODULE_CLASSES[class_name].config_file
    with locate_file(folder.path + file):
        return read_module(class_name, folder.read_object(file))


def _check_transformer(folder: Folder) -> None:
    with locate_file(f"{folder.path}config.json"):
        check_transformer(folder.read_object("config.json"), folder.read_object(_SETTINGS))


def _warn_of_absence(component: Component) -> Iterator[ReportWarning]:
    """Warn of a component that is not here, unless its class has no parameters."""
    if not _WITHOUT_PARAMETERS.fullmatch(component.class_name):
        detail = f"{component.class_name[:100]}: neither its weights nor its config are here, so it is not counted"
        yield ReportWarning("missing_component", "", detail, exact=False)


def _below(name: str, warning: ReportWarning) -> ReportWarning:
    """Return a component's warning with the path of that component."""
    return warning._replace(path=f"{name}.{warning.path}" if warning.path else name)


def _merge_flags(warnings: Iterable[ReportWarning], root: Layer) -> Iterator[ReportWarning]:
    """Yield the warnings, with one for all components that no file says what trains."""
    others = []
    has_flags = False
    for warning in warnings:
        if warning.code == "flags_not_stored":
            has_flags = True
        else:
            others.append(warning)
    if has_flags:
        yield warn_of_flags(count_buffers(root))
    yield from others
