"""Runs in the store become runs in MLflow: whole, in order, once, and never at the cost of the run."""

from __future__ import annotations

from typing import Any

from levada.store import Store
from tests.mlflow.samples import flights, plan_of, run_plan


def test_first(store: Store, uri: str, client: Any) -> None:
    import time
    t=time.time()
    outcome, reader = run_plan(plan_of(flights), store, uri)
    print("run", time.time()-t, outcome.exit_code, reader.trouble, reader.refused, reader.page)
    for f in outcome.results.values(): print(f.node, f.status, f.failure and f.failure.message)
    e = client.get_experiment_by_name("flights")
    for r in client.search_runs([e.experiment_id]):
        print(r.info.run_name, r.info.status, r.data.params, r.data.metrics)
        for k,v in r.data.tags.items(): print("    ",k,"=",v[:600])
    print(client.search_model_versions("name='flights'"))
