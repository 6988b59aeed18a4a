"""Pushing a folder of `space` to Hugging Face; the only module here that uses the network."""

from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

from neuroceleb.errors import UserError

# What the HTTP client of huggingface_hub raises, which is httpx or its successor.
_HTTP_ERROR: type[Exception] = HfHubHTTPError.__bases__[0]


def push(
    folder: Path, repository: str, *, private: bool = True, endpoint: str | None = None
) -> str:
    """Upload a folder as a static Space, created if it does not exist; returns its address.

    `repository` is USER/NAME. An existing Space keeps its visibility. The token is that of `hf auth
    login` or HF_TOKEN. Raises UserError where it is missing, or the server refuses.
    """
    api = HfApi(endpoint=endpoint)
    try:
        api.create_repo(
            repository, repo_type="space", space_sdk="static", private=private, exist_ok=True
        )
        done = api.upload_folder(
            folder_path=folder,
            repo_id=repository,
            repo_type="space",
            commit_message="Upload a generator of faces",
        )
    except HFValidationError as error:
        raise UserError(
            "'{name}' is not a repository: write USER/NAME.", name=repository[:80]
        ) from error
    except LocalTokenNotFoundError as error:
        raise UserError(
            "There is no token of Hugging Face: run 'hf auth login', or set HF_TOKEN."
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise UserError(
            "Hugging Face refused {name} (status {status}): check the token, its permission to "
            "write, and the name.",
            name=repository,
            status=status,
        ) from error
    except (_HTTP_ERROR, OSError) as error:
        raise UserError(
            "Hugging Face cannot be reached ({reason}): check the network and try again.",
            reason=str(error)[:100],
        ) from error
    return str(done.commit_url).split("/commit/")[0]
