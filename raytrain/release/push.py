"""An exported folder and a name on the hub in; the folder there, and whether everybody may see it, out. No torch.

huggingface_hub finds the token where it always does: in HF_TOKEN, or where `hf auth login` left it. It is handed to
nothing else, and taken out of what a server says.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError, RepositoryNotFoundError
from huggingface_hub.utils import validate_repo_id

from raytrain.errors import Broken, InputError

_LOGIN = "run hf auth login, or set HF_TOKEN to a token that may write"


@dataclass(frozen=True)
class Pushed:
    """What came of a push."""

    hub_id: str
    url: str
    """The address of the commit."""
    private: bool
    """Whether only its owners see it, as the hub itself says."""

    @property
    def sentence(self) -> str:
        """Where the model is, and for whom."""
        return f"{self.hub_id}: pushed, {'private' if self.private else 'open to everybody'}: {self.url}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Destination:
    """A model on the hub that is ours to write to, new or not."""

    hub_id: str
    public: bool
    """Whether a new one is open to everybody, and one that is open already may be written to."""

    def push(self, folder: Path) -> Pushed:
        """Upload a whole exported folder as one commit. Broken: the hub does not take it; the folder stays."""
        api, way_out = HfApi(), f"the export is whole; when that is mended: hf upload {self.hub_id} {folder} ."
        with _faults_told(f"--push {self.hub_id}", way_out):
            api.create_repo(self.hub_id, private=not self.public, exist_ok=True)
            private = _is_private(api, self.hub_id)
            if private is not True and not self.public:
                raise Broken(f"--push {self.hub_id}: the hub did not make it private, so nothing is sent; {way_out}")
            commit = api.upload_folder(
                repo_id=self.hub_id, folder_path=folder, commit_message="Upload a model fine-tuned with raytrain"
            )
        return Pushed(self.hub_id, str(commit.commit_url), bool(private))


def destination(hub_id: str, *, public: bool) -> Destination:
    """See, before the work, that there is a token the hub takes, and that nothing is published by mistake.

    InputError: no name, no token, or one that is open to everybody already. Broken: no hub is reached.
    """
    try:
        validate_repo_id(hub_id)
    except HFValidationError:
        raise InputError(
            f"--push {hub_id}: no name on the hub; take NAME or OWNER/NAME, of letters, digits, - _ ., 96 at most"
        ) from None
    if get_token() is None:
        raise InputError(f"--push {hub_id}: no token for the hub; {_LOGIN}")
    api = HfApi()
    with _faults_told(f"--push {hub_id}", "nothing was made"):
        owner = api.whoami()["name"]
        full = hub_id if "/" in hub_id else f"{owner}/{hub_id}"
        private = _is_private(api, full)
    if private is False and not public:
        raise InputError(
            f"--push {hub_id}: {full} is open to everybody already; add --public if that is meant, or name another"
        )
    return Destination(full, public)


def _is_private(api: HfApi, hub_id: str) -> bool | None:
    """Whether a model is private; None where there is none."""
    try:
        return api.model_info(hub_id).private
    except RepositoryNotFoundError as error:
        if error.response.status_code == 401:  # huggingface_hub takes a token that is not known for a model that is not
            raise
        return None


@contextmanager
def _faults_told(place: str, way_out: str) -> Iterator[None]:
    """What the hub or the way to it refuses, as one line."""
    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status == 401:
            raise _fault(f"{place}: the hub does not know this token; {_LOGIN}; {way_out}") from None
        if status == 403:
            raise _fault(f"{place}: the hub does not let this token write there; {_LOGIN}; {way_out}") from None
        said = error.server_message or error.response.reason_phrase
        raise _fault(f"{place}: the hub answered {status}: {said}; {way_out}") from None
    # RuntimeError and ValueError: an upload that broke off, a server that talks of something else.
    except (HTTPError, OSError, RuntimeError, ValueError) as error:
        cause = error.__cause__ or error
        raise _fault(
            f"{place}: it does not get through to the hub ({type(cause).__name__}: {cause}); {way_out}"
        ) from None


def _fault(told: str) -> Broken:
    token = get_token()
    one_line = " ".join(told.split())
    return Broken(one_line.replace(token, "...") if token else one_line)
