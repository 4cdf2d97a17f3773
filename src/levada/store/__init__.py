"""The store: one place, on any file system that fsspec reaches, for artifacts, journals and cache entries.

    <store>/
      runs/<run>/plan.json              the plan that was run
      runs/<run>/resolved.json          what was outside the plan, as it was when the run started
      runs/<run>/nodes/<node>.json      the commit of a node: written once, whole; readers trust only this
      runs/<run>/journal/<writer>.jsonl events, one append-only file per writing process
      artifacts/<pipeline>/<node>/<attempt>/<output>/...   files of one attempt
      cache/<2>/<key>.json              key -> the result of the node that had it
      files/<digest>/<name>             project files that a run depended on (a schema)
      registry/<model>/...              candidates, versions and promotions (levada.registry)
      delivery/...                      how far readers of journals have come
      scratch/<attempt>/...             what the workers of a node's Beam job leave for it

What no commit names does not exist.
"""

from levada.store.artifacts import Store as Store
from levada.store.digests import artifact_digest as artifact_digest
from levada.store.digests import entries_of as entries_of
from levada.store.digests import file_digest as file_digest
from levada.store.objects import INSIDE as INSIDE
from levada.store.scratch import Scratch as Scratch
from levada.store.temporary import private_folder as private_folder
