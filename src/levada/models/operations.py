"""Which operations a SavedModel of other hands may have: those that only compute.

TensorFlow marks in its registry what has a state or an effect (`is_stateful`). Of these only variables, lookup tables,
random numbers, control flow and checks are allowed, by name; what has neither is allowed, but for the few that take a
path, an address or Python all the same. So an operation that a later TensorFlow brings is refused until it is known.

That registry is TensorFlow's, so this loads it, as an import does anyhow. A push, which does not, looks for operations
that are known to reach out (`levada.pushing.scanning`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from levada.errors import ModelError

_STATES = re.compile(
    r"""
    (Var(Handle|IsInitialized)|(Read|Assign|AssignAdd|AssignSub)Variable|DestroyResource)Op | Variable(V2|Shape)?
    | Resource(Gather|GatherNd|CountUpTo|StridedSliceAssign) | Resource(Apply|Scatter|SparseApply)\w+
    | DisableCopyOnRead | GuaranteeConst
    | (Anonymous)?(HashTable(V2)?|Mutable(Dense)?HashTable(OfTensors)?(V2)?)
    | LookupTable(Find|Size|Import|Export|Insert|Remove)V2 | InitializeTableV2
    | If | Case | While | StatefulPartitionedCall | DeviceIndex | Assert | CheckNumerics(V2)?
    | TensorArray\w* | Stack(Push|Pop|Close)?(V2)? | Empty | CudnnRNN(V2|V3)?
    | Random(Uniform|UniformInt|StandardNormal|Shuffle|Gamma|Poisson|PoissonV2|Crop) | Multinomial
    | (Parameterized)?TruncatedNormal | Stateful(Uniform|UniformInt|UniformFullInt|StandardNormal|StandardNormalV2
    | TruncatedNormal|RandomBinomial) | Rng(Skip|ReadAndSkip) | NonDeterministicInts | StatelessRandomGetAlg
    | SampleDistortedBoundingBox(V2)? | (Uniform|LogUniform|LearnedUnigram|ThreadUnsafeUnigram|All)CandidateSampler
    """,
    re.VERBOSE,
)
"""Operations with a state or an effect that stays within the model."""

_REACHING = re.compile(
    r"""
    ReadFile | MatchingFiles | InitializeTableFromTextFile | GenerateVocabRemapping | (Decode|Encode)Proto\w*
    | MlirPassthroughOp | PyFunc\w* | \w*Dataset\w* | \w*Iterator\w* | Reader\w+ | Debug\w+ | Copy(Host)?
    | Xla(CustomCall|Launch)\w*
    """,
    re.VERBOSE,
)
"""Operations that are marked as having no effect, and reach files, Python, or code that is loaded elsewhere."""

_RESTORING = frozenset({"Restore", "RestoreSlice", "RestoreV2"})
_SAVING = _RESTORING | {"Save", "SaveSlices", "SaveV2", "MergeV2Checkpoints"}


def is_allowed(operation: str) -> bool:
    """Whether an operation only computes. One that TensorFlow does not know here is not allowed."""
    from tensorflow.python.framework import op_def_registry

    definition: Any = op_def_registry.get(operation)
    if definition is None:
        return False
    return bool((_STATES if definition.is_stateful else _NOT_REACHING).fullmatch(operation))


_NOT_REACHING = re.compile(rf"(?!(?:{_REACHING.pattern})\Z)\w+", re.VERBOSE)


def check_operations(path: Path, trust: Sequence[str] = ()) -> None:
    """Raise ModelError if the SavedModel in a folder is damaged, or has operations that do more than compute.

    Operations that save and restore variables are in every SavedModel; they may stand where its saver is, and nowhere
    else. `trust` names operations that are allowed beside.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    document: Any = saved_model_pb2.SavedModel()
    try:
        document.ParseFromString((path / "saved_model.pb").read_bytes())
    except (DecodeError, OSError) as error:
        raise ModelError(f"{path / 'saved_model.pb'} is damaged: {error}") from None
    found: set[str] = set()
    for meta in document.meta_graphs:
        for asset in meta.asset_file_def:
            _check_asset(path, asset.filename)
        found |= _outside(_Graph.of(meta))
    refused = sorted(name for name in found if name not in trust)
    if refused:
        raise ModelError(
            f"{path} has operations that do more than compute (files, Python, the network): {', '.join(refused[:8])}.",
            hint="Export the model without them: words and bytes in the graph instead of paths. "
            f"If you trust them: import_model(trust={refused[:8]!r}).",
        )


def _check_asset(path: Path, name: str) -> None:
    inner = PurePosixPath(name)
    if inner.is_absolute() or ".." in inner.parts:
        raise ModelError(f"{path} has an asset outside its folder: '{name}'.")


@dataclass(frozen=True)
class _Graph:
    """A graph with its functions: `nodes` by name, the nodes of each function, and where running it can begin."""

    nodes: Mapping[str, Any]
    functions: Mapping[str, Sequence[Any]]
    saves: frozenset[str]
    restores: frozenset[str]
    answers: frozenset[str]
    called: frozenset[str]

    @staticmethod
    def of(meta: Any) -> _Graph:
        graph, saver = meta.graph_def, meta.saver_def
        answers = {_bare(tensor.name) for one in meta.signature_def.values() for tensor in one.outputs.values()}
        for kept in meta.collection_def.values():
            answers |= {_bare(name) for name in kept.node_list.value}
        called: set[str] = set()
        for item in meta.object_graph_def.nodes:
            called |= {*item.function.concrete_functions, item.bare_concrete_function.concrete_function_name}
        return _Graph(
            {node.name: node for node in graph.node},
            {function.signature.name: function.node_def for function in graph.library.function},
            frozenset({_bare(saver.save_tensor_name)} - {""}),
            frozenset({_bare(saver.restore_op_name)} - {""}),
            frozenset(answers),
            frozenset(called),
        )

    def before(self, ends: Iterable[str]) -> set[str]:
        """Return the names of nodes, and of all that they wait for."""
        waiting, seen = [name for name in ends if name in self.nodes], set[str]()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += [end for end in map(_bare, self.nodes[name].input) if end in self.nodes]
        return seen

    def within(self, nodes: Iterable[Any], functions: Iterable[str] = ()) -> tuple[set[str], set[str]]:
        """Return the operations of nodes and of the functions that they call, and the names of those functions."""
        operations, seen, waiting = set[str](), set[str](), list(functions)

        def look(nodes: Iterable[Any]) -> None:
            for node in nodes:
                name = str(node.op)
                if name in self.functions:
                    waiting.append(name)  # a function is called by its name
                else:
                    operations.add(name)
                for value in node.attr.values():
                    waiting.extend(str(each.name) for each in (value.func, *value.list.func) if each.name)

        look(nodes)
        while waiting:
            name = waiting.pop()
            if name in self.functions and name not in seen:
                seen.add(name)
                look(self.functions[name])
        return operations, seen


def _outside(graph: _Graph) -> set[str]:
    """Return the operations of a graph that are not allowed where they stand."""
    savers = graph.before(graph.saves | graph.restores)
    others = graph.before([name for name in graph.nodes if name not in savers] + list(graph.answers))
    nodes = graph.nodes
    saving, by_saving = graph.within(nodes[name] for name in graph.before(graph.saves))
    restoring, by_restoring = graph.within(nodes[name] for name in graph.before(graph.restores))
    _, by_others = graph.within((nodes[name] for name in others), graph.called)
    loose = [name for name in graph.functions if name not in by_saving | by_restoring | by_others]
    running, _ = graph.within((nodes[name] for name in others), [*graph.called, *loose])
    found: set[str] = set()
    for operations, beside in ((running, frozenset[str]()), (restoring, _RESTORING), (saving, _SAVING)):
        found |= {name for name in operations if name not in beside and not is_allowed(name)}
    return found


def _bare(end: str) -> str:
    """Return the name of the node in `^name` and `name:0`."""
    return end.removeprefix("^").partition(":")[0]
