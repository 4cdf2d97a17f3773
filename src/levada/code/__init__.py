"""What code a component reaches, as a digest, without importing any of it.

Starting from a component (or a pipeline), the names it uses are followed through the project's modules:
functions, classes, constants, imports. What they say is hashed by syntax tree, so comments, formatting
and docstrings do not count, nor do functions that are not reached. To be safe rather than sharp:

- what importing a module runs counts, for every module that is imported on the way: registrations,
  loops, conditional definitions; only statements that merely bind a name can be left out;
- a module used other than as `module.name` counts whole (`getattr(module, ...)`, `vars(module)`);
- code that finds other code by means no reader can follow (`eval`, a computed `import_module`, pickles,
  `globals()`) counts as reaching the whole project.

Installed libraries are the boundary: their versions are somebody else's business. So are data files and
environment variables.

`scan` reads one statement, `source` one module, `modules` finds modules, `reach` follows names through them.
"""

from levada.code.index import CodeIndex as CodeIndex
