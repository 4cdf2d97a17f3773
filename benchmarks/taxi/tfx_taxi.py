"""TFX's own Chicago-taxi example, 200 training and 50 evaluation steps, on its local runner.

Runs in a virtual environment of its own: `compare.py` says how to make one.

    python benchmarks/taxi/tfx_taxi.py DATA_FOLDER OUT
"""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # it calls pip and python by name

from tfx.examples.chicago_taxi_pipeline import taxi_pipeline_native_keras as example
from tfx.examples.chicago_taxi_pipeline import taxi_utils_native_keras as module
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.proto import trainer_pb2

# The example trains for 1,000 steps: give it as many as the others have.
example.trainer_pb2 = types.SimpleNamespace(
    TrainArgs=lambda num_steps: trainer_pb2.TrainArgs(num_steps=200),
    EvalArgs=lambda num_steps: trainer_pb2.EvalArgs(num_steps=50),
)

data, out = Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute()
LocalDagRunner().run(
    example._create_pipeline(
        pipeline_name="taxi",
        pipeline_root=str(out / "pipelines"),
        data_root=str(data),
        module_file=module.__file__,
        serving_model_dir=str(out / "serving"),
        metadata_path=str(out / "metadata.db"),
        beam_pipeline_args=["--direct_running_mode=in_memory"],
    )
)
