"""Write an MLflow store, as a person who tracks trainings would: `python write_mlflow.py URI ARTIFACTS`.

`tests/mlflow` has what mlflow-skinny 3.17.2 wrote: `mlruns`, and `mlflow.sql`, a dump of the tables that CPV reads.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
import mlflow  # type: ignore[import-not-found]  # in an environment of its own


def main(uri: str, artifacts: str) -> None:
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient()
    location = Path(artifacts).resolve().as_uri() if uri.startswith("sqlite") else None
    experiment = client.create_experiment("resnet", artifact_location=location)
    runs = [_run(client, experiment, at) for at in range(2)]
    client.create_registered_model("resnet50")
    for run in runs:
        client.create_model_version("resnet50", f"runs:/{run}/model", run)
    client.set_registered_model_alias("resnet50", "champion", "1")
    client.transition_model_version_stage("resnet50", "2", "Staging")
    client.set_terminated(client.create_run(experiment, run_name="empty").info.run_id, "FAILED")
    logged = client.create_run(experiment, run_name="logged").info.run_id
    for step in (1, 2):
        model = client.create_logged_model(experiment, name=f"ckpt-{step}", source_run_id=logged)
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), f"logged {step}")
            client.log_model_artifacts(model.model_id, folder)
        client.finalize_logged_model(model.model_id, "READY")
    client.set_terminated(logged)


def _run(client: mlflow.MlflowClient, experiment: str, at: int) -> str:
    run = str(client.create_run(experiment, tags={"note": f"run {at}\nsecond line"}, run_name=f"try-{at}").info.run_id)
    client.log_param(run, "lr", 0.1 / (at + 1))
    for step in range(3):
        client.log_metric(run, "loss", 1.0 / (step + 1 + at), step=step)
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), f"weights {at}")
        client.log_artifacts(run, folder, "model")
    client.set_terminated(run)
    return run


def _write(folder: Path, weights: str) -> None:
    (folder / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: x\n")
    (folder / "model.pkl").write_text(weights)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
