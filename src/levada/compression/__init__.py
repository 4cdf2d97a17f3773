"""Making a model smaller and faster, and showing what that costs: recipes, candidates, limits, a choice.

    recipe          what a recipe is, and recipes one after another
    quantization    numbers of fewer bits, when the network is exported
    pruning         weights that become zero, during training
    channels        channels and units that are taken out
    clustering      weights that share a few values
    distillation    a smaller network that learns from the large one
    bench           where a network is built again and trained further
    candidate       what came of a recipe: a model, its size, its speed, its answers
    constraints     what a compressed model must keep, and what it may cost
    choice          which of the candidates is taken, and why

Importing this loads no ML library. What a pipeline uses of it is exported by `levada.components`.
"""
