"""What a bench measured and what it measured with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec


def codec_identity(codec: Codec[Any, Any]) -> dict[str, str]:
    """Return name, revision and fingerprint of a codec."""
    spec = codec.spec
    return {"name": spec.name, "revision": spec.revision, "fingerprint": spec.fingerprint}


def package_versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def identity_note(codec: Mapping[str, str], versions: Mapping[str, str]) -> str:
    """Say in one sentence which codec was measured, and with which packages."""
    with_what = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"Codec `{codec['name']}`, revision {codec['revision']}, fingerprint "
        f"`{codec['fingerprint']}`; {with_what}."
    )
