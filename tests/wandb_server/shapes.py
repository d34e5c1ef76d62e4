"""What W&B's answers are made of: a run, a sweep, an artifact in; the JSON that stands for it out."""

import base64
import json
from typing import Any

from wandb_server.account import ENTITY, Account, Artifact, Run, Sweep

NOW = "2026-01-01T00:00:00Z"
LAST_PAGE = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}


def project_shape(name: str) -> dict[str, Any]:
    entity = {"id": "entity", "name": ENTITY}
    return {"id": "project", "internalId": "1", "name": name, "readOnly": False, "entity": entity}


def run_shape(run: Run, account: Account) -> dict[str, Any]:
    return {
        "id": base64.b64encode(f"Run:{run.name}".encode()).decode(),
        "internalId": "1",
        "projectId": "1",
        "project": project_shape(run.project),
        "name": run.name,
        "displayName": run.display_name or run.name,
        "description": "",
        "notes": run.notes,
        "config": run.config,
        "wandbConfig": json.dumps({"t": 1}),
        "group": run.group,
        "jobType": run.job_type,
        "tags": run.tags,
        "sweepName": run.sweep,
        "sweep": {"name": run.sweep} if run.sweep in account.sweeps else None,
        "state": run.state,
        "exitcode": run.exit_code,
        "running": run.state == "running",
        "failed": run.state == "failed",
        "stopped": False,
        "shouldStop": False,
        "commit": None,
        "host": None,
        "readOnly": False,
        "createdAt": NOW,
        "heartbeatAt": NOW,
        "user": {"name": ENTITY, "username": ENTITY},
        "summaryMetrics": json.dumps(run.summary),
        "systemMetrics": "{}",
        "historyKeys": history_keys_shape(run),
        "historyLineCount": len(run.history),
        "eventsLineCount": len(run.events),
        "logLineCount": 0,
        "historyTail": json.dumps([json.dumps(row) for row in run.history[-1:]]),
        "eventsTail": json.dumps([json.dumps(row) for row in run.events[-1:]]),
        "sampledHistory": [run.history],
        "fileCount": len(run.files),
    }


def history_keys_shape(run: Run) -> dict[str, Any]:
    keys = {key: {"typeCounts": [{"type": "number"}]} for row in run.history for key in row}
    return {"keys": keys, "lastStep": max((row["_step"] for row in run.history), default=-1), "sets": []}


def sweep_shape(sweep: Sweep, account: Account) -> dict[str, Any]:
    members = [run_shape(run, account) for run in account.runs.values() if run.sweep == sweep.name]
    return {
        "id": sweep.name,
        "name": sweep.name,
        "displayName": None,
        "description": "",
        "method": "bayes",
        "state": sweep.state,
        "config": sweep.config,
        "controller": None,
        "scheduler": None,
        "bestLoss": None,
        "earlyStopJobRunning": False,
        "runCount": len(members),
        "runCountExpected": None,
        "createdAt": NOW,
        "updatedAt": NOW,
        "heartbeatAt": NOW,
        "priorRuns": {"edges": []},
        "user": {"name": ENTITY, "username": ENTITY},
        "project": project_shape(sweep.project),
        "runs": {"edges": [{"node": member} for member in members], "pageInfo": LAST_PAGE},
    }


def upload_shape(url: str, *, name: str) -> dict[str, Any]:
    return {"id": url, "name": name, "displayName": name, "uploadUrl": url, "uploadHeaders": []}


def sequence_shape(artifact: Artifact, project: str) -> dict[str, Any]:
    return {"__typename": "ArtifactSequence", "name": artifact.collection, "project": project_shape(project)}


def artifact_shape(artifact: Artifact, project: str) -> dict[str, Any]:
    return {
        "__typename": "Artifact",
        "id": artifact.id,
        "artifactSequence": sequence_shape(artifact, project),
        "artifactType": {"name": artifact.kind},
        "versionIndex": artifact.version,
        "aliases": [],
        "description": None,
        "metadata": "{}",
        "tags": [],
        "ttlDurationSeconds": -1,
        "ttlIsInherited": False,
        "historyStep": None,
        "state": artifact.state,
        "size": sum(map(len, artifact.files.values())),
        "fileCount": len(artifact.files),
        "digest": artifact.digest,
        "commitHash": None,
        "createdAt": NOW,
        "updatedAt": NOW,
    }
