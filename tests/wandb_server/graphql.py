"""GraphQL as W&B's client speaks it: an operation's name and variables in, the least that it accepts out.

Answers name every field that any of the client's queries asks for; which of them a query selects is not looked at.
"""

import json
from collections.abc import Callable
from typing import Any

from wandb_server.account import ENTITY, Account, Artifact, Run, Sweep, new_id
from wandb_server.shapes import (
    LAST_PAGE,
    NOW,
    artifact_shape,
    history_keys_shape,
    project_shape,
    run_shape,
    sequence_shape,
    sweep_shape,
    upload_shape,
)

Variables = dict[str, Any]
Operation = Callable[[Account, Variables, str], dict[str, Any]]
_OPERATIONS: dict[str, Operation] = {}


def answer(account: Account, name: str, variables: Variables, *, server: str) -> dict[str, Any]:
    """The response to one operation; one that nobody knows is an error, and is noted."""
    operation = _OPERATIONS.get(name)
    if operation is None:
        account.unknown.append(name)
        return {"data": None, "errors": [{"message": f"the stand-in does not know {name}"}]}
    return {"data": operation(account, variables, server)}


def operation(*names: str) -> Callable[[Operation], Operation]:
    def register(function: Operation) -> Operation:
        _OPERATIONS.update(dict.fromkeys(names, function))
        return function

    return register


# --- who is asking ---


@operation("Viewer", "GetDefaultEntity")
def viewer(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    teams = {"edges": [{"node": {"name": ENTITY}}]}
    person = {"id": "person", "entity": ENTITY, "username": ENTITY, "name": ENTITY, "email": "", "admin": False}
    return {"viewer": {**person, "flags": "{}", "teams": teams, "apiKeys": {"edges": []}}}


@operation("ServerFeaturesQuery")
def features(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    return {"serverInfo": {"features": [], "cliVersionInfo": {}, "latestLocalVersionInfo": None}}


@operation("OrganizationCoreWeaveOrganizationID")
def organization(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    return {"entity": {"organization": None}}


# --- runs, as they are written ---


@operation("RunResumeStatus")
def resume_status(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    run = account.runs.get(variables["name"])
    return {"model": {**project_shape(variables["project"]), "bucket": run_shape(run, account) if run else None}}


@operation("UpsertBucket")
def upsert_run(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    name = variables["name"] or new_id("run")
    inserted = name not in account.runs
    run = account.run(name)
    names = {"project": "project", "displayName": "display_name", "groupName": "group", "jobType": "job_type"}
    names |= {"tags": "tags", "config": "config", "sweep": "sweep", "notes": "notes"}
    for theirs, ours in names.items():
        if variables.get(theirs) is not None:
            setattr(run, ours, variables[theirs])
    run.state = "running"
    return {"upsertBucket": {"bucket": run_shape(run, account), "inserted": inserted}}


@operation("CreateRunFiles")
def create_run_files(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    folder = f"{server}/files/{variables['entity']}/{variables['project']}/{variables['run']}"
    files = [{"name": name, "uploadUrl": f"{folder}/{name}"} for name in variables["files"]]
    return {"createRunFiles": {"runID": variables["run"], "uploadHeaders": [], "files": files}}


# --- runs, as they are read ---


@operation("Runs", "LightweightRuns")
def runs(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    wanted = json.loads(variables.get("filters") or "{}")
    found = [run for run in account.runs.values() if run.project == variables["project"] and _matches(run, wanted)]
    edges = [{"node": run_shape(run, account), "cursor": run.name} for run in found]
    return {
        "project": {
            **project_shape(variables["project"]),
            "runCount": len(found),
            "runs": {"edges": edges, "pageInfo": LAST_PAGE},
        }
    }


def _matches(run: Run, wanted: dict[str, Any]) -> bool:
    """MongoDB's filters as far as the client uses them: equality, and several at once."""
    fields = {"group": run.group, "jobType": run.job_type, "state": run.state, "sweep": run.sweep, "name": run.name}
    return all(
        all(_matches(run, one) for one in value) if key == "$and" else fields.get(key) == value
        for key, value in wanted.items()
    )


@operation("Run", "RunState")
def one_run(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    run = account.runs.get(variables["name"])
    return {"project": {**project_shape(variables["project"]), "run": run_shape(run, account) if run else None}}


@operation("RunFullHistory")
def full_history(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    lines = [json.dumps(row) for row in account.run(variables["name"]).history]
    return {"project": {"run": {"history": lines}}}


@operation("RunHistoryKeys")
def history_keys(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    return {"project": {"run": {"historyKeys": history_keys_shape(account.run(variables["name"]))}}}


@operation("RunParquetHistory")
def parquet_history(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    rows = account.run(variables["runName"]).history
    return {"project": {"run": {"parquetHistory": {"parquetUrls": [], "liveData": rows}}}}


@operation("HistoryPage", "SampledHistoryPage")
def history_page(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    rows = account.run(variables["run"]).history
    lines = [json.dumps(row) for row in rows if variables["minStep"] <= row["_step"] < variables["maxStep"]]
    return {"project": {"run": {"history": lines}}}


@operation("RunFiles")
def run_files(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    run = account.run(variables["name"])
    folder = f"{server}/files/{ENTITY}/{run.project}/{run.name}"
    wanted = [name for name in run.files if name in (variables["fileNames"] or run.files)]
    files = [
        {
            "id": name,
            "name": name,
            "url": f"{folder}/{name}",
            "directUrl": f"{folder}/{name}",
            "sizeBytes": len(run.files[name]),
            "mimetype": "",
            "updatedAt": NOW,
            "md5": "",
        }
        for name in sorted(wanted)
    ]
    edges = [{"node": file, "cursor": file["name"]} for file in files]
    return {
        "project": {
            "internalId": "1",
            "run": {"fileCount": len(files), "files": {"edges": edges, "pageInfo": LAST_PAGE}},
        }
    }


# --- sweeps ---


@operation("UpsertSweep")
def upsert_sweep(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    name = variables["id"] or new_id("sweep")
    project = variables["projectName"] or "uncategorized"
    sweep = account.sweeps.setdefault(name, Sweep(name, variables["config"], project))
    sweep.state = variables.get("state") or sweep.state
    shape = {"id": name, "name": name, "state": sweep.state, "project": project_shape(project)}
    return {"upsertSweep": {"sweep": shape, "configValidationWarnings": []}}


@operation("GetSweep", "SweepWithRuns")
def one_sweep(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    sweep = account.sweeps.get(variables.get("sweep") or variables["name"])
    return {"project": {**project_shape(variables["project"]), "sweep": sweep_shape(sweep, account) if sweep else None}}


@operation("CreateAgent")
def create_agent(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    agent = new_id("agent")
    account.agents[agent] = account.sweeps[variables["sweep"]]
    return {"createAgent": {"agent": {"id": agent}}}


@operation("Heartbeat")
def heartbeat(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    """An agent without a running run gets the next one, or is sent home."""
    busy = any(json.loads(variables["runState"]).values())
    return {
        "agentHeartbeat": {
            "agent": {"id": variables["id"]},
            "commands": json.dumps([] if busy else [_command(account, account.agents[variables["id"]])]),
        }
    }


def _command(account: Account, sweep: Sweep) -> dict[str, Any]:
    run = account.propose(sweep)
    if run is None:
        return {"type": "exit"}
    return {"type": "run", "run_id": run.name, "args": json.loads(run.config), "program": None}


# --- artifacts ---


@operation("ArtifactType")
def artifact_type(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    """Whether an artifact of a name is there already; each is logged once here."""
    return {"project": {"artifact": None}}


@operation("CreateArtifact")
def create_artifact(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    asked = variables["input"]
    collection = asked["artifactCollectionName"]
    before = account.latest(collection)
    made = Artifact(
        id=new_id("artifact"),
        collection=collection,
        kind=asked["artifactTypeName"],
        run=asked["runName"],
        digest=asked["digest"],
        version=before.version + 1 if before else 0,
    )
    account.artifacts[made.id] = made
    sequence = {"id": collection, "latestArtifact": None}
    return {
        "createArtifact": {
            "artifact": {"id": made.id, "state": made.state, "artifactSequence": sequence, "versionIndex": made.version}
        }
    }


@operation("CreateArtifactManifest")
def create_manifest(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    artifact = variables["artifactID"]
    file = upload_shape(f"{server}/manifests/{artifact}", name="wandb_manifest.json")
    return {"createArtifactManifest": {"artifactManifest": {"id": f"manifest-of-{artifact}", "file": file}}}


@operation("CreateArtifactFiles")
def create_artifact_files(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    nodes = [
        {
            **upload_shape(f"{server}/artifacts/{file['artifactID']}/{file['name']}", name=file["name"]),
            "storagePath": file["name"],
            "artifact": {"id": file["artifactID"]},
            "uploadMultipartUrls": None,
        }
        for file in variables["input"]["artifactFiles"]
    ]
    return {"createArtifactFiles": {"files": {"edges": [{"node": node} for node in nodes]}}}


@operation("CommitArtifact")
def commit_artifact(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    artifact = account.artifacts[variables["artifactID"]]
    artifact.state = "COMMITTED"
    return {"commitArtifact": {"artifact": {"id": artifact.id, "digest": artifact.digest}}}


@operation("RunOutputArtifacts")
def output_artifacts(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    run = account.run(variables["run"])
    found = [artifact_shape(one, run.project) for one in account.artifacts.values() if one.run == run.name]
    edges = [{"node": node} for node in found]
    return {"project": {"run": {"artifacts": {"totalCount": len(found), "pageInfo": LAST_PAGE, "edges": edges}}}}


@operation("ArtifactMembershipByName")
def artifact_by_name(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    found = account.latest(variables["name"].partition(":")[0])
    assert found is not None
    membership = {
        "__typename": "ArtifactCollectionMembership",
        "id": f"membership-{found.id}",
        "versionIndex": found.version,
        "createdAt": NOW,
        "aliases": [{"__typename": "ArtifactAlias", "id": "latest", "alias": "latest"}],
        "artifactCollection": sequence_shape(found, variables["project"]),
        "artifact": artifact_shape(found, variables["project"]),
    }
    return {"project": {"artifactCollectionMembership": membership}}


@operation("FetchArtifactManifest")
def fetch_manifest(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    return {"artifact": {"currentManifest": {"file": {"directUrl": f"{server}/manifests/{variables['id']}"}}}}


@operation("GetArtifactMembershipFileUrls")
def artifact_files(account: Account, variables: Variables, server: str) -> dict[str, Any]:
    found = account.latest(variables["collection"])
    assert found is not None
    urls = {name: f"{server}/artifacts/{found.id}/{name}" for name in found.files}
    nodes = [{"__typename": "File", "name": name, "directUrl": url} for name, url in urls.items()]
    files = {"pageInfo": LAST_PAGE, "edges": [{"node": node} for node in nodes]}
    collection = {"__typename": "ArtifactSequence", "artifactMembership": {"files": files}}
    return {"project": {"artifactCollection": collection}}
