"""Where networks are compressed: built again as often as wanted, and trained further on the rows that trained them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from levada.errors import ModelError
from levada.training.description import Network, Training
from levada.training.news import Hooks, Said

if TYPE_CHECKING:
    import numpy as np

    from levada.compression.recipe import Recipe

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Live:
    """A network that can be trained: how it is built, compiled, and the weights that it has by now.

    It is a value: `network` gives another Keras model each time.
    """

    build: Callable[[], Any]
    weights: Sequence[Array]

    @staticmethod
    def of(network: Any, build: Callable[[], Any]) -> Live:
        return Live(build, [weight.numpy() for weight in network.weights])

    def network(self) -> Any:
        """Return the Keras model, compiled, with these weights: the same each time, down to what dropout draws."""
        import keras

        keras.utils.set_random_seed(0)  # layers draw the seeds of their own when they are built
        network = self.build()
        for variable, array in zip(network.weights, self.weights, strict=True):
            variable.assign(array)
        return network

    def now(self, network: Any) -> Live:
        """Return it with the weights that a network of its has come to."""
        return Live.of(network, self.build)

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        return sum(int(array.size) for array in self.weights)


@dataclass
class Bench:
    """The rows and the way a network was trained, to train it further.

    `training` is how it was fitted, with the rows to fit on now. `say` hears how far a training is, `stopped` is asked
    whether to end. `notes` collects what somebody should know.
    """

    training: Training
    say: Callable[[str, Said], None] = lambda title, said: None
    stopped: Callable[[], bool] = lambda: False
    notes: list[str] = field(default_factory=list[str])

    def kernels(self, network: Any, recipe: Recipe) -> list[Any]:
        """Return the kernels of dense and convolution layers. Raises ModelError for a network that has none."""
        found = kernels_of(network)
        if not found:
            named = dict.fromkeys(type(layer).__name__ for layer in layers_of(network))
            raise ModelError(
                f"{recipe} does not apply to this model: it has no Dense or Conv layer, whose weights could be taken.",
                hint=f"Its layers are {', '.join(list(named)[:8])}. quantize(...) applies to any network.",
            )
        return found

    def train(
        self, network: Any, epochs: int, rate: float | None, callbacks: Sequence[Any] = (), title: str = ""
    ) -> None:
        """Train a compiled network further, in place: the learning rate falls from `rate` to 0 along a cosine.

        Kernels keep the zeros that they have. Nothing is measured on held-out rows, and no epoch is preferred: the
        last one has what a recipe wants of the weights.
        """
        from levada.compression.callbacks import ZeroKeeper

        anneal(network, rate, self.training.steps * epochs)
        self._carry_out(
            replace(self.training, epochs=epochs, validation="", stop_early=None, plateau=None),
            network,
            [ZeroKeeper(kernels_of(network)), *callbacks],
            title,
        )

    def train_anew(self, network: Any, epochs: int | None, title: str = "") -> None:
        """Train a network that is new, in place, as the model was trained that is compressed."""
        training = self.training if epochs is None else replace(self.training, epochs=epochs)
        self._carry_out(training, network, [], title)

    def _carry_out(self, training: Training, network: Any, callbacks: Sequence[Any], title: str) -> None:
        from levada.training.fitting import carry_out

        hooks = Hooks(say=lambda said: self.say(title, said), stopped=self.stopped, callbacks=callbacks)
        carry_out(replace(training, network=Network(lambda: network), start=None, home=None), None, hooks=hooks)


def layers_of(network: Any) -> list[Any]:
    """Return all layers, those within others too."""
    import keras

    containers = (keras.Model, keras.layers.InputLayer)
    # The flattened list is Keras's own, and the only one that also finds layers held as attributes of other layers.
    flat = network._flatten_layers(include_self=False, recursive=True)
    return [layer for layer in flat if not isinstance(layer, containers)]


def kernels_of(network: Any) -> list[Any]:
    """Return the kernels of dense and convolution layers: what recipes that act on weights act on."""
    import keras

    kinds = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
    found = [layer.kernel for layer in layers_of(network) if isinstance(layer, kinds) and layer.built]
    return list({id(kernel): kernel for kernel in found}.values())


def anneal(network: Any, rate: float | None, steps: int) -> None:
    """Compile a network anew, with its own loss, metrics and kind of optimizer, and a learning rate that falls to 0."""
    import keras

    optimizer = getattr(network.optimizer, "inner_optimizer", network.optimizer)
    first = float(optimizer.learning_rate) if rate is None else rate
    settings = optimizer.get_config() | {"learning_rate": keras.optimizers.schedules.CosineDecay(first, max(steps, 1))}
    compile_like(network, network, type(optimizer).from_config(settings))


def compile_like(network: Any, other: Any, optimizer: Any = None) -> None:
    """Compile a network as another one is, with an optimizer of its own."""
    given = dict(other._compile_config.config)  # what its author passed, as the objects that they are
    own = getattr(other.optimizer, "inner_optimizer", other.optimizer)
    given["optimizer"] = optimizer if optimizer is not None else type(own).from_config(own.get_config())
    network.compile(**{**given, "steps_per_execution": 1})
